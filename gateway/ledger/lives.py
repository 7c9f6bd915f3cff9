"""The course of every dossier in one reading, for statistics. Nothing here writes.

Read from `dossiers` and `statuses` alone (and from `lanes`, for the post), not from messages, whose bodies are a hundred times the size: only
who handled a dossier that was submitted again is read from its submissions.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, case, false, func, literal_column, or_, select

from gateway.ledger.queries import Reader, visible
from gateway.ledger.tables import dossiers, lanes, messages, statuses

RECEIVED, HANDLED, SUPPLEMENT, DONE, RETURNED = 2, 4, 5, 9, 10
PAGE = 500  # dossiers whose submissions are read at once
CLOSED = (3, 7, 8)  # refused, withdrawn, stopped


class Life(NamedTuple):
    """One dossier's course, without anything personal.

    `received_at` is its first reception (2; where that was never said, the first 4, 9 or 10: nobody handles what was not received).
    `ended_at` is when it was done (9; where that was never said, returned: 10), and None for one that was taken up again; `closed_at` when it
    was refused, withdrawn or stopped. `asked`: how often it went to status 5. `by_post`: something of it was meant for the post.
    `organisation` handled it at its end, or handles it now; `received_by` handled it at its reception.
    """

    code: str
    organisation: str
    procedure: str
    channel: int
    due_at: datetime | None
    received_at: datetime
    ended_at: datetime | None
    closed_at: datetime | None
    asked: int
    by_post: bool
    received_by: str


def lives(
    connection: Connection, reader: Reader, *, since: datetime, until: datetime, post: Sequence[str]
) -> Iterator[Life]:
    """Every dossier that the reader may know of and that was received before `until` and had neither ended nor been closed before `since`, as
    it stood at `until`: what came later takes nothing back of a period that is over.

    `post`: the destinations that are the post.
    """
    course = (
        select(
            statuses.c.dossier,
            func.coalesce(_when(func.min, RECEIVED), _when(func.min, HANDLED, DONE, RETURNED)).label("received_at"),
            _when(func.max, DONE).label("done_at"),
            _when(func.max, RETURNED).label("returned_at"),
            func.sum(case((statuses.c.status == SUPPLEMENT, 1), else_=0)).label("asked"),
            func.min(statuses.c.seq).label("first"),
            func.max(statuses.c.seq).label("last"),  # what is not held came in the order of its events
        )
        .where(statuses.c.held.is_(None), statuses.c.event_time < until)
        .group_by(statuses.c.dossier)
        .cte("course")
    )
    posted = select(lanes.c.dossier).where(lanes.c.destination.in_(list(post))).distinct().cte("posted")
    over = statuses.c.status.in_((DONE, RETURNED))
    ended_at = case((over, func.coalesce(course.c.done_at, course.c.returned_at)))
    closed_at = case((statuses.c.status.in_(CLOSED), statuses.c.event_time))
    statement = (
        select(
            dossiers.c.code, dossiers.c.organisation, dossiers.c.procedure, dossiers.c.channel, dossiers.c.due_at, course.c.received_at,
            ended_at.label("ended_at"), closed_at.label("closed_at"), course.c.asked, posted.c.dossier.is_not(None).label("by_post"),
            dossiers.c.organisation.label("received_by"), (dossiers.c.newest != course.c.first).label("amended"),
        )
        .join(course, course.c.dossier == dossiers.c.code)
        .join(statuses, statuses.c.seq == course.c.last)
        .outerjoin(posted, posted.c.dossier == dossiers.c.code)
        .where(course.c.received_at < until, visible(dossiers.c.code, reader))
        .where(or_(_not_before(func.coalesce(ended_at, closed_at), since), course.c.received_at >= since))
    )  # fmt: skip
    rows = iter(connection.execute(statement))
    while page := list(islice(rows, PAGE)):
        handled = _handlers(connection, [row.code for row in page if row.amended])
        for row in page:
            life = Life._make(row[:-1])
            yield _placed(life, handled[row.code], until) if row.code in handled else life


def _handlers(connection: Connection, codes: Sequence[str]) -> Mapping[str, Sequence[tuple[datetime, str]]]:
    """Of each dossier who handled it from when on, by its submissions in their order."""
    found: dict[str, list[tuple[datetime, str]]] = {}
    if codes:
        statement = (
            select(messages.c.dossier, messages.c.event_time, messages.c.body)
            .where(messages.c.dossier.in_(codes), messages.c.type == "DossierSubmitted", messages.c.held.is_(None))
            .order_by(messages.c.seq)
        )
        for row in connection.execute(statement):
            found.setdefault(row.dossier, []).append((row.event_time, json.loads(row.body)["handled_by"]["code"]))
    return found


def _placed(life: Life, handlers: Sequence[tuple[datetime, str]], until: datetime) -> Life:
    """Who handled it then: what is told of a transfer later moves no figure of a period that is over."""

    def at(moment: datetime) -> str:
        return next((code for since, code in reversed(handlers) if since <= moment), handlers[0][1])

    end = life.ended_at or life.closed_at or until
    return life._replace(organisation=at(end), received_by=at(life.received_at))


def _when(first_or_last: Any, *status: int) -> ColumnElement[datetime]:
    found: ColumnElement[datetime] = first_or_last(case((statuses.c.status.in_(status), statuses.c.event_time)))
    return found


def _not_before(instant: ColumnElement[Any], since: datetime) -> ColumnElement[bool]:
    return or_(instant.is_(None), instant >= since)


def ratings(connection: Connection, reader: Reader, *, since: datetime, until: datetime) -> Sequence[Any]:
    """A row per rating given in the time: the dossier's organisation, procedure and channel, and the message's `body` as JSON."""
    statement = (
        select(dossiers.c.organisation, dossiers.c.procedure, dossiers.c.channel, messages.c.body)
        .join(dossiers, dossiers.c.code == messages.c.dossier)
        .where(
            messages.c.type == literal_column("'RatingGiven'")
        )  # written as the index writes it, else neither engine uses it
        .where(messages.c.held.is_(None))
        .where(and_(messages.c.event_time >= since, messages.c.event_time < until))
        .where(false() if reader.reads == "none" else visible(dossiers.c.code, reader))
    )
    return connection.execute(statement).all()
