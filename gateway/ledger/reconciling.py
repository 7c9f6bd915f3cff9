"""What reconciliation reads and writes: which dossiers to ask about, what partners answered, differences and what became of them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, insert, or_, select, true, update

from gateway.errors import Fault, NotFound, Refused
from gateway.ledger import paces
from gateway.ledger.facts import note_act
from gateway.ledger.messages import insert_for
from gateway.ledger.tables import RETOLD, asked, beliefs, breakers, deliveries, differences, dossiers, lanes, messages
from gateway.ports import NOTHING

LOOK = 500  # lanes looked at for one batch of questions
MOST = 10_000  # open differences looked at in one go
_DECIDED = {
    "healing": ("đang được chữa", "is being healed"),
    "healed": ("đã chữa xong", "has been healed already"),
    "gone": ("đã tự hết", "is gone by itself"),
}
SEAT_SECONDS = 120.0  # a question has ended, one way or the other, after so long


class NotOpen(Refused):
    """Only an open difference is approved or declined, and only one that something heals is approved."""

    status = 409
    title = "Chênh lệch không chờ quyết định này"
    title_en = "The difference does not wait for this decision"
    kind = "not-open"


# ── whom to ask ─────────────────────────────────────────────────────────────────────────────────────────────────


def next_lanes(
    connection: Connection,
    destination: str,
    after: str,
    *,
    settled: datetime,
    rested: datetime,
    ended: Sequence[int],
    since: datetime | None = None,
    only_ended: bool = False,
) -> Sequence[str]:
    """Dossiers after the code `after` that the destination took something of, nothing being under way since `settled`, by their codes.

    Without `since` those that have ended (their status is one of `ended`) are left out once an answer has said so, and nothing was delivered
    since `rested`; with it all are in that moved since then, or `only_ended` ones.
    """
    has_ended = dossiers.c.status.in_(list(ended))
    confirmed = and_(has_ended, lanes.c.due_at <= rested, asked.c.at > lanes.c.due_at, asked.c.finding == "agrees")
    statement = (
        select(lanes.c.dossier)
        .join(dossiers, dossiers.c.code == lanes.c.dossier)
        .outerjoin(asked, and_(asked.c.dossier == lanes.c.dossier, asked.c.system == lanes.c.destination))
        .where(lanes.c.destination == destination, lanes.c.dossier > after, lanes.c.open == 0, lanes.c.delivered > 0)
        .where(lanes.c.due_at <= settled)  # settling writes the moment there
        .where(lanes.c.due_at >= since if since else or_(asked.c.at.is_(None), ~confirmed))
        .where(has_ended if only_ended else true())
        .order_by(lanes.c.dossier)
        .limit(LOOK)
    )
    return connection.execute(statement).scalars().all()


def count_lanes(connection: Connection, destination: str, *, settled: datetime, since: datetime) -> int:
    """How many dossiers `next_lanes` gives with such a `since`, in all."""
    took = and_(lanes.c.destination == destination, lanes.c.open == 0, lanes.c.delivered > 0)
    statement = select(func.count()).where(took, lanes.c.due_at <= settled, lanes.c.due_at >= since)
    return int(connection.execute(statement).scalar_one())


def due_again(connection: Connection, system: str, now: datetime) -> Sequence[str]:
    """Dossiers whose open difference is to be asked about again, nothing of them being under way."""
    quiet = and_(
        lanes.c.destination == differences.c.system, lanes.c.dossier == differences.c.dossier, lanes.c.open == 0
    )
    statement = (
        select(differences.c.dossier)
        .join(lanes, quiet)
        .where(differences.c.system == system, differences.c.ended_at.is_(None), differences.c.again_at <= now)
        .order_by(differences.c.again_at)
        .limit(LOOK)
    )
    return connection.execute(statement).scalars().all()


def may_ask(
    connection: Connection, destination: str, *, rate: float, pace: float, calls: int, owner: str, now: datetime
) -> list[int] | None:
    """Leave to put one question, and the seat it takes; None: not now. `rate`: most questions a second; `pace` and `calls`: what the
    destination can bear of everything (0: no limit). Nobody is asked while the breaker is open."""
    breaker = select(breakers.c.state).where(breakers.c.destination == destination)
    if connection.execute(breaker).scalar() in ("open", "half_open"):
        return None
    levels = [(name, most) for name, most in ((f"{destination} asked", rate), (destination, pace)) if most]
    allowed = [(name, paces.allowance(connection, name, most, now)) for name, most in levels]
    if any(level < 1 for _, level in allowed):
        return None
    seats: list[int] = []
    if calls:
        seats = paces.hold_seats(
            connection, destination, owner, held=[], wanted=1, seats=calls, now=now, seconds=SEAT_SECONDS
        )
        if not seats:
            return None
    for name, level in allowed:
        paces.spend(connection, name, level, 1, now)
    return seats


# ── what was told ───────────────────────────────────────────────────────────────────────────────────────────────


def lane_mark(connection: Connection, destination: str, dossier: str, *, lock: bool = False) -> Any | None:
    """What changes whenever anything happens in a lane: open, delivered, fence, and `due_at`, when something was settled last. None where
    there is no lane."""
    statement = select(lanes.c.open, lanes.c.delivered, lanes.c.fence, lanes.c.due_at).where(
        lanes.c.destination == destination, lanes.c.dossier == dossier
    )
    return connection.execute(statement.with_for_update() if lock else statement).first()


def status_of(connection: Connection, dossier: str) -> int | None:
    """Where a dossier stands by our record; None where it is not known."""
    found: int | None = connection.execute(select(dossiers.c.status).where(dossiers.c.code == dossier)).scalar()
    return found


def told_rows(connection: Connection, destination: str, dossier: str) -> Sequence[Any]:
    """The messages that a destination took of a dossier, oldest first, without those that were told again and those of which nothing was for
    it; `edited` by a person or not."""
    statement = (
        select(deliveries.c.id, deliveries.c.message_seq, deliveries.c.edited)
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .where(
            deliveries.c.destination == destination, deliveries.c.dossier == dossier, deliveries.c.state == "delivered",
            messages.c.type != RETOLD, deliveries.c.code.is_distinct_from(NOTHING),
        )
        .order_by(deliveries.c.message_seq)
    )  # fmt: skip
    return connection.execute(statement).all()


def believed_by(connection: Connection, system: str, days: Sequence[date] = ()) -> Iterator[Any]:
    """What a system believes of every dossier, by their codes; with `days` of those whose code may name one of them. Looks at all beliefs."""
    statement = select(beliefs.c.dossier, beliefs.c.status).where(beliefs.c.system == system)
    if days:
        statement = statement.where(or_(*(beliefs.c.dossier.contains(f"-{day:%y%m%d}-") for day in days)))
    after = ""
    while True:
        page = connection.execute(
            statement.where(beliefs.c.dossier > after).order_by(beliefs.c.dossier).limit(MOST)
        ).all()
        yield from page
        if len(page) < MOST:
            return
        after = page[-1].dossier


def organisations_of(connection: Connection, codes: Sequence[str]) -> Mapping[str, str]:
    """Who handles these dossiers."""
    found: dict[str, str] = {}
    for start in range(0, len(codes), LOOK):
        statement = select(dossiers.c.code, dossiers.c.organisation).where(
            dossiers.c.code.in_(codes[start : start + LOOK])
        )
        found |= {row.code: row.organisation for row in connection.execute(statement)}
    return found


def believed_of(connection: Connection, system: str, codes: Sequence[str]) -> Mapping[str, int]:
    """What a system believes of these dossiers; one of which it believes nothing is not there."""
    found: dict[str, int] = {}
    for start in range(0, len(codes), LOOK):
        statement = select(beliefs.c.dossier, beliefs.c.status).where(
            beliefs.c.dossier.in_(codes[start : start + LOOK]), beliefs.c.system == system
        )
        found |= {row.dossier: row.status for row in connection.execute(statement)}
    return found


def put_documents(connection: Connection, seq: int, destination: str, documents: str) -> None:
    """What the delivery of message `seq` goes out with in place of the mapping's documents, as JSON."""
    mine = (deliveries.c.message_seq == seq, deliveries.c.destination == destination)
    connection.execute(update(deliveries).where(*mine).values(edited=documents))


# ── answers and differences ─────────────────────────────────────────────────────────────────────────────────────


def note_answer(connection: Connection, row: Mapping[str, Any]) -> None:
    """What a system answered last about a dossier."""
    statement = insert_for(connection)(asked).values(**row)
    values = {name: value for name, value in row.items() if name not in ("dossier", "system")}
    connection.execute(statement.on_conflict_do_update(index_elements=["dossier", "system"], set_=values))


def open_difference(connection: Connection, system: str, dossier: str) -> Any | None:
    """Locked until the transaction ends."""
    statement = select(differences).where(
        differences.c.system == system, differences.c.dossier == dossier, differences.c.ended_at.is_(None)
    )
    return connection.execute(statement.with_for_update()).first()


def add_difference(connection: Connection, row: Mapping[str, Any]) -> int:
    """Its number. A unique violation means that another process found it first."""
    made = connection.execute(insert(differences).values(**row).returning(differences.c.id)).scalar_one()
    return int(made)


def change_difference(connection: Connection, number: int, **values: Any) -> None:
    connection.execute(update(differences).where(differences.c.id == number).values(**values))


def open_count(connection: Connection, system: str) -> int:
    """How many differences are open."""
    statement = select(func.count()).where(differences.c.system == system, differences.c.ended_at.is_(None))
    return int(connection.execute(statement).scalar_one())


def healed_since(connection: Connection, system: str, dossier: str, since: datetime) -> int:
    """How often this dossier was healed there since then."""
    statement = select(func.count()).where(
        differences.c.system == system, differences.c.dossier == dossier, differences.c.found_at >= since,
        differences.c.state == "healed",
    )  # fmt: skip
    return int(connection.execute(statement).scalar_one())


def was_discarded(connection: Connection, system: str, dossier: str, number: int) -> bool:
    """Did a person discard a message of the last try to heal the difference `number`?"""
    statement = (
        select(messages.c.event_time, deliveries.c.state)
        .join(deliveries, deliveries.c.message_seq == messages.c.seq)
        .where(messages.c.dossier == dossier, messages.c.type == RETOLD)
        .where(messages.c.source_id.startswith(f"{system}-{number}-", autoescape=True))
    )
    rows = connection.execute(statement).all()
    last = max((row.event_time for row in rows), default=None)  # all of one try are of one moment
    return any(row.event_time == last and row.state == "cancelled" for row in rows)


def note_healing(
    connection: Connection, number: int, *, who: str, reason: str, made: Sequence[str], now: datetime
) -> None:
    """A person had it healed at once; `made` are the messages that went out for it."""
    subject = f"difference {number}"
    note_act(connection, at=now, who=who, act="heal", subject=subject, reason=reason, detail=json.dumps(made))


def listed(
    connection: Connection, *, system: str | None = None, ended: bool = False, limit: int = 200
) -> Sequence[Any]:
    """Differences, oldest first; `ended`: those that have ended too."""
    statement = (
        select(differences)
        .where(differences.c.system == system if system else true())
        .where(true() if ended else differences.c.ended_at.is_(None))
        .order_by(differences.c.id)
        .limit(limit)
    )
    return connection.execute(statement).all()


def one(connection: Connection, number: int) -> Any:
    """A difference with `answer`, what the system said last. Raises `NotFound`."""
    statement = (
        select(differences, asked.c.answer, asked.c.at.label("asked_at"))
        .outerjoin(asked, and_(asked.c.dossier == differences.c.dossier, asked.c.system == differences.c.system))
        .where(differences.c.id == number)
    )
    row = connection.execute(statement).first()
    if row is None:
        raise NotFound.of("", "unknown-difference", f"không có chênh lệch {number}", f"there is no difference {number}")
    return row


def decide(connection: Connection, number: int, decision: str, *, who: str, reason: str, now: datetime) -> Any:
    """``approved``: it is asked about once more, and healed if it is still so · ``declined``: left as it is. Raises `NotFound`, `NotOpen`."""
    row = connection.execute(select(differences).where(differences.c.id == number).with_for_update()).first()
    if row is None:
        return one(connection, number)
    if row.ended_at is not None or row.state == "healing":
        raise not_open(number, *_DECIDED[row.state])
    if decision == "approved" and not json.loads(row.plan):
        words = (
            "không có cách chữa hợp lệ: hãy làm việc với đối tác",
            "has no lawful cure: it is for the partner to mend",
        )
        raise not_open(number, *words)
    change_difference(connection, number, state=decision, again_at=now if decision == "approved" else None)
    note_act(connection, at=now, who=who, act=decision, subject=f"difference {number}", reason=reason)
    return row


def not_open(number: int, detail: str, detail_en: str) -> NotOpen:
    return NotOpen([Fault("", "not-open", f"chênh lệch {number} {detail}", f"difference {number} {detail_en}")])


# ── the minutes ─────────────────────────────────────────────────────────────────────────────────────────────────


def answered(connection: Connection, system: str, since: datetime, until: datetime) -> Mapping[str, int]:
    """How many dossiers were asked about last in this time, by what was found."""
    statement = (
        select(asked.c.finding, func.count())
        .where(asked.c.system == system, asked.c.at >= since, asked.c.at < until)
        .group_by(asked.c.finding)
    )
    return {row[0]: row[1] for row in connection.execute(statement)}


def differences_between(connection: Connection, system: str, since: datetime, until: datetime) -> Sequence[Any]:
    """Those that were found, or ended, or still open in this time, oldest first."""
    statement = select(differences).where(
        differences.c.system == system,
        differences.c.found_at < until,
        or_(differences.c.ended_at.is_(None), differences.c.ended_at >= since),
    )
    return connection.execute(statement.order_by(differences.c.id)).all()


def later(now: datetime, seconds: float) -> datetime:
    return now + timedelta(seconds=seconds)
