"""Consuming one queue, over an AMQP channel of its own: whatever befalls one queue leaves the others alone.

It runs in the link's thread. When the broker cancels it (the queue was deleted, its node went) or closes the channel, it declares
again, waits a little, and consumes again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from gateway.channels.link import Link, explain

log = structlog.get_logger("broker")

FIRST_PAUSE, LAST_PAUSE = 0.5, 10.0  # seconds until it tries again


class Consumer:
    """`arrived(consumer, channel, method, properties, body)` for each message; `gone(consumer)` when what is unanswered will come again."""

    def __init__(
        self,
        link: Link,
        queue: str,
        prefetch: int,
        *,
        arrived: Callable[[Consumer, Any, Any, Any, bytes], None],
        gone: Callable[[Consumer], None],
        missing: Callable[[], None],
    ) -> None:
        self.queue = queue
        self._link = link
        self._prefetch = prefetch
        self._arrived, self._gone, self._missing = arrived, gone, missing
        self._connection: Any = None
        self._channel: Any = None
        self._pause = FIRST_PAUSE
        self._told: str | None = None
        self._stopped = False

    def up(self, connection: Any) -> None:
        self._connection = connection
        if not self._stopped:
            connection.channel(on_open_callback=self._opened)

    def down(self) -> None:
        self._connection = None
        self._drop()

    def stop(self) -> None:
        """What is unanswered goes back to the queue."""
        self._stopped = True
        channel = self._channel
        self._drop()
        if channel is not None and channel.is_open:
            # pika would cancel first: then the next consumer gets later messages before those that we hold go back
            channel._consumers.clear()
            channel.close()

    def _drop(self) -> None:
        if self._channel is not None:
            self._channel = None
            self._gone(self)

    def _opened(self, channel: Any) -> None:
        if self._stopped:
            channel.close()
            return
        self._channel = channel
        channel.add_on_close_callback(self._closed)
        channel.add_on_cancel_callback(lambda _: self._cancelled(channel))
        channel.basic_qos(prefetch_count=self._prefetch, callback=lambda _: self._consume(channel))

    def _consume(self, channel: Any) -> None:
        if channel is self._channel and channel.is_open:
            channel.basic_consume(self.queue, self._message, callback=lambda _: self._begun())

    def _begun(self) -> None:
        self._pause = FIRST_PAUSE
        if self._told:
            log.info("consuming_again", where=self.queue)
            self._told = None

    def _message(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        if channel is self._channel:
            self._arrived(self, channel, method, properties, body)

    def _cancelled(self, channel: Any) -> None:
        if channel is self._channel and channel.is_open:
            self._again("cancelled by the broker")
            channel.close()

    def _closed(self, channel: Any, error: BaseException) -> None:
        if channel is self._channel and self._connection is not None and self._connection.is_open:
            self._again(explain(error))

    def _again(self, cause: str) -> None:
        if self._told != cause:
            log.warning("consuming_ended", where=self.queue, cause=cause)
            self._told = cause
        self._drop()
        self._missing()
        connection = self._connection
        self._link.later(self._pause, lambda: self.up(connection) if self._is_open(connection) else None)
        self._pause = min(2 * self._pause, LAST_PAUSE)

    def _is_open(self, connection: Any) -> bool:
        return connection is self._connection and connection is not None and bool(connection.is_open)
