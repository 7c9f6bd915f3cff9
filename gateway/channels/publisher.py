"""Publishing with confirms, many under way at a time. It runs in the link's thread; only `Batch.wait` is for others."""

from __future__ import annotations

import math
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from itertools import takewhile
from typing import Any

import pika
import structlog
from pika import spec
from pika.exceptions import AMQPError

from gateway.channels.link import Link, explain
from gateway.channels.topology import tickets_of
from gateway.ports import BusAway, Confirm, Publication

log = structlog.get_logger("broker")

MOST = 512  # publications under way at a time
MOST_BYTES = 8 << 20  # and their size, unless one alone is larger
REOPEN = 1.0  # seconds between two channels, however the broker refuses
LONGEST = 255  # bytes of a name in AMQP
SILENCE = 30.0  # seconds after which a publication that the broker says nothing about costs its channel
PATIENCE = 0.5  # seconds that a blocked broker has to confirm what it may have read already


class Batch:
    """One caller's publications. The link's thread fills in what became of each; the caller waits."""

    def __init__(self, publications: Sequence[Publication], timeout: float) -> None:
        """Raises `ValueError` for a publication that cannot be written as AMQP."""
        self.publications = publications
        self.properties = [write_properties(publication) for publication in publications]
        self._results: list[Confirm | None] = [None] * len(publications)
        self._sent = self._said = 0
        self._deadline = time.monotonic() + timeout
        self._over = False
        self._changed = threading.Condition()

    def next(self) -> int | None:
        """The index of the next one to send; None when there is none, or nobody waits any more."""
        with self._changed:
            if self._over or self._sent == len(self.publications):
                return None
            self._sent += 1
            return self._sent - 1

    def say(self, index: int, confirm: Confirm) -> None:
        with self._changed:
            self._results[index] = confirm
            self._said += 1
            if self._said == len(self.publications):
                self._over = True
                self._changed.notify()

    def end(self, seconds: float = 0.0) -> None:
        """No more of it will be sent; what is under way has `seconds` to be confirmed."""
        with self._changed:
            self._deadline = min(self._deadline, time.monotonic() + seconds)
            self._changed.notify()

    def wait(self) -> Sequence[Confirm]:
        """What became of each, at the latest when time is out. Raises `BusAway` when none was sent."""
        with self._changed:
            while not self._over and (left := self._deadline - time.monotonic()) > 0:
                self._changed.wait(left)
            self._over = True
            if not self._sent:
                raise BusAway("chưa gửi được bản tin nào cho RabbitMQ · nothing could be handed to RabbitMQ in time")
            return [confirm or Confirm.UNSAID for confirm in self._results]


class Sent:
    """A publication under way: of a batch, or a ring for a destination."""

    __slots__ = ("at", "batch", "destination", "exchange", "id", "index", "key", "returned", "size")

    def __init__(self, publication: Publication, batch: Batch | None, index: int, destination: str) -> None:
        self.exchange, self.key, self.id = publication.exchange, publication.key, publication.id
        self.size = len(publication.body)
        self.batch, self.index, self.destination = batch, index, destination
        self.returned = False
        self.at = time.monotonic()


class Pipe:
    """An AMQP channel with confirms, and what is under way in it."""

    def __init__(self, channel: Any) -> None:
        self.channel = channel
        self.under_way: dict[int, Sent] = {}  # by delivery tag, oldest first
        self.bytes = 0
        self._tag = 0

    def has_room(self) -> bool:
        return len(self.under_way) < MOST and self.bytes < MOST_BYTES

    def send(self, publication: Publication, properties: Any, sent: Sent) -> None:
        self._tag += 1
        self.under_way[self._tag] = sent
        self.bytes += sent.size
        self.channel.basic_publish(publication.exchange, publication.key, publication.body, properties, mandatory=True)

    def note_return(self, exchange: str, key: str, message_id: str | None) -> None:
        """Nobody wanted it. Its confirm comes after this, in the order of sending: so it is the oldest that looks like it."""
        for sent in self.under_way.values():
            if not sent.returned and (sent.exchange, sent.key, sent.id) == (exchange, key, message_id):
                sent.returned = True
                return

    def confirmed(self, tag: int, multiple: bool) -> Sequence[Sent]:
        """What the broker has spoken about: that tag, or all up to it."""
        tags = list(takewhile(lambda known: known <= tag, self.under_way)) if multiple else [tag]
        found = [self.under_way.pop(known) for known in tags]
        self.bytes -= sum(sent.size for sent in found)
        return found

    def waits_since(self) -> float:
        """When the oldest under way was sent."""
        return next((sent.at for sent in self.under_way.values()), math.inf)


class Publisher:
    """Rings: one under way for each destination, further ones wait their turn as one. Batches: in order, as far as the window reaches.

    A channel that first met a queue while that had no leader may refuse everything for it ever after (RabbitMQ 3.10): so a refusal
    brings a new channel, and so does silence. The old one stays until all is said that is under way in it.
    """

    def __init__(self, link: Link, missing: Callable[[], None]) -> None:
        self._link = link
        self._missing = missing  # a queue of ours is not there
        self._connection: Any = None
        self._pipe: Pipe | None = None  # takes what is new
        self._old: Pipe | None = None
        self._renewed = 0.0
        self._waiting: deque[Batch] = deque()
        self._noted: set[str] = set()  # destinations to ring for
        self._ringing: set[str] = set()
        self._blocked = False
        self._drained: Callable[[], None] | None = None

    # ── channels ────────────────────────────────────────────────────────────────────────────────────────────────

    def up(self, connection: Any) -> None:
        self._connection, self._blocked, self._renewed = connection, False, 0.0
        self._open()
        self._look(connection)

    def down(self) -> None:
        self._connection = None
        for pipe in self._pipes():
            self._forget(pipe)
        self._end_waiting(0.0)

    def _pipes(self) -> list[Pipe]:
        return [pipe for pipe in (self._pipe, self._old) if pipe is not None]

    def _open(self) -> None:
        self._connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        pipe = Pipe(channel)
        channel.add_on_close_callback(lambda _, error: self._closed(pipe, error))
        channel.add_on_return_callback(
            lambda _, method, properties, __: pipe.note_return(
                method.exchange, method.routing_key, properties.message_id
            )
        )
        channel.confirm_delivery(partial(self._confirmed, pipe), callback=lambda _: self._begin(pipe))

    def _begin(self, pipe: Pipe) -> None:
        """From now on this one takes what is new."""
        if self._old is not None:
            self._leave(self._old)
        self._old, self._pipe = self._pipe, pipe
        self._renewed = time.monotonic()
        self._part_when_empty()
        self._push()

    def _renew(self, least: float) -> None:
        """Open another channel, unless one was opened less than `least` seconds ago."""
        if time.monotonic() - self._renewed > least and self._connection is not None and self._connection.is_open:
            self._renewed = time.monotonic()
            self._open()

    def _part_when_empty(self) -> None:
        if self._old is not None and not self._old.under_way:
            self._leave(self._old)

    def _leave(self, pipe: Pipe) -> None:
        self._forget(pipe)
        if pipe.channel.is_open:
            pipe.channel.close()

    def _forget(self, pipe: Pipe) -> None:
        """What is still under way in it stays unsaid; its rings are noted again."""
        if pipe is self._old:
            self._old = None
        if pipe is self._pipe:
            self._pipe = None
        for sent in pipe.under_way.values():
            if sent.batch is not None:
                sent.batch.end()
            else:
                self._ringing.discard(sent.destination)
                self._noted.add(sent.destination)
        pipe.under_way.clear()

    def _closed(self, pipe: Pipe, error: BaseException) -> None:
        """The broker closed it: somebody published to an exchange that is not there, or may not."""
        if pipe not in self._pipes() or self._connection is None or not self._connection.is_open:
            return
        log.error("publishing_refused", cause=explain(error))
        current = pipe is self._pipe
        self._forget(pipe)
        self._missing()
        if current:
            self._link.later(REOPEN, lambda: self._renew(0.0) if self._pipe is None else None)

    def _look(self, connection: Any) -> None:
        """Now and then: has the broker been silent about something for too long?"""
        if connection is not self._connection:
            return
        silent = time.monotonic() - SILENCE
        if not self._blocked:
            if self._old is not None and self._old.waits_since() < silent:
                self._leave(self._old)
            if self._pipe is None or self._pipe.waits_since() < silent:
                self._renew(SILENCE)
        self._link.later(SILENCE / 4, lambda: self._look(connection))

    # ── sending ─────────────────────────────────────────────────────────────────────────────────────────────────

    def ring(self, destination: str) -> None:
        self._noted.add(destination)
        self._push()

    def take(self, batch: Batch) -> None:
        if self._blocked:
            batch.end()
        else:
            self._waiting.append(batch)
            self._push()

    def block(self, reason: str | None) -> None:
        self._blocked = reason is not None
        if not self._blocked:
            self._push()
            return
        for pipe in self._pipes():
            for sent in pipe.under_way.values():
                if sent.batch is not None:
                    sent.batch.end(PATIENCE)
        self._end_waiting(PATIENCE)

    def _end_waiting(self, seconds: float) -> None:
        while self._waiting:
            self._waiting.popleft().end(seconds)

    def _push(self) -> None:
        """Send what there is room for."""
        pipe = self._pipe
        if pipe is None or not pipe.channel.is_open or self._blocked:
            return
        for destination in sorted(self._noted - self._ringing) if self._noted else ():
            self._ringing.add(destination)
            self._noted.discard(destination)
            ticket = Publication("", tickets_of(destination), b"", f"ring-{destination}")
            pipe.send(ticket, write_properties(ticket), Sent(ticket, None, 0, destination))
        while self._waiting and pipe.has_room():
            batch = self._waiting[0]
            index = batch.next()
            if index is None:
                self._waiting.popleft()
            else:
                publication = batch.publications[index]
                pipe.send(publication, batch.properties[index], Sent(publication, batch, index, ""))

    # ── the broker's word ───────────────────────────────────────────────────────────────────────────────────────

    def _confirmed(self, pipe: Pipe, frame: Any) -> None:
        method = frame.method
        confirm = Confirm.KEPT if isinstance(method, spec.Basic.Ack) else Confirm.REFUSED
        for sent in pipe.confirmed(method.delivery_tag, method.multiple):
            self._tell(sent, Confirm.UNROUTED if sent.returned else confirm)
        self._part_when_empty()
        self._push()
        if self._drained is not None and not any(p.under_way for p in self._pipes()):
            self._drained()

    def _tell(self, sent: Sent, confirm: Confirm) -> None:
        if sent.batch is not None:
            sent.batch.say(sent.index, confirm)
            if confirm is Confirm.REFUSED:
                self._renew(REOPEN)
            return
        self._ringing.discard(sent.destination)
        if confirm is Confirm.REFUSED:  # most likely the queue is full: what it holds says the same as this ticket
            self._renew(SILENCE)
        elif confirm is Confirm.UNROUTED:
            log.warning("ring_unheard", destination=sent.destination, cause="its queue is missing")
            self._missing()

    def drain(self, drained: Callable[[], None]) -> None:
        """Call `drained` once the broker has said something about all that is under way."""
        self._drained = drained
        self._push()
        if not any(pipe.under_way for pipe in self._pipes()):
            drained()


def write_properties(publication: Publication) -> Any:
    """AMQP's properties. Raises `ValueError` for what does not fit into them: found here, it harms nobody else's messages."""
    if len(publication.key.encode()) > LONGEST or len(publication.exchange.encode()) > LONGEST:
        raise ValueError(f"a routing key or exchange of more than {LONGEST} bytes: {publication.key[:80]}…")
    properties = pika.BasicProperties(
        content_type=publication.content_type,
        headers=dict(publication.headers),
        delivery_mode=2,
        correlation_id=publication.reply_of,
        message_id=publication.id,
        app_id="lienthong",
    )
    try:
        properties.encode()
    except (AMQPError, AssertionError, TypeError, struct.error) as error:
        raise ValueError(f"{publication.key}: {type(error).__name__}: {error}") from error
    return properties
