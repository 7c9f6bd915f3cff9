"""Messages that have arrived and wait here for whoever takes them. As many as the prefetch allows, never more.

What was put back comes again from the broker *behind* what had already arrived. So that it keeps its place, the queue waits here
until it is back.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Sequence

from gateway.ports import Arrival

BACK = 1.0  # seconds until what was put back must have come again; a dead letter never does


class _Row:
    """The messages of one queue."""

    def __init__(self) -> None:
        self.ready: deque[Arrival] = deque()
        self.returned: list[Arrival] = []  # came again, and wait for the rest of those put back
        self.expected = 0  # how many of those put back are still on their way
        self.until = 0.0

    def add(self, arrival: Arrival) -> None:
        if self.expected and arrival.again:
            self.returned.append(arrival)
            self.expected -= 1
        else:
            self.ready.append(arrival)

    def held(self) -> bool:
        """Something put back is still on its way."""
        if self.expected and time.monotonic() < self.until:
            return True
        self.expected = 0
        self.ready.extendleft(reversed(self.returned))
        self.returned.clear()
        return False


class Inbox:
    """By queue, each in order; filled by the link's thread, emptied by others."""

    def __init__(self) -> None:
        self._rows: dict[str, _Row] = {}
        self._changed = threading.Condition()

    def add(self, arrival: Arrival) -> None:
        with self._changed:
            self._rows.setdefault(arrival.queue, _Row()).add(arrival)
            self._changed.notify_all()

    def forget(self, queue: str) -> None:
        """The channel is gone: all of this comes again."""
        with self._changed:
            self._rows.pop(queue, None)

    def expect(self, queue: str, count: int) -> None:
        """So many were put back."""
        with self._changed:
            row = self._rows.setdefault(queue, _Row())
            row.expected += count
            row.until = time.monotonic() + BACK

    def take(self, most: int, timeout: float) -> Sequence[Arrival]:
        """Up to `most`, the first within `timeout` seconds; each queue in its turn, a queue's messages in order."""
        until = time.monotonic() + timeout
        with self._changed:
            while not (found := self._ready(most)):
                left = until - time.monotonic()
                if left <= 0:
                    break
                self._changed.wait(min(left, BACK))
            return found

    def _ready(self, most: int) -> list[Arrival]:
        rows = [(name, row) for name, row in self._rows.items() if not row.held() and row.ready]
        found: list[Arrival] = []
        for name, row in rows:
            share = max(1, (most - len(found)) // len(rows))
            while row.ready and share and len(found) < most:
                found.append(row.ready.popleft())
                share -= 1
            self._rows[name] = self._rows.pop(name)  # it was its turn: next time it is asked last
        return found
