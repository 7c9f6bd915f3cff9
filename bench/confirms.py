"""The floor of publishing: confirms a second from a quorum queue, pika alone, many under way at a time or one by one."""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

import pika

BODY = b"x" * 2048
WINDOW = 500
PERSISTENT = pika.BasicProperties(delivery_mode=2)
QUORUM = {"x-queue-type": "quorum"}


class Windowed:
    """Publishes `messages` of 2 KiB from one I/O thread with at most `WINDOW` unconfirmed."""

    def __init__(self, address: str, messages: int) -> None:
        self.messages, self.sent, self.refused = messages, 0, 0
        self.flying: set[int] = set()
        self.trouble = ""
        self.queue = f"floor-{uuid4().hex}"
        self.channel: Any = None
        self.connection = pika.SelectConnection(
            pika.URLParameters(address), on_open_callback=self._opened, on_open_error_callback=self._failed
        )

    def run(self) -> float:
        """Seconds until the last one was confirmed. Raises `ConnectionError`."""
        self.connection.ioloop.start()
        confirmed = self.sent - len(self.flying)
        if confirmed < self.messages:
            raise ConnectionError(
                f"the broker confirmed {confirmed} of {self.messages}, refused {self.refused}{self.trouble}"
            )
        return self.ended - self.begun

    def _opened(self, connection: Any) -> None:
        connection.channel(on_open_callback=self._prepare)

    def _failed(self, connection: Any, error: BaseException) -> None:
        self.trouble = f": {error}"
        connection.ioloop.stop()

    def _prepare(self, channel: Any) -> None:
        self.channel = channel
        channel.confirm_delivery(self._on_confirm)
        channel.queue_declare(self.queue, durable=True, arguments=QUORUM, callback=self._start)

    def _start(self, _frame: Any) -> None:
        self.begun = time.perf_counter()
        self._publish()

    def _publish(self) -> None:
        while self.sent < self.messages and len(self.flying) < WINDOW:
            self.channel.basic_publish("", self.queue, BODY, PERSISTENT)
            self.sent += 1
            self.flying.add(self.sent)

    def _on_confirm(self, frame: Any) -> None:
        if isinstance(frame.method, pika.spec.Basic.Nack):
            self.refused += 1
            self.connection.ioloop.stop()
            return
        tag = frame.method.delivery_tag
        self.flying -= {one for one in self.flying if one <= tag} if frame.method.multiple else {tag}
        if self.flying or self.sent < self.messages:
            self._publish()
            return
        self.ended = time.perf_counter()
        self.channel.queue_delete(self.queue, callback=lambda _: self.connection.ioloop.stop())


def confirms(address: str, messages: int) -> float:
    """Confirms a second, many under way."""
    return messages / Windowed(address, messages).run()


def one_by_one(address: str, messages: int) -> float:
    """Confirms a second when each is waited for before the next."""
    connection = pika.BlockingConnection(pika.URLParameters(address))
    channel, queue = connection.channel(), f"floor-{uuid4().hex}"
    channel.queue_declare(queue, durable=True, arguments=QUORUM)
    channel.confirm_delivery()
    begun = time.perf_counter()
    for _ in range(messages):
        channel.basic_publish("", queue, BODY, PERSISTENT)  # raises when the broker refuses
    seconds = time.perf_counter() - begun
    channel.queue_delete(queue)
    connection.close()
    return messages / seconds
