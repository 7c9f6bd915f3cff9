"""On SIGTERM kept connections were closed at once: a caller whose request was on its way lost it, and could not know what became of it."""

from __future__ import annotations

import signal
from pathlib import Path

from tests.commands import Caller, Command, free_port, running, until
from tests.door import fresh_ledger


def test_a_kept_connection_is_told_that_it_ends_before_it_does(tmp_path: Path) -> None:
    port = free_port()
    place = {"LIENTHONG_HOME": str(tmp_path), "LIENTHONG_LEDGER": fresh_ledger(tmp_path), "LIENTHONG_PORT": str(port)}
    web, kept = Command(tmp_path, place, "web"), Caller(port, keep=True)
    with running(web):
        web.wait_for(f"web: http://127.0.0.1:{port}")
        assert kept.ask("GET", "/healthz")[1].get("connection") != "close"

        web.process.send_signal(signal.SIGTERM)
        until(lambda: Caller(port).status("/healthz") == 0)
        status, headers, _ = kept.ask("GET", "/healthz")

        assert (status, headers["connection"]) == (200, "close")
        assert web.process.wait(20) == 0
