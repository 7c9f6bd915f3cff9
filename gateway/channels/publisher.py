"""Publishing with confirms, many under way at a time. It runs in the link's thread; only `Batch.wait` is for others."""

from __future__ import annotations

import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
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
REOPEN = 1.0  # seconds until a channel that the broker closed is opened again
LONGEST = 255  # bytes of a name in AMQP
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

    __slots__ = ("batch", "destination", "exchange", "id", "index", "key", "returned", "size")

    def __init__(self, publication: Publication, batch: Batch | None, index: int, destination: str) -> None:
        self.exchange, self.key, self.id = publication.exchange, publication.key, publication.id
        self.size = len(publication.body)
        self.batch, self.index, self.destination = batch, index, destination
        self.returned = False


class Publisher:
    """Rings: one under way for each destination, further ones wait their turn as one. Batches: in order, as far as the window reaches."""

    def __init__(self, link: Link, missing: Callable[[], None]) -> None:
        self._link = link
        self._missing = missing  # a queue of ours is not there
        self._connection: Any = None
        self._channel: Any = None
        self._tag = 0
        self._bytes = 0
        self._under_way: dict[int, Sent] = {}  # by delivery tag, oldest first
        self._waiting: deque[Batch] = deque()
        self._noted: set[str] = set()  # destinations to ring for
        self._ringing: set[str] = set()
        self._blocked = False
        self._drained: Callable[[], None] | None = None

    def up(self, connection: Any) -> None:
        self._connection, self._blocked = connection, False
        connection.channel(on_open_callback=self._opened)

    def down(self) -> None:
        self._connection = None
        self._drop()

    def _opened(self, channel: Any) -> None:
        channel.add_on_close_callback(self._closed)
        channel.add_on_return_callback(self._returned)
        self._tag = 0
        channel.confirm_delivery(self._confirmed, callback=lambda _: self._begin(channel))

    def _begin(self, channel: Any) -> None:
        self._channel = channel
        self._push()

    def _closed(self, _: Any, error: BaseException) -> None:
        connection = self._connection
        if connection is None or not connection.is_open:
            return
        log.error("publishing_refused", cause=explain(error))
        self._drop()
        self._missing()
        self._link.later(REOPEN, lambda: self.up(connection) if connection is self._connection else None)

    def _drop(self) -> None:
        """The channel is gone: what was under way stays unsaid, rings are noted again."""
        self._channel = None
        self._end_batches(0.0)
        self._under_way.clear()
        self._bytes = 0
        self._noted |= self._ringing
        self._ringing.clear()

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
        if self._blocked:
            self._end_batches(PATIENCE)
        else:
            self._push()

    def _end_batches(self, seconds: float) -> None:
        for sent in self._under_way.values():
            if sent.batch is not None:
                sent.batch.end(seconds)
        while self._waiting:
            self._waiting.popleft().end(seconds)

    def _push(self) -> None:
        """Send what there is room for."""
        if self._channel is None or not self._channel.is_open or self._blocked:
            return
        for destination in sorted(self._noted - self._ringing):
            self._ringing.add(destination)
            self._noted.discard(destination)
            ticket = Publication("", tickets_of(destination), b"", f"ring-{destination}")
            self._send(ticket, write_properties(ticket), Sent(ticket, None, 0, destination))
        while self._waiting and len(self._under_way) < MOST and self._bytes < MOST_BYTES:
            batch = self._waiting[0]
            index = batch.next()
            if index is None:
                self._waiting.popleft()
            else:
                publication = batch.publications[index]
                self._send(publication, batch.properties[index], Sent(publication, batch, index, ""))

    def _send(self, publication: Publication, properties: Any, sent: Sent) -> None:
        self._tag += 1
        self._under_way[self._tag] = sent
        self._bytes += sent.size
        self._channel.basic_publish(publication.exchange, publication.key, publication.body, properties, mandatory=True)

    # ── the broker's word ───────────────────────────────────────────────────────────────────────────────────────

    def _returned(self, _channel: Any, method: Any, properties: Any, _body: bytes) -> None:
        """Nobody wanted it. Its confirm comes after this, in the order of sending: so it is the oldest that looks like it."""
        told = (method.exchange, method.routing_key, properties.message_id)
        for sent in self._under_way.values():
            if not sent.returned and (sent.exchange, sent.key, sent.id) == told:
                sent.returned = True
                return

    def _confirmed(self, frame: Any) -> None:
        method = frame.method
        confirm = Confirm.KEPT if isinstance(method, spec.Basic.Ack) else Confirm.REFUSED
        if method.multiple:
            tags = []
            for tag in self._under_way:
                if tag > method.delivery_tag:
                    break
                tags.append(tag)
        else:
            tags = [method.delivery_tag]
        for tag in tags:
            sent = self._under_way.pop(tag)
            self._bytes -= sent.size
            self._tell(sent, Confirm.UNROUTED if sent.returned else confirm)
        self._push()
        if self._drained is not None and not self._under_way:
            self._drained()

    def _tell(self, sent: Sent, confirm: Confirm) -> None:
        if sent.batch is not None:
            sent.batch.say(sent.index, confirm)
            return
        self._ringing.discard(sent.destination)
        if confirm is Confirm.UNROUTED:  # a full queue refuses tickets: what it holds says the same
            log.warning("ring_unheard", destination=sent.destination, cause="its queue is missing")
            self._missing()

    def drain(self, drained: Callable[[], None]) -> None:
        """Call `drained` once the broker has said something about all that is under way."""
        self._drained = drained
        self._push()
        if not self._under_way or self._channel is None:
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
