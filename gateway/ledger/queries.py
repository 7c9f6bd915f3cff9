"""The reading side: what a partner, an operator or a monitor asks of the ledger. Nothing here writes.

Whoever asks is a `Reader`; every query about a dossier narrows itself to what that reader may know of.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, false, func, or_, select, true
from sqlalchemy.sql.elements import SQLCoreOperations

from gateway.ledger.rulings import RULED
from gateway.ledger.tables import (
    OPEN,
    attempts,
    beliefs,
    breakers,
    deliveries,
    dossiers,
    lanes,
    messages,
    statuses,
)

LOOK = 20_000  # rows looked at for one page, when most of them may be none of the reader's business


@dataclass(frozen=True, slots=True)
class Reader:
    """Who asks. `reads`: ``all`` dossiers, its ``own`` (it owns them or takes part in them), or ``none``."""

    partner: str
    reads: str


def readable_by(column: SQLCoreOperations[str], partner: str) -> ColumnElement[bool]:
    """The dossier named in `column` belongs to `partner`, or something of it was ever meant for that partner."""
    # Under names of their own: a column of the same table outside would otherwise be taken for the one inside, and be equal to itself.
    owned, lane = dossiers.alias("owned"), lanes.alias("lane")
    owns = select(owned.c.code).where(owned.c.code == column, owned.c.owner == partner)
    takes_part = select(lane.c.dossier).where(lane.c.destination == partner, lane.c.dossier == column)
    return or_(owns.exists(), takes_part.exists())


def visible(column: SQLCoreOperations[str], reader: Reader) -> ColumnElement[bool]:
    """The condition that the dossier named in `column` is one this reader may know of."""
    if reader.reads == "all":
        return true()
    return readable_by(column, reader.partner) if reader.reads == "own" else false()


def dossier_row(connection: Connection, code: str, reader: Reader) -> Any | None:
    """The dossier's row with `body`, the newest submission as JSON; None when there is none or it is none of this reader's."""
    statement = (
        select(dossiers, messages.c.body)
        .join(messages, messages.c.seq == dossiers.c.newest)
        .where(dossiers.c.code == code, visible(dossiers.c.code, reader))
    )
    return connection.execute(statement).first()


def waiting_rows(connection: Connection, partner: str, statuses: Sequence[int], after: str, most: int) -> Sequence[Any]:
    """As `dossier_row`, the first `most` after the code `after` that stand at one of `statuses` and of which the partner was delivered something."""
    statement = (
        select(dossiers, messages.c.body)
        .join(lanes, lanes.c.dossier == dossiers.c.code)
        .join(messages, messages.c.seq == dossiers.c.newest)
        .where(lanes.c.destination == partner, lanes.c.delivered > 0, lanes.c.dossier > after)
        .where(dossiers.c.status.in_(statuses))
        .order_by(lanes.c.dossier)
        .limit(most)
    )
    return connection.execute(statement).all()


def received_at(connection: Connection, code: str) -> datetime | None:
    """When the dossier was received first (status 2), if it was."""
    moved = (statuses.c.dossier == code, statuses.c.status == 2, statuses.c.held.is_(None))
    found = select(statuses.c.event_time).where(*moved).order_by(statuses.c.seq).limit(1)
    first: datetime | None = connection.execute(found).scalar()
    return first


def beliefs_of(connection: Connection, code: str) -> Sequence[Any]:
    """What each system said last, or was last told."""
    return connection.execute(select(beliefs).where(beliefs.c.dossier == code).order_by(beliefs.c.system)).all()


_DELIVERY = (
    select(
        deliveries.c.id, deliveries.c.destination, deliveries.c.dossier, deliveries.c.state, deliveries.c.duplicate, deliveries.c.reason,
        deliveries.c.code, deliveries.c.attempts, deliveries.c.asks, deliveries.c.reference, deliveries.c.created_at, deliveries.c.ended_at,
        deliveries.c.message_seq, messages.c.id.label("message"), messages.c.type,
    ).join(messages, messages.c.seq == deliveries.c.message_seq)
)  # fmt: skip


def deliveries_of(connection: Connection, code: str, *, undone: bool = False) -> Sequence[Any]:
    """The deliveries of a dossier in order; `undone`: only those waiting, in doubt or parked."""
    statement = _DELIVERY.where(messages.c.dossier == code).order_by(deliveries.c.message_seq, deliveries.c.id)
    if undone:
        statement = statement.where(deliveries.c.state.in_(OPEN))
    return connection.execute(statement).all()


def deliveries_for(connection: Connection, message_seq: int) -> Sequence[Any]:
    """The deliveries of one message."""
    return connection.execute(_DELIVERY.where(deliveries.c.message_seq == message_seq).order_by(deliveries.c.id)).all()


@dataclass(frozen=True, slots=True)
class DeliveriesPage:
    """One page. `upto`: every delivery up to this number was looked at; `more`: there are further ones to look at."""

    rows: Sequence[Any]
    upto: int
    more: bool


def deliveries_page(
    connection: Connection,
    reader: Reader,
    *,
    after: int,
    limit: int,
    state: str | None = None,
    destination: str | None = None,
    dossier: str | None = None,
    look: int = LOOK,
) -> DeliveriesPage:
    """Deliveries numbered above `after`, rising: those to the reader itself and those of dossiers it may know of.

    A reader of few of them gets pages with few or none, each after `look` numbers at most.
    """
    statement = _DELIVERY.where(deliveries.c.id > after).order_by(deliveries.c.id).limit(limit + 1)
    end = None
    if reader.reads != "all" and dossier is None and state not in OPEN:
        end = after + look
        statement = statement.where(deliveries.c.id <= end)
    if reader.reads != "all":
        mine = deliveries.c.destination == reader.partner
        statement = statement.where(or_(mine, visible(deliveries.c.dossier, reader)))
    if state is not None:
        statement = statement.where(deliveries.c.state == state)
        if state in OPEN:
            statement = statement.where(deliveries.c.ended_at.is_(None))  # what the partial index is about
    if destination is not None:
        statement = statement.where(deliveries.c.destination == destination)
    if dossier is not None:
        statement = statement.where(messages.c.dossier == dossier)
    rows = connection.execute(statement).all()
    last = rows[:limit][-1].id if rows else after
    if len(rows) > limit:
        return DeliveriesPage(rows[:limit], last, True)
    if end is not None and end < (connection.execute(select(func.max(deliveries.c.id))).scalar() or 0):
        return DeliveriesPage(rows, end, True)
    return DeliveriesPage(rows, last, False)


_MESSAGE = (
    messages.c.seq, messages.c.id, messages.c.source, messages.c.source_id, messages.c.type, messages.c.dossier, messages.c.event_time,
    messages.c.received_time, messages.c.held, messages.c.mapping, messages.c.because, messages.c.trace, messages.c.routed,
)  # fmt: skip


def message_row(connection: Connection, message_id: str, reader: Reader) -> Any | None:
    """One message with its canonical `body` as JSON text. A sender may read what it sent, whatever else it may read."""
    statement = select(*_MESSAGE, messages.c.body).where(
        messages.c.id == message_id,
        or_(messages.c.source == reader.partner, visible(messages.c.dossier, reader)),
    )
    return connection.execute(statement).first()


def messages_of(connection: Connection, code: str) -> Sequence[Any]:
    """The dossier's messages without their bodies, oldest first."""
    return connection.execute(select(*_MESSAGE).where(messages.c.dossier == code).order_by(messages.c.seq)).all()


def held_of(connection: Connection, code: str) -> Sequence[Any]:
    """The dossier's held messages that nobody has ruled on, oldest first. Held is the row's word for why."""
    statement = select(*_MESSAGE, messages.c.body).where(
        messages.c.dossier == code, messages.c.held.is_not(None), ~RULED
    )
    return connection.execute(statement.order_by(messages.c.seq)).all()


def statuses_of(connection: Connection, code: str) -> Sequence[Any]:
    """The history of the status axis, held events too, in the order in which they came."""
    return connection.execute(select(statuses).where(statuses.c.dossier == code).order_by(statuses.c.seq)).all()


def attempts_of_dossier(connection: Connection, code: str) -> Sequence[Any]:
    """Every attempt of every delivery of a dossier, oldest first, with the delivery's `destination` and `message_seq`."""
    statement = (
        select(attempts, deliveries.c.destination, deliveries.c.message_seq)
        .join(deliveries, deliveries.c.id == attempts.c.delivery)
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .where(messages.c.dossier == code)
        .order_by(attempts.c.id)
    )
    return connection.execute(statement).all()


def feed_end(connection: Connection) -> int:
    """The last place given in the status feed; 0 when none was."""
    return int(connection.execute(select(func.max(statuses.c.position))).scalar() or 0)


@dataclass(frozen=True, slots=True)
class Backlog:
    """What waits for one destination: how many in each open state, and since when the oldest."""

    counts: Mapping[str, int]
    oldest: datetime | None


def backlogs(connection: Connection, destination: str | None = None) -> Mapping[str, Backlog]:
    """By destination, only those with anything open. Reads the index of open deliveries alone."""
    statement: Select[Any] = (
        select(deliveries.c.destination, deliveries.c.state, func.count(), func.min(deliveries.c.created_at))
        .where(deliveries.c.ended_at.is_(None))
        .group_by(deliveries.c.destination, deliveries.c.state)
    )
    if destination is not None:
        statement = statement.where(deliveries.c.destination == destination)
    found: dict[str, Backlog] = {}
    for name, state, count, oldest in connection.execute(statement):
        before = found.get(name, Backlog({}, None))
        first = oldest if before.oldest is None else min(before.oldest, oldest)
        found[name] = Backlog({**before.counts, state: count}, first)
    return found


def breaker_rows(connection: Connection) -> Mapping[str, Any]:
    """The circuit breakers that ever counted anything, by destination."""
    return {row.destination: row for row in connection.execute(select(breakers))}


def held_count(connection: Connection) -> int:
    return int(connection.execute(select(func.count()).where(messages.c.held.is_not(None))).scalar_one())


def read_body(row: Any) -> dict[str, Any]:
    """The canonical body of a row that carries it as text."""
    body: dict[str, Any] = json.loads(row.body)
    return body
