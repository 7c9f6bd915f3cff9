"""A warning logged while `lienthong send --json` ran was written into its answer."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import structlog
from gateway.signals import keep_stdout_clean
keep_stdout_clean()
structlog.get_logger("channel").warning("ring_failed", destination="portal")
print("{}")
"""


def test_a_warning_goes_to_stderr() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)

    assert done.stdout == "{}\n"
    assert '"event":"ring_failed"' in done.stderr.replace(" ", "")
