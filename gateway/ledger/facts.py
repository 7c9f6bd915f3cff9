"""Small facts: cursors, leaders, which partner takes part in a dossier."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, bindparam, delete, or_, select, update

from gateway.ledger.messages import insert_for
from gateway.ledger.prepared import Prepared
from gateway.ledger.tables import acts, cursors, lanes, leaders, messages, nonces, statuses

_HAS_LANE = select(lanes.c.open).where(lanes.c.destination == bindparam("d"), lanes.c.dossier == bindparam("c"))
_MOVES = Prepared(
    select(statuses.c.status, statuses.c.event_time)
    .where(statuses.c.dossier == bindparam("dossier"), statuses.c.held.is_(None))
    .order_by(statuses.c.seq)
)
_BODY = Prepared(select(messages.c.body).where(messages.c.seq == bindparam("seq")))


def has_lane(connection: Connection, destination: str, dossier: str) -> bool:
    """Was anything of this dossier ever meant for this partner?"""
    return connection.execute(_HAS_LANE, {"d": destination, "c": dossier}).first() is not None


def body_of(connection: Connection, seq: int) -> dict[str, Any]:
    """The canonical body of message `seq`."""
    (row,) = _BODY.rows(connection, {"seq": seq})
    body: dict[str, Any] = json.loads(row.body)
    return body


def moves_of(connection: Connection, dossier: str) -> list[tuple[int, datetime]]:
    """Each status that the dossier was moved to, and the event's time, in the order in which they came."""
    return [(row.status, row.event_time) for row in _MOVES.rows(connection, {"dossier": dossier})]


def cursor(connection: Connection, partner: str) -> str | None:
    return connection.execute(select(cursors.c.value).where(cursors.c.partner == partner)).scalar()


def read_at(connection: Connection, partner: str) -> datetime | None:
    """When that cursor was set last."""
    return connection.execute(select(cursors.c.at).where(cursors.c.partner == partner)).scalar()


def set_cursor(connection: Connection, partner: str, value: str, now: datetime) -> None:
    statement = insert_for(connection)(cursors).values(partner=partner, value=value, at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=["partner"], set_={"value": value, "at": now}))


def lead(connection: Connection, name: str, owner: str, now: datetime, seconds: float) -> bool:
    """True while `owner` leads `name`: it held the lease already, or the lease had run out."""
    until = now + timedelta(seconds=seconds)
    statement = insert_for(connection)(leaders).values(name=name, owner=owner, until=until).on_conflict_do_nothing()
    connection.execute(statement)
    taken = (
        update(leaders)
        .where(leaders.c.name == name, or_(leaders.c.owner == owner, leaders.c.until < now))
        .values(owner=owner, until=until)
    )
    return connection.execute(taken.returning(leaders.c.name)).first() is not None


def resign(connection: Connection, name: str, owner: str) -> None:
    connection.execute(delete(leaders).where(leaders.c.name == name, leaders.c.owner == owner))


def spend_nonce(connection: Connection, key: str, nonce: str, now: datetime) -> bool:
    """False when this nonce was spent before."""
    statement = insert_for(connection)(nonces).values(key=key, nonce=nonce, at=now).on_conflict_do_nothing()
    return connection.execute(statement.returning(nonces.c.key)).first() is not None


def forget_nonces(connection: Connection, before: datetime) -> None:
    connection.execute(delete(nonces).where(nonces.c.at < before))


def note_act(
    connection: Connection, *, at: datetime, who: str, act: str, subject: str, reason: str, detail: str | None = None
) -> None:
    """What a person did, and why."""
    connection.execute(acts.insert().values(at=at, who=who, act=act, subject=subject, reason=reason, detail=detail))
