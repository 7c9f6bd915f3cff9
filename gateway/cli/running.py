"""What `work` and `clock` share: threads run until the process is told to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

from gateway.cli import lifeline


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
