"""Queues as data: everything the broker must hold, computed from the operator's files. Declared, checked and drawn from these rows.

=====================  =========  ==========================================================================================
queue                  for        what is in it
=====================  =========  ==========================================================================================
`tickets.<partner>`    us         hints that there is work for a destination; a full one drops the newest hint, which says nothing new
`inbox.<partner>`      agency →   messages as CloudEvents; one consumer at a time, so that they are taken in order
`reply.<partner>`      → agency   a receipt or the errors for each inbox message
`events.<partner>`     → agency   the events it bound to the exchange `dossier`
`dead`                 us         what came back too often; nothing reads it but a person
=====================  =========  ==========================================================================================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.config import Config

EVENTS = "dossier"  # topic exchange of routed events; keys dossier.<org>.<procedure>.<status>
DEAD = "dead"  # fanout exchange and queue of dead letters


@dataclass(frozen=True, slots=True)
class Exchange:
    name: str
    kind: str  # topic | fanout


@dataclass(frozen=True, slots=True)
class Queue:
    """A durable quorum queue. `arguments` exactly as they are declared; `bindings` are (exchange, key)."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    bindings: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    exchanges: Sequence[Exchange]
    queues: Sequence[Queue]


def topology(config: Config) -> Topology:
    """What the operator's files ask for."""
    rules = config.settings.rabbitmq
    common = {"x-queue-type": "quorum", "x-delivery-limit": rules.delivery_limit}
    dying = {**common, "x-dead-letter-exchange": DEAD}
    queues = [Queue(DEAD, {"x-queue-type": "quorum"}, [(DEAD, "")])]
    for name, row in config.partners.items():
        queues.append(
            Queue(tickets_of(name), {**common, "x-max-length": rules.tickets, "x-overflow": "reject-publish"})
        )
        if row.amqp.inbox:
            limits = {"x-max-length-bytes": rules.inbox_bytes, "x-overflow": "reject-publish"}
            queues.append(Queue(inbox_of(name), {**dying, **limits, "x-single-active-consumer": True}))
            queues.append(Queue(reply_of(name), {**common, "x-max-length": rules.answers}))
        if row.amqp.events:
            # Drops its oldest to the dead letters when full: refusing would hold up every other reader of the exchange.
            limits = {"x-max-length": rules.answers}
            queues.append(Queue(events_of(name), {**dying, **limits}, [(EVENTS, key) for key in row.amqp.events]))
    return Topology([Exchange(EVENTS, "topic"), Exchange(DEAD, "fanout")], queues)


def tickets_of(partner: str) -> str:
    return f"tickets.{partner}"


def inbox_of(partner: str) -> str:
    return f"inbox.{partner}"


def reply_of(partner: str) -> str:
    return f"reply.{partner}"


def events_of(partner: str) -> str:
    return f"events.{partner}"
