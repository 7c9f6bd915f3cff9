"""While the database is away one thread at a time asks whether it is back; the others are told at once, so that nothing piles up."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class LedgerAway(Exception):
    """The database does not answer. Accept says 503; workers wait."""


class Absence:
    """What is known of a database that went away."""

    def __init__(self) -> None:
        self._cause: str | None = None
        self._asking = threading.Lock()

    def note(self, cause: str) -> None:
        self._cause = cause

    @contextmanager
    def question(self) -> Iterator[None]:
        """Around reaching for the database. Raises `LedgerAway` at once while another thread asks in vain; one that got there ends it."""
        cause = self._cause
        if cause is None:
            yield
            return
        if not self._asking.acquire(blocking=False):
            raise LedgerAway(cause)
        try:
            yield
            self._cause = None
        finally:
            self._asking.release()
