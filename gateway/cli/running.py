"""What the processes that run for months share: they stay small, and run until they are told to end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable

from gateway.cli import lifeline


def stay_small() -> None:
    """Call before anything is loaded that logs: structlog would load rich, for tracebacks that these processes never draw (6 MiB each)."""
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # the interpreter's own way to say: not to be imported


def until_told(ready: str, alive: Callable[[], bool]) -> bool:
    """Wait for SIGTERM or SIGINT (or for the supervisor's end). False when a thread ended by itself, which is a fault."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    lifeline.hold()
    lifeline.say_ready(ready)
    while not stop.wait(1.0):
        if not alive():
            return False
    return True
