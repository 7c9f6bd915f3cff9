"""The thread between `lienthong up` and its children: a pipe each way, by number in the environment.

Down it the child learns that the supervisor is gone, even if that was killed with -9: the pipe closes, the child drains and ends.
Up it the child says once where it can be reached. Without the environment (a child started by hand) both do nothing.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable

LIFELINE = "LIENTHONG_LIFELINE"
READY = "LIENTHONG_READY"


def hold() -> None:
    """From now on, end this process (as SIGTERM would) when the supervisor has ended."""
    descriptor = os.environ.pop(LIFELINE, None)
    if descriptor is not None:
        threading.Thread(target=_watch, args=(int(descriptor),), name="lifeline", daemon=True).start()


def _watch(descriptor: int) -> None:
    while os.read(descriptor, 1):
        pass  # nobody writes; the read ends when the last writer is gone
    os.kill(os.getpid(), signal.SIGTERM)


def hear_asking(ask: Callable[[], None]) -> None:
    """SIGUSR1 and SIGHUP call `ask` from now on. At a terminal SIGHUP ends this process, as it always did: a terminal that closes sends it."""
    end_it = sys.stderr.isatty()
    signal.signal(signal.SIGUSR1, lambda *_: ask())
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM) if end_it else ask())


def say_ready(words: str) -> bool:
    """Tell the supervisor that this process works now; `words` is its address, or what it serves. False when there is none."""
    descriptor = os.environ.pop(READY, None)
    if descriptor is None:
        return False
    try:
        os.write(int(descriptor), f"{words}\n".encode())
    except BrokenPipeError:  # the supervisor was killed this very moment: the lifeline ends us
        return False
    finally:
        os.close(int(descriptor))
    return True
