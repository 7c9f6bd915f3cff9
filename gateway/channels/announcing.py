"""Coalescing: under load one ticket stands for many rows, and nobody who rings ever waits for a broker."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import structlog

from gateway.ports import Channel, Ticket

log = structlog.get_logger("channel")

PAUSE = 0.02  # seconds between two announcements: the longest a ring waits, and the most tickets there are


class Announcing:
    """Wraps a channel: `ring` only notes the destination; one thread announces what was noted, each destination once."""

    def __init__(self, inner: Channel) -> None:
        self._inner = inner
        self._noted: set[str] = set()
        self._lock = threading.Lock()
        self._wake = threading.Event()
        self._closed = False
        self._thread: threading.Thread | None = None

    def ring(self, destination: str) -> None:
        with self._lock:
            self._noted.add(destination)
            if self._thread is None:
                self._thread = threading.Thread(target=self._announce, name="announce", daemon=True)
                self._thread.start()
        self._wake.set()

    def _announce(self) -> None:
        while not self._closed:
            self._wake.wait()
            self._wake.clear()
            with self._lock:
                noted, self._noted = self._noted, set()
            for destination in sorted(noted):
                try:
                    self._inner.ring(destination)
                except Exception as error:  # noqa: BLE001 - whatever a broker raises: the sweep rings again
                    log.warning("ring_failed", destination=destination, error=f"{type(error).__name__}: {error}")
            threading.Event().wait(PAUSE)

    def listen(self, destinations: Sequence[str]) -> None:
        self._inner.listen(destinations)

    def take(self, timeout: float) -> Ticket | None:
        return self._inner.take(timeout)

    def done(self, ticket: Ticket) -> None:
        self._inner.done(ticket)

    def close(self) -> None:
        self._closed = True
        self._wake.set()
        if self._thread is not None:
            self._thread.join(timeout=5)
        self._inner.close()
