"""Declares the topology, one thing after the other. What the broker refuses is told and tried again later; the rest goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from gateway.channels.link import Link, explain
from gateway.channels.topology import Exchange, Queue, Topology

log = structlog.get_logger("broker")

AGAIN = 15.0  # seconds until what was refused is tried again
STEP = 10.0  # seconds that the broker has for one declaration
SOON = 1.0  # seconds between two rounds that somebody asked for

Step = tuple[str, Callable[[Any, Callable[..., None]], None]]


class Declaration:
    """One round at a time, on an AMQP channel of its own: the broker closes the channel of a declaration it refuses."""

    def __init__(self, link: Link, topology: Topology) -> None:
        self._link = link
        self._steps = self._wanted = steps_of(topology)
        self._connection: Any = None
        self._channel: Any = None
        self._at = 0
        self._finished: Callable[[], None] = _nothing
        self._running = self._asked = self._failed = False
        self._refused: dict[str, str] = {}  # told already

    def up(self, connection: Any, finished: Callable[[], None]) -> None:
        """A new connection: declare all of it; `finished` is called when everything was tried once."""
        self._connection, self._finished = connection, finished
        self._running = self._asked = False
        self._begin()

    def down(self) -> None:
        self._connection = self._channel = None

    def renew(self, topology: Topology) -> None:
        """From the next round on, this is what there must be; the round comes soon."""
        self._wanted = steps_of(topology)
        self.ask()

    def ask(self) -> None:
        """Something is missing: another round, soon."""
        if not self._asked:
            self._asked = True
            self._later(SOON)

    def _later(self, seconds: float) -> None:
        connection = self._connection
        self._link.later(seconds, lambda: self._begin() if connection is self._connection else None)

    def _begin(self) -> None:
        if self._connection is None or not self._connection.is_open or self._running:
            return
        self._running, self._asked, self._at = True, False, 0
        self._steps = self._wanted
        self._failed = False
        self._open()

    def _open(self) -> None:
        self._channel = self._connection.channel(on_open_callback=self._opened)

    def _opened(self, channel: Any) -> None:
        channel.add_on_close_callback(self._closed)
        self._next(channel)

    def _next(self, channel: Any) -> None:
        if channel is not self._channel or not channel.is_open:
            return
        if self._at == len(self._steps):
            self._channel = None
            channel.close()
            self._end()
            return
        name, step = self._steps[self._at]

        def done(*_: Any) -> None:
            if self._refused.pop(name, None):
                log.info("declared_at_last", where=name)
            self._at += 1
            self._next(channel)

        step(channel, done)
        at = self._at
        self._link.later(STEP, lambda: self._stuck(channel) if at == self._at else None)

    def _closed(self, channel: Any, error: BaseException) -> None:
        if channel is self._channel and self._connection is not None and self._connection.is_open:
            self._skip(explain(error))

    def _stuck(self, channel: Any) -> None:
        """No answer: a queue whose nodes are mostly down. The others go on over a new channel."""
        if channel is self._channel and self._connection is not None and self._connection.is_open:
            self._skip("no answer")
            channel.close()  # once the answer comes

    def _skip(self, cause: str) -> None:
        name = self._steps[self._at][0]
        if self._refused.get(name) != cause:
            log.error("declaration_refused", where=name, cause=cause)
            self._refused[name] = cause
        self._failed = True
        self._at += 1
        self._open()

    def _end(self) -> None:
        self._running = False
        finished, self._finished = self._finished, _nothing
        finished()
        if self._failed:
            self._later(AGAIN)
        elif self._asked:
            self._later(SOON)


def steps_of(topology: Topology) -> list[Step]:
    """Exchanges first, then each queue with its bindings."""
    steps: list[Step] = [(f"exchange {exchange.name}", _declare_exchange(exchange)) for exchange in topology.exchanges]
    for queue in topology.queues:
        steps.append((f"queue {queue.name}", _declare_queue(queue)))
        for exchange_name, key in queue.bindings:
            steps.append((f"binding {exchange_name} {key} → {queue.name}", _bind(queue.name, exchange_name, key)))
    return steps


def _declare_exchange(exchange: Exchange) -> Callable[[Any, Callable[..., None]], None]:
    return lambda channel, done: channel.exchange_declare(exchange.name, exchange.kind, durable=True, callback=done)


def _declare_queue(queue: Queue) -> Callable[[Any, Callable[..., None]], None]:
    arguments = dict(queue.arguments)
    return lambda channel, done: channel.queue_declare(queue.name, durable=True, arguments=arguments, callback=done)


def _bind(queue: str, exchange: str, key: str) -> Callable[[Any, Callable[..., None]], None]:
    return lambda channel, done: channel.queue_bind(queue, exchange, key, callback=done)


def _nothing() -> None:
    pass
