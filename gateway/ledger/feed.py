"""The status feed: every applied status event, in one order, without gaps.

Rows commit in another order than they were numbered, so a number alone would let a reader step over a row that commits late. Places are
therefore given to *committed* rows only, under a lock, in one rising sequence. A reader that has seen place n has seen every place before it.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, func, select, text, update

from gateway.ledger import queries
from gateway.ledger.tables import statuses

_UNPLACED = (
    select(statuses.c.seq)
    .where(statuses.c.position.is_(None), statuses.c.held.is_(None))
    .order_by(statuses.c.seq)
    .limit(5000)
)
_NEW = _UNPLACED.subquery("new")
_RANKED = select(_NEW.c.seq, func.row_number().over(order_by=_NEW.c.seq).label("rank")).subquery("ranked")
_LAST = select(func.coalesce(func.max(statuses.c.position), 0)).scalar_subquery()
_PLACE = update(statuses).where(statuses.c.seq == _RANKED.c.seq).values(position=_LAST + _RANKED.c.rank)
_FEED_LOCK = 7_405_663_001  # advisory lock of PostgreSQL; SQLite's writer is alone anyway


def place(connection: Connection) -> int:
    """Give places to the rows that have none yet. Call inside a writing transaction; returns how many were placed."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _FEED_LOCK})
    return connection.execute(_PLACE).rowcount


def has_unplaced(connection: Connection) -> bool:
    return connection.execute(_UNPLACED.limit(1)).first() is not None


def read(
    connection: Connection, after: int, limit: int, dossiers_of: str | None = None, look: int = queries.LOOK
) -> list[Any]:
    """Rows after place `after`, in order. `dossiers_of` narrows it to dossiers a partner owns or takes part in, among the next `look` places."""
    statement = select(statuses).where(statuses.c.position > after).order_by(statuses.c.position).limit(limit)
    if dossiers_of is not None:
        mine = queries.readable_by(statuses.c.dossier, dossiers_of)
        statement = statement.where(statuses.c.position <= after + look, mine)
    return list(connection.execute(statement))
