"""The supervisor was killed while its worker started: nobody reads that it is ready, and its threads delivered on, unseen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from gateway.cli.lifeline import LIFELINE, READY
from gateway.config import default_folder
from gateway.ledger.schema import upgrade
from tests.house import ADDRESSES


def test_a_worker_whose_supervisor_is_gone_at_once_ends(tmp_path: Path) -> None:
    shutil.copytree(default_folder(), tmp_path / "config")
    (tmp_path / "data").mkdir()
    upgrade(f"sqlite:///{tmp_path / 'data' / 'lienthong.db'}")
    lifeline, its_writer = os.pipe()
    its_reader, ready = os.pipe()
    os.close(its_writer)
    os.close(its_reader)
    environment = {
        **os.environ,
        **ADDRESSES,
        "LIENTHONG_HOME": str(tmp_path),
        LIFELINE: str(lifeline),
        READY: str(ready),
    }
    environment.pop("LIENTHONG_LEDGER", None)

    done = subprocess.run(
        [sys.executable, "-m", "gateway.cli.main", "work", "--clock"],
        env=environment, pass_fds=(lifeline, ready), timeout=60, check=False,
    )  # fmt: skip

    assert done.returncode == 0
