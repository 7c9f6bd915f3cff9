"""How things stand, for whoever sees everything (an operator at the machine): queues, lanes, acts. Nothing here writes.

What partners may ask is in `gateway.ledger.queries`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, case, func, select

from gateway.ledger.tables import (
    OPEN,
    acts,
    attempts,
    beliefs,
    breakers,
    deliveries,
    dossiers,
    lanes,
    messages,
    statuses,
)


def destinations(connection: Connection) -> Sequence[Any]:
    """A row per destination that ever had work: deliveries by state, lanes with work, the oldest open delivery, the breaker."""

    def state(name: str) -> Any:
        return func.sum(case((deliveries.c.state == name, 1), else_=0)).label(name)

    sums = (
        select(
            deliveries.c.destination,
            *(state(name) for name in (*OPEN, "delivered", "cancelled")),
            func.min(case((deliveries.c.state.in_(OPEN), deliveries.c.created_at))).label("oldest"),
        )
        .group_by(deliveries.c.destination)
        .subquery()
    )
    busy = (
        select(lanes.c.destination, func.count().label("lanes"))
        .where(lanes.c.open > 0)
        .group_by(lanes.c.destination)
        .subquery()
    )
    statement = (
        select(
            sums,
            func.coalesce(busy.c.lanes, 0).label("lanes"),
            func.coalesce(breakers.c.state, "closed").label("breaker"),
            breakers.c.probe_at,
            breakers.c.reason.label("breaker_reason"),
        )
        .outerjoin(busy, busy.c.destination == sums.c.destination)
        .outerjoin(breakers, breakers.c.destination == sums.c.destination)
        .order_by(sums.c.destination)
    )
    return connection.execute(statement).all()


def dossier(connection: Connection, code: str) -> Any | None:
    return connection.execute(select(dossiers).where(dossiers.c.code == code)).first()


def every_dossier(connection: Connection) -> Sequence[Any]:
    return connection.execute(select(dossiers).order_by(dossiers.c.created_at, dossiers.c.code)).all()


def every_belief(connection: Connection) -> Sequence[Any]:
    """What each system said or was told last, of every dossier."""
    return connection.execute(select(beliefs).order_by(beliefs.c.dossier, beliefs.c.system)).all()


def deliveries_of(connection: Connection, *, code: str | None = None, seq: int | None = None) -> Sequence[Any]:
    """Deliveries of a dossier, or of one message, in order; `tries` counts every attempt there ever was."""
    tries = select(func.count()).where(attempts.c.delivery == deliveries.c.id).scalar_subquery().label("tries")
    statement = select(deliveries, tries).order_by(deliveries.c.message_seq, deliveries.c.id)
    if code is not None:
        # by way of the messages: deliveries have no index that begins with the dossier
        statement = statement.join(messages, messages.c.seq == deliveries.c.message_seq).where(
            messages.c.dossier == code
        )
    if seq is not None:
        statement = statement.where(deliveries.c.message_seq == seq)
    return connection.execute(statement).all()


def lanes_told(connection: Connection, destination: str) -> Sequence[Any]:
    """Every delivery to a destination with its message, lane by lane, each lane in order."""
    statement = (
        select(
            deliveries.c.id, deliveries.c.dossier, deliveries.c.state, deliveries.c.message_seq, messages.c.id.label("message"),
            messages.c.type, messages.c.event_time, messages.c.body, dossiers.c.origin,
        )
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .join(dossiers, dossiers.c.code == deliveries.c.dossier)
        .where(deliveries.c.destination == destination)
        .order_by(deliveries.c.dossier, deliveries.c.message_seq)
    )  # fmt: skip
    return connection.execute(statement).all()


def heard_from(connection: Connection, source: str) -> Sequence[str]:
    """The sender's ids of all that one partner ever sent, in the order it came."""
    return (
        connection.execute(select(messages.c.source_id).where(messages.c.source == source).order_by(messages.c.seq))
        .scalars()
        .all()
    )


def open_count(connection: Connection) -> int:
    """How many deliveries have not ended."""
    return int(connection.execute(select(func.count()).where(deliveries.c.ended_at.is_(None))).scalar_one())


def acts_on(connection: Connection, subjects: Sequence[str]) -> Sequence[Any]:
    """What people did to these, oldest first."""
    return connection.execute(select(acts).where(acts.c.subject.in_(list(subjects))).order_by(acts.c.id)).all()


def held_messages(connection: Connection) -> Sequence[Any]:
    """Every held message: dossier, the sender's id, why."""
    statement = select(messages.c.dossier, messages.c.source_id, messages.c.held).where(messages.c.held.is_not(None))
    return connection.execute(statement.order_by(messages.c.seq)).all()


def move_count(connection: Connection) -> int:
    """How many status events moved a dossier: each has, or will have, its place in the feed."""
    return int(connection.execute(select(func.count()).where(statuses.c.held.is_(None))).scalar_one())
