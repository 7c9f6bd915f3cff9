"""What each system believes of one dossier, and what is under way to it: the material of `gateway.dossiers.beliefs`. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, and_, select

from gateway.ledger.tables import (
    OPEN,
    asked,
    beliefs,
    breakers,
    deliveries,
    differences,
    dossiers,
    lanes,
    messages,
    rulings,
)
from gateway.ports import NOTHING


@dataclass(frozen=True, slots=True)
class Material:
    """All by system. `beliefs` with the body of the message that proves it, whether a route `implied` that one, what a person's `ruling` on it
    was, and whether it is a person's word that the system took it (`vouched`); `heads`: the oldest open delivery of a lane, with the
    lane's `due_at`, `lease_until` and its destination's `breaker` and `probe_at`. And `told`: its messages about money, parcels and notices, not
    those held, as they came; `sent`: the deliveries of the orders, cancellations and notices among them. `spared`: systems for which there was
    nothing in what moved the dossier last."""

    beliefs: Mapping[str, Any]
    asked: Mapping[str, Any]
    differences: Mapping[str, Any]
    heads: Mapping[str, Any]
    spared: Collection[str] = ()
    told: Sequence[Told] = ()
    sent: Sequence[Any] = ()


@dataclass(frozen=True, slots=True)
class Told:
    """One message about money, a parcel or a notice."""

    id: str
    type: str
    source: str
    at: datetime
    body: Mapping[str, Any]


VOUCHED = "told"  # the code of a delivery that counts as done on a person's word
SENT = ("PostalOrdered", "PostalCancelled", "NoticeWanted")
TOLD = (*SENT, "PostalEvent", "DossierSubmitted", "PaymentRequested", "PaymentPaid")


def gather(connection: Connection, code: str) -> Material:
    """Of the dossier `code`."""
    open_differences = select(differences).where(differences.c.dossier == code, differences.c.ended_at.is_(None))
    heads = (
        select(
            deliveries.c.id, deliveries.c.destination, deliveries.c.state, deliveries.c.reason,
            lanes.c.due_at, lanes.c.lease_until, breakers.c.state.label("breaker"), breakers.c.probe_at,
        )
        .join(lanes, and_(lanes.c.destination == deliveries.c.destination, lanes.c.dossier == deliveries.c.dossier))
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .outerjoin(breakers, breakers.c.destination == deliveries.c.destination)
        .where(messages.c.dossier == code, deliveries.c.state.in_(OPEN))  # by the messages: deliveries have no index of the dossier
        .order_by(deliveries.c.message_seq.desc())
    )  # fmt: skip
    spared = (
        select(deliveries.c.destination)
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .join(dossiers, dossiers.c.status_seq == messages.c.seq)
        .where(dossiers.c.code == code, deliveries.c.code == NOTHING, deliveries.c.state == "delivered")
    )
    return Material(
        {row.system: row for row in connection.execute(_said(code))},
        {row.system: row for row in connection.execute(select(asked).where(asked.c.dossier == code))},
        {row.system: row for row in connection.execute(open_differences)},
        {row.destination: row for row in connection.execute(heads)},
        set(connection.execute(spared).scalars()),
        *_told(connection, code),
    )


def _said(code: str) -> Select[Any]:
    """The rows of `Material.beliefs`."""
    vouched = (
        select(deliveries.c.id)
        .where(deliveries.c.message_seq == messages.c.seq, deliveries.c.destination == beliefs.c.system)
        .where(deliveries.c.state == "delivered", deliveries.c.code == VOUCHED)
        .exists()
    )
    taken = rulings.alias("taken")  # a held message, taken up, is because of that one, and yet its sender's own
    return (
        select(
            beliefs, messages.c.body, rulings.c.ruling, vouched.label("vouched"),
            and_(messages.c.because.is_not(None), taken.c.message.is_(None)).label("implied"),
        )
        .join(messages, messages.c.id == beliefs.c.message, isouter=True)
        .join(rulings, rulings.c.message == beliefs.c.message, isouter=True)
        .join(taken, and_(taken.c.message == messages.c.because, taken.c.made == messages.c.id), isouter=True)
        .where(beliefs.c.dossier == code)
    )  # fmt: skip


def _told(connection: Connection, code: str) -> tuple[Sequence[Told], Sequence[Any]]:
    mine = (messages.c.dossier == code, messages.c.held.is_(None))
    rows = select(messages).where(*mine, messages.c.type.in_(TOLD)).order_by(messages.c.seq)
    told = [
        Told(row.id, row.type, row.source, row.event_time, json.loads(row.body)) for row in connection.execute(rows)
    ]
    if not any(one.type in SENT for one in told):
        return told, ()
    sent = (
        select(
            messages.c.id.label("message"), deliveries.c.destination, deliveries.c.state, deliveries.c.ended_at, deliveries.c.code,
        )
        .join(deliveries, deliveries.c.message_seq == messages.c.seq)
        .where(*mine, messages.c.type.in_(SENT))
        .order_by(deliveries.c.id)
    )  # fmt: skip
    return told, connection.execute(sent).all()


def sub_status(row: Any) -> str | None:
    """Of a row of `Material.beliefs`: the sub-status in the message that proves it."""
    found: str | None = json.loads(row.body).get("sub_status") if row.body else None
    return found
