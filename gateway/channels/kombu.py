"""kombu without a server: `memory://` within a process, `filesystem://` between processes of one machine.

Both lose an unacknowledged ticket when the process is killed. That is why only tickets travel here: the sweep rings again.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from kombu import Connection, Consumer, Exchange, Queue
from kombu.transport import filesystem
from kombu.transport.virtual.base import BrokerState

from gateway.ports import Ticket

POLL = 0.02  # seconds between two looks into the folder
MOST = 32  # tickets that wait in a queue: more would say nothing new, and a folder of a million is slow to look into


class WholeTickets(filesystem.Channel):  # type: ignore[misc]  # kombu is not typed
    """kombu writes a ticket where a reader can catch it half written. Here it is written aside and renamed."""

    def _put(self, queue: str, payload: Any, **_: Any) -> None:
        name = f"{round(time.monotonic() * 1000)}_{uuid4()}.{queue}.msg"
        aside = Path(self.control_folder) / f"{name}.new"
        aside.write_text(json.dumps(payload), encoding="utf-8")
        aside.replace(Path(self.data_folder_out) / name)


class Folder(filesystem.Transport):  # type: ignore[misc]
    Channel = WholeTickets


class KombuChannel:
    """One queue per destination. A queue that nobody listens to keeps `MOST` tickets."""

    def __init__(self, folder: Path | None = None) -> None:
        options: dict[str, Any] = {"polling_interval": POLL}
        if folder is not None:
            (folder / "control").mkdir(parents=True, exist_ok=True)
            options |= {
                "data_folder_in": str(folder),
                "data_folder_out": str(folder),
                "control_folder": str(folder / "control"),
            }
        transport = Folder if folder is not None else "memory"
        self._ringing = Connection(transport=transport, transport_options=options)
        self._listening = Connection(transport=transport, transport_options=options)
        # kombu keeps one state per transport class: a second channel in the process would bind nothing
        bindings = BrokerState()
        self._ringing.transport.state = self._listening.transport.state = bindings
        # kombu's memory is one for the process: names keep two channels in it apart
        self._name = "tickets" if folder is not None else f"tickets-{id(self):x}"
        self._exchange = Exchange(self._name, type="direct")
        self._producer: Any = None
        self._lock = threading.Lock()
        self._taken: deque[Ticket] = deque()
        self._consumer: Any = None

    def ring(self, destination: str) -> None:
        with self._lock:
            if self._producer is None:
                self._producer = self._ringing.Producer(serializer="json")
            if self._producer.channel._size(self._queue(destination).name) >= MOST:
                return
            self._producer.publish(
                {"destination": destination},
                exchange=self._exchange,
                routing_key=destination,
                declare=[self._queue(destination)],
            )

    def _queue(self, destination: str) -> Queue:
        return Queue(f"{self._name}.{destination}", self._exchange, routing_key=destination)

    def listen(self, destinations: Sequence[str]) -> None:
        channel = self._listening.channel()
        self._consumer = Consumer(
            channel, [self._queue(d) for d in destinations], on_message=self._on_message, accept=["json"]
        )
        self._consumer.consume()

    def _on_message(self, message: Any) -> None:
        self._taken.append(Ticket(message.payload["destination"], message))

    def take(self, timeout: float) -> Ticket | None:
        if not self._taken:
            try:
                self._listening.drain_events(timeout=timeout)
            except TimeoutError:
                return None
        return self._taken.popleft() if self._taken else None

    def done(self, ticket: Ticket) -> None:
        ticket.handle.ack()

    def close(self) -> None:
        self._ringing.release()
        self._listening.release()
