"""The gateway's parts with fault points around them. Nothing of the gateway itself is changed: its ports are wrapped, its ledger is subclassed."""

from __future__ import annotations

import os
import sys
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import Connection

from gateway.channels.memory_bus import MemoryBus
from gateway.errors import DeliveryError
from gateway.ledger import Ledger
from gateway.ports import Arrival, Confirm, Found, Health, Page, Parcel, Poller, Publication, Receipt, Ticket
from tests.faults.points import Points

T = TypeVar("T")


class FragileLedger(Ledger):
    """A ledger whose every transaction may be the last of its process. A point is named after the function that asked for it."""

    points: Points

    def write(self) -> Any:
        return self._write(_asker())

    @contextmanager
    def _write(self, asker: str) -> Iterator[Connection]:
        self.points.reach_ledger(f"{asker}: before the beginning")
        with super().write() as connection:
            yield connection
            self.points.reach_ledger(f"{asker}: before the commit")
        self.points.reach_ledger(f"{asker}: after the commit")

    def write_together(self, work: Callable[[Connection], T]) -> T:
        asker = _asker()
        self.points.reach_ledger(f"{asker}: before the turn")
        answer = super().write_together(work)
        self.points.reach(f"{asker}: before the answer")
        return answer

    def read(self) -> Any:
        return self._read(_asker())

    @contextmanager
    def _read(self, asker: str) -> Iterator[Connection]:
        self.points.reach_ledger(f"{asker}: before reading")
        with super().read() as connection:
            yield connection

    def bury(self) -> None:
        """What the operating system does for a process that is gone: its connections and its locks end."""
        self.close()
        turn = getattr(self._turn, "_file", None)
        if turn is not None:
            os.close(turn)


def _asker() -> str:
    """The function that asked for the transaction: the caller of the caller."""
    return sys._getframe(2).f_code.co_qualname.replace(".<locals>", "")


class Board:
    """A broker in memory that outlives processes: tickets by destination. What a dead process had taken comes again."""

    def __init__(self) -> None:
        self.waiting: dict[str, deque[str]] = defaultdict(deque)
        self.taken: list[tuple[object, str]] = []
        self.away = False

    def lose(self, owner: object) -> None:
        for one in [t for t in self.taken if t[0] is owner]:
            self.taken.remove(one)
            self.waiting[one[1]].append(one[1])


class FragileChannel:
    """A process's hold on the board."""

    def __init__(self, board: Board, points: Points) -> None:
        self._board = board
        self._points = points
        self._mine: list[str] = []

    def ring(self, destination: str) -> None:
        self._points.reach("channel.ring: before")
        if not self._board.away and len(self._board.waiting[destination]) < 8:
            self._board.waiting[destination].append(destination)
        self._points.reach("channel.ring: after")

    def listen(self, destinations: Sequence[str]) -> None:
        self._mine = list(destinations)

    def take(self, timeout: float) -> Ticket | None:
        self._points.reach("channel.take: before")
        if self._board.away:
            raise ConnectionError("no broker")
        for destination in self._mine:
            if self._board.waiting[destination]:
                self._board.waiting[destination].popleft()
                handle = (self, destination)
                self._board.taken.append(handle)
                self._points.reach("channel.take: after")
                return Ticket(destination, handle)
        return None

    def done(self, ticket: Ticket) -> None:
        self._points.reach("channel.done: before")
        self._board.taken.remove(ticket.handle)
        self._points.reach("channel.done: after")

    def close(self) -> None:
        self._board.lose(self)


class FragileBus:
    """A process's connection to the broker that carries messages themselves."""

    def __init__(self, inner: MemoryBus, points: Points) -> None:
        self._inner = inner
        self._points = points

    def publish(self, publications: Sequence[Publication], timeout: float) -> Sequence[Confirm]:
        self._points.reach("bus.publish: before")
        confirms = self._inner.publish(publications, timeout)
        self._points.reach("bus.publish: after")
        return confirms

    def attend(self, queues: Sequence[str], most: int) -> None:
        self._inner.attend(queues, most)

    def receive(self, most: int, timeout: float) -> Sequence[Arrival]:
        arrivals = self._inner.receive(most, timeout)
        if arrivals:
            self._points.reach("bus.receive: after")
        return arrivals

    def done(self, arrivals: Sequence[Arrival]) -> None:
        if arrivals:
            self._points.reach("bus.done: before")
        self._inner.done(arrivals)
        if arrivals:
            self._points.reach("bus.done: after")

    def put_back(self, arrivals: Sequence[Arrival]) -> None:
        self._points.reach("bus.put_back: before")
        self._inner.put_back(arrivals)

    def close(self) -> None:
        self._inner.close()


class FragileOutbound:
    """A connector in a process that may die before it calls, and after the partner did it."""

    def __init__(self, inner: Any, points: Points) -> None:
        self._inner = inner
        self._points = points
        self.together = getattr(inner, "together", 1)

    def deliver(self, parcel: Parcel) -> Receipt:
        self._points.reach("deliver: before the call")
        receipt: Receipt = self._inner.deliver(parcel)
        self._points.reach("deliver: after the effect")
        return receipt

    def find(self, parcel: Parcel) -> Found:
        self._points.reach("find: before the call")
        found: Found = self._inner.find(parcel)
        self._points.reach("find: after the answer")
        return found

    def deliver_together(self, parcels: Sequence[Parcel]) -> Sequence[Receipt | DeliveryError]:
        self._points.reach("deliver_together: before the call")
        results: Sequence[Receipt | DeliveryError] = self._inner.deliver_together(
            parcels, lambda: self._points.reach("deliver_together: in the middle")
        )
        self._points.reach("deliver_together: after the effect")
        return results

    def check(self) -> Sequence[Health]:
        return []


class FragilePoller:
    def __init__(self, inner: Poller, points: Points) -> None:
        self._inner = inner
        self._points = points

    def poll(self, cursor: str | None) -> Page:
        self._points.reach("poll: before the call")
        page = self._inner.poll(cursor)
        self._points.reach("poll: after the answer")
        return page


class Inline:
    """An executor that works at once, in the caller's thread: what a courier does then depends on the seed alone."""

    def submit(self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(work(*arguments))
        except BaseException as error:  # noqa: BLE001 - as ThreadPoolExecutor does: `result` raises it
            future.set_exception(error)
        return future

    def shutdown(self, wait: bool = True, **_: Any) -> None:
        """Nothing is under way between two calls."""


class Line:
    """Calls that last `seconds` of simulated time, over all the executors that share this line; `most` is how many were under way at once."""

    def __init__(self, now: Callable[[], datetime], seconds: float) -> None:
        self.now = now
        self.seconds = timedelta(seconds=seconds)
        self.most = 0
        self._under_way: list[tuple[datetime, Future[Any], Future[Any]]] = []

    def begin(self, future: Future[Any], result: Future[Any]) -> None:
        self._under_way.append((self.now() + self.seconds, future, result))
        self.most = max(self.most, len(self._under_way))

    def end(self) -> None:
        """Give the answers whose time has come."""
        ended = [call for call in self._under_way if call[0] <= self.now()]
        self._under_way = [call for call in self._under_way if call[0] > self.now()]
        for _, future, result in ended:
            error = result.exception()
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result.result())


class Lasting(Inline):
    """As `Inline`, but the answer comes only when the call's time on the line is over. No more than `places` at a time."""

    def __init__(self, line: Line, places: int) -> None:
        self._line = line
        self._places = places
        self._queue: deque[tuple[Future[Any], Callable[..., Any], Sequence[Any]]] = deque()
        self._busy = 0

    def submit(self, work: Callable[..., T], /, *arguments: Any) -> Future[T]:
        future: Future[T] = Future()
        self._queue.append((future, work, arguments))
        self._fill()
        return future

    def _fill(self) -> None:
        while self._queue and self._busy < self._places:
            future, work, arguments = self._queue.popleft()
            self._busy += 1
            future.add_done_callback(self._free)
            self._line.begin(future, super().submit(work, *arguments))

    def _free(self, _: Future[Any]) -> None:
        self._busy -= 1
        self._fill()
