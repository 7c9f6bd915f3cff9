"""A small bus for tests: one agency's queues, messages with numbers in them, and the words to send and take them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from gateway.channels.rabbitmq import RabbitMQ
from gateway.channels.topology import Exchange, Queue, Topology
from gateway.ports import Arrival, Confirm, Publication

QUORUM = {"x-queue-type": "quorum", "x-delivery-limit": 20}
BUS = Topology(
    [Exchange("dossier", "topic")],
    [
        Queue("inbox.tax", {**QUORUM, "x-single-active-consumer": True}),
        Queue("events.tax", QUORUM, [("dossier", "dossier.#")]),
        Queue("tickets.portal", {**QUORUM, "x-max-length": 64, "x-overflow": "reject-publish"}),
        Queue("tickets.vnpost", {**QUORUM, "x-max-length": 64, "x-overflow": "reject-publish"}),
    ],
)


def until(true: Callable[[], Any], seconds: float = 60.0) -> Any:
    end = time.monotonic() + seconds
    while not (found := true()):
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)
    return found


def event(number: int, key: str = "dossier.a.b.1", body: bytes = b"{}") -> Publication:
    return Publication("dossier", key, body, f"id-{number}")


def letter(number: int, queue: str = "inbox.tax") -> Publication:
    return Publication("", queue, str(number).encode(), f"id-{number}")


def numbers(arrivals: Sequence[Arrival]) -> list[int]:
    return [int(arrival.body) for arrival in arrivals]


def publish(channel: RabbitMQ, publications: Sequence[Publication]) -> Sequence[Confirm]:
    return channel.publish(publications, 20.0)


def receive(channel: RabbitMQ, most: int, count: int) -> list[Arrival]:
    """Exactly `count` messages, at most `most` at a time, unanswered."""
    found: list[Arrival] = []
    while len(found) < count:
        came = channel.receive(min(most, count - len(found)), 10.0)
        assert came, f"{len(found)} of {count} came"
        found += came
    return found


def receive_and_answer(channel: RabbitMQ, count: int) -> list[int]:
    found: list[int] = []
    while len(found) < count:
        came = channel.receive(64, 10.0)
        assert came, f"{len(found)} of {count} came"
        found += numbers(came)
        channel.done(came)
    return found
