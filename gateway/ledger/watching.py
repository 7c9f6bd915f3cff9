"""What is looked at each minute for troubles, and once a day for the digest: backlogs, doubts, differences, who was heard from when.

Every question here goes through an index or reads only what is new: it is asked as long as the gateway lives.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, func, or_, select

from gateway.ledger.halving import first_at
from gateway.ledger.rulings import RULED
from gateway.ledger.tables import attempts, cursors, deliveries, differences, messages

FIRST_LOOK = 50_000  # messages that are looked back at for who was heard from, when nobody remembers
OVERLAP = 2_000  # messages looked at again: a row may commit after a later one did (PostgreSQL)
SIGNING_IN = (
    "login:%",
    "token:%",
    "đăng nhập%",
)  # how the reason of a failed sign-in begins, whichever connector gave it


@dataclass(frozen=True, slots=True)
class Work:
    """Some open deliveries of one destination: their state, the code they ended with last, how many, and when the oldest was made."""

    destination: str
    state: str
    code: str
    signing_in: bool
    count: int
    oldest: datetime


def open_work(connection: Connection) -> Sequence[Work]:
    """All that is open, grouped. Reads the index of open deliveries, and their rows."""
    signing_in = or_(*(deliveries.c.reason.like(words) for words in SIGNING_IN))
    code, at_door = func.coalesce(deliveries.c.code, ""), func.coalesce(signing_in, False)
    columns = (deliveries.c.destination, deliveries.c.state, code, at_door)
    statement = (
        select(*columns, func.count(), func.min(deliveries.c.created_at))
        .where(deliveries.c.ended_at.is_(None))
        .group_by(*columns)
    )
    return [Work(row[0], row[1], row[2], bool(row[3]), row[4], row[5]) for row in connection.execute(statement)]


def doubts_since(connection: Connection) -> Mapping[str, tuple[int, datetime]]:
    """By destination: how many deliveries are in doubt, and since when the oldest doubt is there."""
    first = (
        select(attempts.c.delivery, func.min(attempts.c.started_at).label("at"))
        .join(deliveries, deliveries.c.id == attempts.c.delivery)
        .where(deliveries.c.ended_at.is_(None), deliveries.c.state == "in_doubt")
        .where(or_(attempts.c.outcome == "ask_first", attempts.c.outcome.is_(None)))
        .group_by(attempts.c.delivery)
        .subquery()
    )
    statement = (
        select(deliveries.c.destination, func.count(), func.min(first.c.at))
        .join(first, first.c.delivery == deliveries.c.id)
        .group_by(deliveries.c.destination)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(statement)}


def differences_by_system(connection: Connection) -> Mapping[str, tuple[int, datetime]]:
    """By system: how many differences are open, those that a person left as they are not among them, and since when the oldest."""
    statement = (
        select(differences.c.system, func.count(), func.min(differences.c.found_at))
        .where(differences.c.ended_at.is_(None), differences.c.state != "declined")
        .group_by(differences.c.system)
    )
    return {row[0]: (row[1], row[2]) for row in connection.execute(statement)}


def read_at(connection: Connection) -> Mapping[str, datetime]:
    """By partner: when its feed was read last. Other things keep their place among the cursors too, under names with a blank."""
    return {row.partner: row.at for row in connection.execute(select(cursors.c.partner, cursors.c.at))}


def held_count(connection: Connection) -> int:
    """Held messages that nobody has ruled on."""
    return int(connection.execute(select(func.count()).where(messages.c.held.is_not(None), ~RULED)).scalar_one())


@dataclass(slots=True)
class Heard:
    """When each source was heard from last; learns what came since it learned last. `begin`: what was before it is not known."""

    begin: datetime | None = None
    at: dict[str, datetime] = field(default_factory=dict)
    _mark: int | None = None

    def learn(self, connection: Connection) -> None:
        newest = int(connection.execute(select(func.max(messages.c.seq))).scalar() or 0)
        if self._mark is None:
            after = newest - FIRST_LOOK
            first = select(messages.c.received_time).where(messages.c.seq > after).order_by(messages.c.seq).limit(1)
            self.begin = connection.execute(first).scalar()
        else:
            after = self._mark - OVERLAP
        statement = (
            select(messages.c.source, func.max(messages.c.received_time))
            .where(messages.c.seq > after)
            .group_by(messages.c.source)
        )
        for source, at in connection.execute(statement):
            self.at[source] = max(at, self.at.get(source, at))
        self._mark = newest


# ── a day's figures ─────────────────────────────────────────────────────────────────────────────────────────────


def received_between(connection: Connection, since: datetime, until: datetime) -> Mapping[str, int]:
    """How many messages came, by type."""
    first, last = (first_at(connection, messages.c.seq, messages.c.received_time, at) for at in (since, until))
    statement = (
        select(messages.c.type, func.count())
        .where(messages.c.seq >= first, messages.c.seq < last)
        .group_by(messages.c.type)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def delivered_between(connection: Connection, since: datetime, until: datetime) -> Mapping[str, int]:
    """How many deliveries ended well, by destination. An attempt belongs to the moment at which it began."""
    first, last = (first_at(connection, attempts.c.id, attempts.c.started_at, at) for at in (since, until))
    statement = (
        select(deliveries.c.destination, func.count())
        .join(deliveries, deliveries.c.id == attempts.c.delivery)
        .where(attempts.c.id >= first, attempts.c.id < last, attempts.c.outcome.in_(("delivered", "duplicate")))
        .group_by(deliveries.c.destination)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}
