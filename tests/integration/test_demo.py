"""The demo runs to its end, and its end is that a planted disagreement was healed and every book agrees."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_ends_well_and_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "gateway.cli.main", "demo", "--fast", "--dossiers", "20"]

    done = subprocess.run(
        command,
        env={"TMPDIR": str(tmp_path), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=230,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "✗" not in done.stdout
    assert "all books agree" in done.stdout
    assert "the change by hand was found and healed, no row doubled" in done.stdout
    assert list(tmp_path.iterdir()) == []
