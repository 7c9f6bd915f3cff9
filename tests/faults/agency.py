"""An agency at its RabbitMQ queues: it leads dossiers through their lives over AMQP, reads its answers, and keeps a book of the events it saw."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pika
from pika.exceptions import AMQPError

from gateway.channels.topology import events_of, inbox_of, reply_of, send_of
from tests.e2e.town import tell_life

AT_ONCE = 2  # dossiers led at the same time
PAUSE = 0.5  # seconds between the beginnings of two
PATIENCE = 8.0  # seconds without an answer, then the very same message is sent again
STOP_SECONDS = 180.0


class Agency:
    """Sends a dossier's next message when the one before is answered, and whatever is not answered again: as docs/amqp.md wants it.

    `receipts` takes our id for each of its messages. `seen` holds the events by dossier, each id once, in the order of first sight.
    """

    def __init__(self, name: str, addresses: Sequence[str], numbers: Callable[[], int]) -> None:
        self.name, self.addresses, self.numbers = name, addresses, numbers
        self.seen: dict[str, dict[str, None]] = {}
        self._forget()
        self._lives: dict[str, tuple[int, Iterator[dict[str, Any]]]] = {}  # by the message that waits for its answer
        self._waiting: dict[
            str, tuple[dict[str, Any], float]
        ] = {}  # that message, and when it was sent last; 0: not yet
        self._begun = 0.0
        self._rest = threading.Event()
        self._rest.set()
        self._ended = threading.Event()
        self._cancelled = False
        self._thread = threading.Thread(target=self._run, name=f"agency-{name}", daemon=True)
        self._thread.start()

    def _forget(self) -> None:
        self.receipts: dict[str, str] = {}
        self.led: list[int] = []
        self.wrong: list[str] = []
        self.repeated = 0

    def begin(self) -> None:
        """Lead dossiers from now on; its counts begin anew."""
        self._forget()
        self._rest.clear()

    def finish(self) -> None:
        """Lead what was begun to its end. Events are read all the time."""
        self._rest.set()
        until = time.monotonic() + STOP_SECONDS
        while self._waiting and self._thread.is_alive():
            if time.monotonic() > until:
                self.wrong.append(f"over AMQP: no answer to {sorted(self._waiting)[:5]} within {STOP_SECONDS:.0f} s")
                return
            time.sleep(0.1)

    def close(self) -> None:
        self._ended.set()
        self._thread.join(30)

    def _run(self) -> None:
        turn = 0
        while not self._ended.is_set():
            turn += 1
            try:
                self._attend(self.addresses[turn % len(self.addresses)])
            except (AMQPError, OSError):  # that node is away, or the queue's leader is just changing: the next one
                self._ended.wait(0.3)

    def _attend(self, address: str) -> None:
        """One connection, until it is lost or the queue moves."""
        parameters = pika.URLParameters(address)
        parameters.heartbeat, parameters.blocked_connection_timeout = 6, 6
        parameters.socket_timeout = parameters.stack_timeout = 6
        connection = pika.BlockingConnection(parameters)
        try:
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_qos(prefetch_count=50)
            self._cancelled = False
            channel.add_on_cancel_callback(self._note_cancel)
            channel.basic_consume(reply_of(self.name), self._take_answer)
            channel.basic_consume(events_of(self.name), self._take_event)
            while not (self._ended.is_set() or self._cancelled):
                self._send_due(channel)
                connection.process_data_events(time_limit=0.05)
        finally:
            if connection.is_open:
                connection.close()

    def _note_cancel(self, _frame: Any) -> None:
        self._cancelled = True

    def _send_due(self, channel: Any) -> None:
        if len(self._waiting) < AT_ONCE and time.monotonic() > self._begun + PAUSE and not self._rest.is_set():
            self._begun = time.monotonic()
            number = self.numbers()
            self._next(number, iter([body for _, body in tell_life(number)]))
        for key, (body, sent_at) in list(self._waiting.items()):
            if time.monotonic() - sent_at > PATIENCE or not sent_at:
                self._publish(channel, body)
                self.repeated += sent_at > 0
                if key in self._waiting:  # its answer may have come while it was published again
                    self._waiting[key] = (body, time.monotonic())

    def _next(self, number: int, life: Iterator[dict[str, Any]]) -> None:
        body = next(life, None)
        if body is None:
            self.led.append(number)
            return
        self._lives[body["id"]] = (number, life)
        self._waiting[body["id"]] = (body, 0.0)

    def _publish(self, channel: Any, body: dict[str, Any]) -> None:
        """Raises `AMQPError` unless the broker keeps it."""
        channel.basic_publish(
            send_of(self.name),
            inbox_of(self.name),
            json.dumps(body).encode(),
            pika.BasicProperties(
                content_type="application/json",
                delivery_mode=2,
                message_id=body["id"],
                headers={
                    "cloudEvents_specversion": "1.0",
                    "cloudEvents_id": body["id"],
                    "cloudEvents_type": f"vn.lienthong.dossier.{body['type']}.v1",
                    "cloudEvents_source": "https://mot-cua.example.vn",
                },
            ),
            mandatory=True,
        )

    def _take_answer(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        key, answer = properties.correlation_id, json.loads(body)
        status = int(properties.headers["status"])
        if status not in (200, 202):
            self.wrong.append(f"over AMQP {key} was answered {status}: {answer}")
        elif key in self.receipts and self.receipts[key] != answer["id"]:
            self.wrong.append(f"over AMQP {key} has two receipts: {self.receipts[key]} and {answer['id']}")
        else:
            self.receipts[key] = answer["id"]
        channel.basic_ack(method.delivery_tag)
        if key in self._waiting:
            del self._waiting[key]
            self._next(*self._lives.pop(key))

    def _take_event(self, channel: Any, method: Any, properties: Any, body: bytes) -> None:
        headers = properties.headers
        self.seen.setdefault(headers["cloudEvents_subject"], {}).setdefault(headers["cloudEvents_id"])
        channel.basic_ack(method.delivery_tag)
