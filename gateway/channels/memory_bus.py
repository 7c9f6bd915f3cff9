"""The bus in memory: the declared exchanges and queues, with what a broker promises of them. For tests, and for trying things out.

One `MemoryBroker` is the broker; each process that would connect to it has a `MemoryBus`. Closing a bus is losing its connection.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from gateway.channels.topology import Queue, Topology
from gateway.ports import Arrival, BusAway, Confirm, Publication


@dataclass(eq=False)
class _Kept:
    """A message in a queue. `place` keeps its order; `given` counts how often it came back."""

    place: int
    publication: Publication
    user: str | None
    given: int = 0


@dataclass(eq=False)
class _Box:
    """A queue's content. `out` are the messages that a bus holds unanswered."""

    queue: Queue
    waiting: deque[_Kept] = field(default_factory=deque)
    out: dict[_Kept, MemoryBus] = field(default_factory=dict)
    readers: list[MemoryBus] = field(default_factory=list)

    @property
    def limits(self) -> Mapping[str, Any]:
        return self.queue.arguments


class MemoryBroker:
    """Exchanges and queues of `wanted`."""

    def __init__(self, wanted: Topology) -> None:
        self.kinds = {e.name: e.kind for e in wanted.exchanges}
        self.boxes = {q.name: _Box(q) for q in wanted.queues}
        self.away = False
        self.changed = threading.Condition(threading.RLock())
        self._places = 0

    def connect(self, user: str | None = None) -> MemoryBus:
        """`user`: the broker tells readers that this user published it."""
        return MemoryBus(self, user)

    def go_away(self) -> None:
        """Nobody reaches it, and every connection is lost; what it holds outlives that, as on disk. `come_back` ends it."""
        with self.changed:
            self.away = True
            for box in self.boxes.values():
                for kept in list(box.out):
                    self.give_back(box, kept)

    def come_back(self) -> None:
        """Every bus attends again what it attended before."""
        with self.changed:
            self.away = False
            self.changed.notify_all()

    def put(self, publication: Publication, user: str | None) -> Confirm:
        """Into every queue that wants it, or into none."""
        boxes = self._boxes_for(publication.exchange, publication.key)
        if any(box.limits.get("x-overflow") == "reject-publish" and self._full(box, publication) for box in boxes):
            return Confirm.REFUSED
        for box in boxes:
            self._places += 1
            box.waiting.append(_Kept(self._places, publication, user))
            self._drop_oldest(box)
        self.changed.notify_all()
        return Confirm.KEPT if boxes else Confirm.UNROUTED

    def _boxes_for(self, exchange: str, key: str) -> list[_Box]:
        if exchange == "":
            return [self.boxes[key]] if key in self.boxes else []
        kind = self.kinds[exchange]
        return [
            b for b in self.boxes.values() if any(e == exchange and _fits(kind, k, key) for e, k in b.queue.bindings)
        ]

    def _full(self, box: _Box, one: Publication | None = None) -> bool:
        """Is there no room for `one` more?"""
        kept = [k.publication for k in (*box.waiting, *box.out)] + ([one] if one else [])
        most, most_bytes = box.limits.get("x-max-length"), box.limits.get("x-max-length-bytes")
        return (most is not None and len(kept) > most) or (
            most_bytes is not None and sum(len(p.body) for p in kept) > most_bytes
        )

    def _drop_oldest(self, box: _Box) -> None:
        while box.waiting and self._full(box):
            self.bury(box, box.waiting.popleft(), "maxlen")

    def give_back(self, box: _Box, kept: _Kept) -> None:
        """From whoever holds it to its old place; after too many times, to the dead letters."""
        del box.out[kept]
        kept.given += 1
        limit = box.limits.get("x-delivery-limit")
        if limit is not None and kept.given > limit:
            self.bury(box, kept, "delivery_limit")
            return
        box.waiting = deque(sorted((*box.waiting, kept), key=lambda k: k.place))

    def bury(self, box: _Box, kept: _Kept, reason: str) -> None:
        """To the queue's dead letters, if it has any."""
        exchange = box.limits.get("x-dead-letter-exchange")
        if exchange is not None:
            death = {"x-first-death-queue": box.queue.name, "x-first-death-reason": reason}
            letter = replace(kept.publication, exchange=exchange, headers={**kept.publication.headers, **death})
            self.put(letter, kept.user)


class MemoryBus:
    """One connection. Implements the port `Bus`."""

    def __init__(self, broker: MemoryBroker, user: str | None = None) -> None:
        self._broker = broker
        self._user = user
        self._most = 0

    def publish(self, publications: Sequence[Publication], timeout: float) -> Sequence[Confirm]:
        with self._reached():
            return [self._broker.put(one, self._user) for one in publications]

    def attend(self, queues: Sequence[str], most: int) -> None:
        """Until the next call; none at all gives up what it holds."""
        with self._broker.changed:
            self._leave()
            self._most = most
            for name in queues:
                self._broker.boxes[name].readers.append(self)
            self._broker.changed.notify_all()

    def receive(self, most: int, timeout: float) -> Sequence[Arrival]:
        until = time.monotonic() + timeout
        with self._broker.changed:
            while not (found := self._take(most)):
                left = until - time.monotonic()
                if left <= 0:
                    return []
                self._broker.changed.wait(left)
            return found

    def done(self, arrivals: Sequence[Arrival]) -> None:
        with self._broker.changed:
            for arrival in arrivals:
                box, kept = arrival.handle
                if box.out.get(kept) is self:
                    del box.out[kept]

    def put_back(self, arrivals: Sequence[Arrival]) -> None:
        with self._broker.changed:
            for arrival in arrivals:
                box, kept = arrival.handle
                if box.out.get(kept) is self:
                    self._broker.give_back(box, kept)
            self._broker.changed.notify_all()

    def close(self) -> None:
        with self._broker.changed:
            self._leave()
            self._broker.changed.notify_all()

    def _reached(self) -> threading.Condition:
        if self._broker.away:
            raise BusAway("the broker in memory is away")
        return self._broker.changed

    def _leave(self) -> None:
        for box in self._broker.boxes.values():
            box.readers = [reader for reader in box.readers if reader is not self]
            for kept in [kept for kept, holder in box.out.items() if holder is self]:
                self._broker.give_back(box, kept)

    def _take(self, most: int) -> list[Arrival]:
        if self._broker.away:
            return []
        found: list[Arrival] = []
        for box in self._broker.boxes.values():
            mine = self in box.readers and (not box.limits.get("x-single-active-consumer") or box.readers[0] is self)
            while mine and box.waiting and len(found) < most and len(box.out) < self._most:
                kept = box.waiting.popleft()
                box.out[kept] = self
                found.append(_arrival(box, kept))
        return found


def _arrival(box: _Box, kept: _Kept) -> Arrival:
    one = kept.publication
    return Arrival(
        queue=box.queue.name, body=one.body, content_type=one.content_type, id=one.id, reply_of=one.reply_of, user=kept.user,
        headers=dict(one.headers), again=kept.given > 0, handle=(box, kept),
    )  # fmt: skip


def _fits(kind: str, pattern: str, key: str) -> bool:
    if kind == "topic":
        return topic_fits(pattern.split("."), key.split("."))
    return kind == "fanout" or pattern == key


def topic_fits(pattern: Sequence[str], key: Sequence[str]) -> bool:
    """`*` is one word, `#` any number of them."""
    if not pattern:
        return not key
    if pattern[0] == "#":
        return any(topic_fits(pattern[1:], key[i:]) for i in range(len(key) + 1))
    return bool(key) and pattern[0] in ("*", key[0]) and topic_fits(pattern[1:], key[1:])
