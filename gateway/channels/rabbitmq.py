"""RabbitMQ: tickets and messages over one connection in one thread, quorum queues, a confirm for everything.

While the broker is short of memory or disk it reads nothing from us, not even acknowledgements; then nothing is published, tickets
stand still, and the ledger's sweep carries the work.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from gateway.channels.addresses import read_addresses
from gateway.channels.consumer import Consumer
from gateway.channels.declaration import Declaration
from gateway.channels.decoding import read_any_value, text_of
from gateway.channels.inbox import Inbox
from gateway.channels.link import BrokerState, Link
from gateway.channels.publisher import Batch, Publisher
from gateway.channels.topology import Topology, tickets_of
from gateway.config import RabbitMQ as Rules
from gateway.ports import Arrival, BusAway, Confirm, Publication, Ticket

TICKETS = 50  # tickets of one destination that are out unanswered
DRAIN = 3.0  # seconds that the broker has, when we close, to confirm what is under way
SOON = 5.0  # seconds after which work begins though not all is declared


read_any_value()


class RabbitMQ:
    """Both ports: `Channel` and `Bus`. It connects when it is first used, and never fails because no broker is there."""

    def __init__(self, rules: Rules, topology: Topology) -> None:
        """Raises `Misconfigured` for an address or a certificate that cannot be used."""
        self._link = Link(read_addresses(rules), up=self._up, down=self._down, blocked=self._blocked)
        self._declaration = Declaration(self._link, topology)
        self._publisher = Publisher(self._link, missing=self._declaration.ask)
        self._consumers: dict[str, Consumer] = {}  # by queue
        self._connection: Any = None
        self._working = False  # the topology is declared, consumers and publisher are up
        self._tickets: queue.SimpleQueue[Ticket] = queue.SimpleQueue()
        self._inbox = Inbox()

    def declare(self, topology: Topology) -> None:
        """What is to be there from now on; what was there before and is not named stays."""
        self._link.call(lambda: self._declaration.renew(topology))

    def state(self) -> BrokerState:
        """Is a broker there, does it take messages, and if not, why?"""
        return self._link.state()

    # ── channel ─────────────────────────────────────────────────────────────────────────────────────────────────

    def ring(self, destination: str) -> None:
        self._link.call(lambda: self._publisher.ring(destination))

    def listen(self, destinations: Sequence[str]) -> None:
        wanted = {tickets_of(destination): destination for destination in destinations}
        makers = {name: partial(self._ticket_consumer, name, destination) for name, destination in wanted.items()}
        self._link.call(lambda: self._consume(makers, tickets=True))

    def take(self, timeout: float) -> Ticket | None:
        try:
            return self._tickets.get(timeout=timeout)
        except queue.Empty:
            return None

    def done(self, taken: Ticket | Sequence[Arrival]) -> None:
        """Acknowledge a ticket, or messages. Over a connection since lost it says nothing: they come again."""
        handles = [taken.handle] if isinstance(taken, Ticket) else [arrival.handle for arrival in taken]
        self._link.call(lambda: _answer(handles, lambda channel, tag: channel.basic_ack(tag)))

    def close(self) -> None:
        """Take no more, wait a little for the broker's word on what is under way, and part. What is unanswered goes back."""
        self._link.close(self._drain, DRAIN)

    # ── bus ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def publish(self, publications: Sequence[Publication], timeout: float) -> Sequence[Confirm]:
        """Raises `ValueError`, too, for a publication that AMQP cannot carry (a key of more than 255 bytes)."""
        if not publications:
            return []
        batch = Batch(publications, timeout)
        state = self._link.wait_tried(timeout)
        if not state.connected or state.blocked:
            cause = state.blocked or state.error or "no answer yet"
            raise BusAway(f"không dùng được RabbitMQ · RabbitMQ takes nothing: {state.address}: {cause}")
        self._link.call(lambda: self._publisher.take(batch) if self._connection is not None else batch.end())
        return batch.wait()

    def attend(self, queues: Sequence[str], most: int) -> None:
        makers = {name: partial(self._message_consumer, name, most) for name in queues}
        self._link.call(lambda: self._consume(makers, tickets=False))

    def receive(self, most: int, timeout: float) -> Sequence[Arrival]:
        return self._inbox.take(most, timeout)

    def put_back(self, arrivals: Sequence[Arrival]) -> None:
        back = [arrival for arrival in arrivals if arrival.handle[0].is_open]
        for arrival in back:  # said now, not in the thread: the next `receive` must know of it
            self._inbox.expect(arrival.queue, 1)
        handles = [arrival.handle for arrival in back]
        self._link.call(lambda: _answer(handles, lambda channel, tag: channel.basic_nack(tag, requeue=True)))

    # ── in the link's thread ────────────────────────────────────────────────────────────────────────────────────

    def _up(self, connection: Any) -> None:
        self._connection = connection
        begin = partial(self._begin, connection)
        self._declaration.up(connection, begin)
        self._link.later(SOON, begin)

    def _begin(self, connection: Any) -> None:
        if connection is not self._connection or self._working:
            return
        self._working = True
        self._publisher.up(connection)
        for consumer in self._consumers.values():
            consumer.up(connection)

    def _down(self) -> None:
        self._connection, self._working = None, False
        self._declaration.down()
        self._publisher.down()
        for consumer in self._consumers.values():
            consumer.down()

    def _blocked(self, reason: str | None) -> None:
        self._publisher.block(reason)

    def _consume(self, makers: Mapping[str, Callable[[], Consumer]], *, tickets: bool) -> None:
        """From now on these queues, and no others of their sort."""
        for name in [n for n in self._consumers if n.startswith(tickets_of("")) is tickets and n not in makers]:
            self._consumers.pop(name).stop()
        for name in [n for n in makers if n not in self._consumers]:
            consumer = self._consumers[name] = makers[name]()
            if self._working:
                consumer.up(self._connection)

    def _ticket_consumer(self, name: str, destination: str) -> Consumer:
        def arrived(_: Consumer, channel: Any, method: Any, _properties: Any, _body: bytes) -> None:
            self._tickets.put(Ticket(destination, (channel, method.delivery_tag)))

        return self._consumer(name, TICKETS, arrived, lambda _: None)

    def _message_consumer(self, name: str, most: int) -> Consumer:
        def arrived(_: Consumer, channel: Any, method: Any, properties: Any, body: bytes) -> None:
            self._inbox.add(
                Arrival(
                    queue=name,
                    body=body,
                    content_type=text_of(properties.content_type) or "",
                    id=text_of(properties.message_id),
                    reply_of=text_of(properties.correlation_id),
                    user=text_of(properties.user_id),
                    headers={text_of(name): value for name, value in (properties.headers or {}).items()},
                    again=method.redelivered,
                    handle=(channel, method.delivery_tag),
                )
            )

        return self._consumer(name, most, arrived, lambda consumer: self._inbox.forget(consumer.queue))

    def _consumer(self, name: str, prefetch: int, arrived: Any, gone: Any) -> Consumer:
        missing = self._declaration.ask
        return Consumer(self._link, name, prefetch, arrived=arrived, gone=gone, missing=missing)

    def _drain(self, drained: Callable[[], None]) -> None:
        for consumer in self._consumers.values():
            consumer.stop()
        self._publisher.drain(drained)


def _answer(handles: Sequence[tuple[Any, int]], say: Callable[[Any, int], None]) -> None:
    for channel, tag in handles:
        if channel.is_open:
            say(channel, tag)
