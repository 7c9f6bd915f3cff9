"""Queues as data: everything the broker must hold, computed from the operator's files. Declared, checked and drawn from these rows.

=====================  =========  ==========================================================================================
queue                  for        what is in it
=====================  =========  ==========================================================================================
`tickets.<partner>`    us         hints that there is work for a destination; a full one drops the newest hint, which says nothing new
`inbox.<partner>`      agency →   messages as CloudEvents; one consumer at a time, so that they are taken in order
`reply.<partner>`      → agency   a receipt or the errors for each inbox message; a full one drops its oldest: sent again, it is answered again
`events.<partner>`     → agency   the events of its keys on the exchange `dossier`
`dead`                 us         inbox messages that came back too often; nothing reads it but a person
`unread`               us         events that an agency did not take in time, or gave back too often; a full one drops its oldest
=====================  =========  ==========================================================================================

An agency publishes to its own exchange `send.<partner>`, never to the default exchange: whoever may write there reaches every queue.
The exchange is direct and knows one key, the inbox's name: events, whatever an agency may bind, never come into an inbox.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.canonical.cloudevents import EXCHANGE
from gateway.config import Config

EVENTS = EXCHANGE  # topic exchange of routed events; keys dossier.<org>.<procedure>.<status>
DEAD = "dead"  # fanout exchange and queue of dead letters
UNREAD = "unread"  # the same, for what agencies left lying: it must not crowd out the dead letters


@dataclass(frozen=True, slots=True)
class Exchange:
    name: str
    kind: str  # topic | fanout | direct


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
    exchanges = [Exchange(EVENTS, "topic"), Exchange(DEAD, "fanout"), Exchange(UNREAD, "fanout")]
    queues = [
        Queue(DEAD, {"x-queue-type": "quorum"}, [(DEAD, "")]),
        Queue(UNREAD, {"x-queue-type": "quorum", "x-max-length": rules.answers}, [(UNREAD, "")]),
    ]
    for name, row in config.partners.items():
        queues.append(
            Queue(tickets_of(name), {**common, "x-max-length": rules.tickets, "x-overflow": "reject-publish"})
        )
        if row.amqp.inbox:
            exchanges.append(Exchange(send_of(name), "direct"))
            limits = {"x-max-length-bytes": rules.inbox_bytes, "x-overflow": "reject-publish"}
            own = {"x-dead-letter-exchange": DEAD, "x-single-active-consumer": True}
            queues.append(Queue(inbox_of(name), {**common, **limits, **own}, [(send_of(name), inbox_of(name))]))
            queues.append(Queue(reply_of(name), {**common, "x-max-length": rules.answers}))
        if row.amqp.events:
            # Drops its oldest when full: refusing would hold up every other reader of the exchange.
            limits = {"x-max-length": rules.answers, "x-dead-letter-exchange": UNREAD}
            queues.append(Queue(events_of(name), {**common, **limits}, [(EVENTS, key) for key in row.amqp.events]))
    return Topology(exchanges, queues)


def tickets_of(partner: str) -> str:
    return f"tickets.{partner}"


def send_of(partner: str) -> str:
    """The exchange by which an agency reaches its inbox, under the inbox's name as key."""
    return f"send.{partner}"


def inbox_of(partner: str) -> str:
    return f"inbox.{partner}"


def reply_of(partner: str) -> str:
    return f"reply.{partner}"


def events_of(partner: str) -> str:
    return f"events.{partner}"
