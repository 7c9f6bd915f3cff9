"""Incidents and their notices: opened once, closed once, told once to each channel, however many processes look at the same moment."""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, func, select, true, update

from gateway.errors import NotFound
from gateway.ledger.messages import insert_for
from gateway.ledger.tables import incidents, notices

_OPEN = incidents.c.closed_at.is_(None)
_WAITING = notices.c.ended_at.is_(None)


# ── incidents ───────────────────────────────────────────────────────────────────────────────────────────────────


def note_seen(
    connection: Connection,
    trouble: str,
    owner: str,
    *,
    what: str,
    what_en: str,
    count: int,
    since: datetime,
    now: datetime,
) -> int | None:
    """A trouble is there. The number of the incident when this opened it; None when it was open already, or was opened by another just now."""
    known = (
        update(incidents)
        .where(incidents.c.trouble == trouble, incidents.c.owner == owner, _OPEN)
        .values(
            what=what, what_en=what_en, count=count, last_seen_at=now, well_at=None,
            most=case((incidents.c.most > count, incidents.c.most), else_=count),
            again=incidents.c.again + case((incidents.c.well_at.is_not(None), 1), else_=0),
        )
        .returning(incidents.c.id)
    )  # fmt: skip
    if connection.execute(known).first() is not None:
        return None
    new = insert_for(connection)(incidents).values(
        trouble=trouble, owner=owner, what=what, what_en=what_en, count=count, most=count, again=0, since=since,
        opened_at=now, last_seen_at=now,
    )  # fmt: skip
    new = new.on_conflict_do_nothing(index_elements=["trouble", "owner"], index_where=_OPEN)
    number: int | None = connection.execute(new.returning(incidents.c.id)).scalar()
    return number


def note_well(
    connection: Connection, seen: Collection[tuple[str, str]], *, now: datetime, well_since: datetime
) -> Sequence[Any]:
    """What is open and was not among `seen` is well. Returns those closed by this: well at `well_since` already, and ever since."""
    closed: list[Any] = []
    for row in open_incidents(connection):
        if (row.trouble, row.owner) in seen:
            continue
        this = update(incidents).where(incidents.c.id == row.id, _OPEN)
        if row.well_at is None:
            connection.execute(this.where(incidents.c.last_seen_at == row.last_seen_at).values(well_at=now))
        elif row.well_at <= well_since:
            ended = this.where(incidents.c.well_at == row.well_at).values(closed_at=now)
            closed += connection.execute(ended.returning(incidents)).all()
    return closed


def open_incidents(connection: Connection) -> Sequence[Any]:
    """Oldest first."""
    return connection.execute(select(incidents).where(_OPEN).order_by(incidents.c.id)).all()


def listed(connection: Connection, *, closed: bool = False, limit: int = 200) -> Sequence[Any]:
    """Open ones, oldest first; with `closed` all, newest first."""
    order = incidents.c.id.desc() if closed else incidents.c.id
    statement = select(incidents).where(true() if closed else _OPEN).order_by(order).limit(limit)
    return connection.execute(statement).all()


def one(connection: Connection, number: int) -> tuple[Any, Sequence[Any]]:
    """An incident and its notices. Raises `NotFound`."""
    row = connection.execute(select(incidents).where(incidents.c.id == number)).first()
    if row is None:
        raise NotFound.of("", "unknown-incident", f"không có sự cố {number}", f"there is no incident {number}")
    told = select(notices).where(notices.c.incident == number).order_by(notices.c.id)
    return row, connection.execute(told).all()


def count_open(connection: Connection) -> Mapping[tuple[str, str], int]:
    """How many are open, by trouble and owner."""
    statement = select(incidents.c.trouble, incidents.c.owner, func.count()).where(_OPEN).group_by(
        incidents.c.trouble, incidents.c.owner
    )  # fmt: skip
    return {(row[0], row[1]): row[2] for row in connection.execute(statement)}


# ── notices ─────────────────────────────────────────────────────────────────────────────────────────────────────


def add_notice(
    connection: Connection,
    about: str,
    channel: str,
    *,
    kind: str,
    subject: str,
    text: str,
    data: Mapping[str, Any],
    now: datetime,
    incident: int | None = None,
) -> int | None:
    """To be sent. Its number; None when `about` is told to this channel already."""
    new = insert_for(connection)(notices).values(
        name=f"{about} {channel}", token=secrets.token_hex(12), kind=kind, incident=incident, channel=channel, subject=subject, text=text,
        data=json.dumps(data, ensure_ascii=False), state="waiting", tries=0, made_at=now, due_at=now,
    )  # fmt: skip
    number: int | None = connection.execute(
        new.on_conflict_do_nothing(index_elements=["name"]).returning(notices.c.id)
    ).scalar()
    return number


def is_told(connection: Connection, about: str, channel: str) -> bool:
    return connection.execute(select(notices.c.id).where(notices.c.name == f"{about} {channel}")).first() is not None


def is_any_due(connection: Connection, now: datetime) -> bool:
    return (
        connection.execute(select(notices.c.id).where(_WAITING, notices.c.due_at <= now).limit(1)).first() is not None
    )


def claim_notice(
    connection: Connection, now: datetime, until: datetime, *, without: Collection[str] = (), number: int | None = None
) -> Any | None:
    """The oldest one due, or the one of this number, as it is now tried: nobody else tries it before `until`. None when there is none."""
    due = select(notices.c.id).where(_WAITING, notices.c.due_at <= now, notices.c.channel.not_in(list(without)))
    due = due.where(true() if number is None else notices.c.id == number).order_by(notices.c.id).limit(1)
    found = connection.execute(due).scalar()
    if found is None:
        return None
    claimed = (
        update(notices)
        .where(notices.c.id == found, _WAITING, notices.c.due_at <= now)
        .values(due_at=until, tries=notices.c.tries + 1)
    )
    return connection.execute(claimed.returning(notices)).first()


def end_notice(connection: Connection, number: int, state: str, now: datetime, error: str | None = None) -> None:
    """``sent``, or ``given_up``."""
    values = {"state": state, "ended_at": now, "due_at": now, "error": error}
    connection.execute(update(notices).where(notices.c.id == number).values(**values))


def put_off(connection: Connection, number: int, due_at: datetime, error: str) -> None:
    """It failed, and is tried again at `due_at`."""
    connection.execute(update(notices).where(notices.c.id == number, _WAITING).values(due_at=due_at, error=error))


def put_off_channel(connection: Connection, channel: str, due_at: datetime, error: str) -> None:
    """What else waits for this channel waits with it, for the same reason: a channel that is away is tried once a pause, and the order stays."""
    waiting = update(notices).where(notices.c.channel == channel, _WAITING, notices.c.due_at < due_at)
    connection.execute(waiting.values(due_at=due_at, error=error))


def troubled_notices(connection: Connection, since: datetime) -> Sequence[Any]:
    """Those that failed and wait to be tried again, and those given up since `since`; oldest first."""
    failed = (_WAITING & notices.c.error.is_not(None)) | (
        (notices.c.state == "given_up") & (notices.c.made_at >= since)
    )
    return connection.execute(select(notices).where(failed).order_by(notices.c.id)).all()


def count_notices(connection: Connection, since: datetime) -> Mapping[str, int]:
    """``waiting``, ``failing`` (tried in vain, and tried again) and ``given_up`` since `since`."""
    counts = {"waiting": 0, "failing": 0, "given_up": 0}
    rows = connection.execute(select(notices.c.error).where(_WAITING)).scalars().all()
    counts["failing"] = sum(error is not None for error in rows)
    counts["waiting"] = len(rows) - counts["failing"]
    gone = select(func.count()).where(notices.c.state == "given_up", notices.c.made_at >= since)
    counts["given_up"] = int(connection.execute(gone).scalar_one())
    return counts
