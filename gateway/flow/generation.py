"""What a worker process runs on one reading of the operator's files: couriers, the clock, the inbox. The next reading's take over from it."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gateway.flow.clock import Clock
from gateway.flow.deliver import Work
from gateway.flow.gateway import Gateway
from gateway.flow.inbox import Inbox


class Generation:
    """Any of the three. Started once, left once."""

    def __init__(self, gateway: Gateway, work: Work | None, clock: Clock | None, inbox: Inbox | None) -> None:
        self.gateway = gateway
        self.work = work
        self.clock = clock
        self.inbox = inbox
        self._clock = threading.Thread(target=clock.run, name="clock") if clock else None
        self._inbox = threading.Thread(target=inbox.run, name="inbox") if inbox else None

    @property
    def names(self) -> str:
        """What it serves, in a few words."""
        if self.work is None:
            return "clock"
        return ", ".join(self.work.couriers) or "–"

    def start(self) -> None:
        if self.work is not None:
            self.work.start()
        for thread in (self._clock, self._inbox):
            if thread is not None:
                thread.start()

    def alive(self) -> bool:
        threads = [thread.is_alive() for thread in (self._clock, self._inbox) if thread is not None]
        return all(threads) and (self.work is None or self.work.alive())

    def leave(self) -> None:
        """Begin nothing more. When it returns, a successor on the same channel and bus may start; calls under way go on."""
        if self.clock is not None:
            self.clock.stop()
        if self.inbox is not None and self._inbox is not None:
            self.inbox.stop()
            self._inbox.join()  # it parts from its queues last: a successor's would be lost with them
        if self.work is not None:
            self.work.leave()

    def end(self) -> None:
        """Leave, and wait for what is under way to be settled."""
        self.leave()
        if self.work is not None:
            self.work.stop()
        if self._clock is not None:
            self._clock.join()


class Generations:
    """One generation at a time; one that was left may still be finishing its calls."""

    def __init__(self, make: Callable[[Gateway], Generation], gateway: Gateway) -> None:
        self._make = make
        self._now = make(gateway)
        self._leaving: list[threading.Thread] = []
        self._lock = threading.Lock()

    @property
    def names(self) -> str:
        return self._now.names

    def start(self) -> None:
        self._now.start()

    def alive(self) -> bool:
        with self._lock:
            return self._now.alive()

    def change(self, gateway: Gateway) -> None:
        """From now on by `gateway`. Nothing has changed when it raises."""
        successor = self._make(gateway)
        with self._lock:
            before, self._now = self._now, successor
            before.leave()
            successor.start()
        self._leaving = [thread for thread in self._leaving if thread.is_alive()]
        ending = threading.Thread(target=before.end, name="ending")
        ending.start()
        self._leaving.append(ending)

    def end(self) -> None:
        with self._lock:
            self._now.end()
        for thread in self._leaving:
            thread.join()
