"""`lienthong web --workers 2` killed with -9 left its forked processes behind: they held the port and served on with an old configuration."""

from __future__ import annotations

import os
from pathlib import Path

from tests.commands import Caller, Command, free_port, running, until
from tests.door import fresh_ledger


def test_web_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    port = free_port()
    place = {"LIENTHONG_HOME": str(tmp_path), "LIENTHONG_LEDGER": fresh_ledger(tmp_path), "LIENTHONG_PORT": str(port)}
    web = Command(tmp_path, place, "web", "--workers", "2")
    with running(web):
        web.wait_for(f"web: http://127.0.0.1:{port}")
        assert Caller(port).status("/readyz") == 200
        chief = web.process.pid
        workers = [int(pid) for pid in Path(f"/proc/{chief}/task/{chief}/children").read_text().split()]
        assert len(workers) == 2

        web.process.kill()

        until(lambda: not any(_is_alive(pid) for pid in workers))
        assert Caller(port).status("/healthz") == 0


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False
