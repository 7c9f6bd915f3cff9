"""What a person sees and does about messages that need one: parked deliveries, held messages. Every act is recorded with who and why.

A parked delivery is always the head of its lane, and its lane waits for it. `retry` sends it again as it is, `edit` with other
documents, `arrived` says that the partner has it, `discard` gives it up; after each the lane goes on in order.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, func, insert, select, update

from gateway.errors import Fault, NotFound, Refused
from gateway.ledger.facts import note_act
from gateway.ledger.lanes import Ending, Lease, write_endings
from gateway.ledger.tables import attempts, deliveries, lanes, messages, rulings

STATES = {
    "waiting": ("đang chờ gửi", "waits to be sent"),
    "in_doubt": ("chưa rõ kết quả", "is in doubt"),
    "parked": ("đang chờ người xử lý", "is parked"),
    "delivered": ("đã gửi xong", "is delivered already"),
    "cancelled": ("đã bị bỏ", "was given up"),
}
"""How a delivery stands, Vietnamese and English."""


class NotParked(Refused):
    """Only a parked delivery waits for a person."""

    status = 409
    title = "Lượt gửi không chờ người xử lý"
    title_en = "The delivery is not parked"
    kind = "not-parked"


def _parked() -> Select[Any]:
    behind = (
        select(lanes.c.open)
        .where(lanes.c.destination == deliveries.c.destination, lanes.c.dossier == deliveries.c.dossier)
        .scalar_subquery()
    )
    return (
        select(
            deliveries.c.id, deliveries.c.destination, deliveries.c.dossier, deliveries.c.code, deliveries.c.reason, deliveries.c.steps,
            deliveries.c.edited, deliveries.c.created_at, deliveries.c.state, messages.c.id.label("message"), messages.c.type, messages.c.source,
            messages.c.seq, attempts.c.outcome, attempts.c.answer, attempts.c.ended_at.label("parked_at"), (behind - 1).label("behind"),
        )
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .outerjoin(attempts, last_attempt())
        .where(deliveries.c.state == "parked", deliveries.c.ended_at.is_(None))  # what the index of open deliveries is about
    )  # fmt: skip


def last_attempt() -> ColumnElement[bool]:
    """What joins a delivery's newest attempt to it."""
    tried = attempts.alias("tried")
    newest = select(func.max(tried.c.id)).where(tried.c.delivery == deliveries.c.id).scalar_subquery()
    return and_(attempts.c.delivery == deliveries.c.id, attempts.c.id == newest)


def oldest(
    connection: Connection, statement: Select[Any], destination: str | None, dossier: str | None, limit: int
) -> Sequence[Any]:
    """The oldest deliveries first, those of a destination or a dossier where one is given."""
    if destination:
        statement = statement.where(deliveries.c.destination == destination)
    if dossier:
        statement = statement.where(deliveries.c.dossier == dossier)
    oldest_first = deliveries.c.id + 0  # not the key itself: SQLite would read every delivery in its order
    return connection.execute(statement.order_by(oldest_first).limit(limit)).all()


def parked(
    connection: Connection, *, destination: str | None = None, dossier: str | None = None, limit: int = 200
) -> Sequence[Any]:
    """Deliveries that wait for a person, oldest first. `behind` is how many more of the dossier wait in the same lane."""
    return oldest(connection, _parked(), destination, dossier, limit)


def parked_one(connection: Connection, delivery: int) -> Any:
    """One parked delivery. Raises `NotFound` or `NotParked`."""
    row = connection.execute(_parked().where(deliveries.c.id == delivery)).first()
    if row is None:
        raise _not_parked(connection, delivery)
    return row


def held(connection: Connection, *, dossier: str | None = None, ruled: bool = False, limit: int = 200) -> Sequence[Any]:
    """Messages that were kept and moved nothing, newest first; `held` says why. `ruled`: those that were decided on too."""
    statement = select(
        messages.c.id, messages.c.dossier, messages.c.type, messages.c.source, messages.c.source_id, messages.c.event_time,
        messages.c.received_time, messages.c.held, messages.c.body, rulings.c.ruling, rulings.c.made, rulings.c.who, rulings.c.reason,
    ).outerjoin(rulings, rulings.c.message == messages.c.id).where(messages.c.held.is_not(None))  # fmt: skip
    if not ruled:
        statement = statement.where(rulings.c.ruling.is_(None))
    if dossier:
        statement = statement.where(messages.c.dossier == dossier)
    return connection.execute(statement.order_by(messages.c.seq.desc()).limit(limit)).all()


def attempts_of(connection: Connection, delivery: int) -> Sequence[Any]:
    """Every attempt of a delivery, oldest first."""
    return connection.execute(select(attempts).where(attempts.c.delivery == delivery).order_by(attempts.c.id)).all()


def dossier_of(connection: Connection, delivery: int) -> str:
    """The dossier of a delivery, in whatever state. Raises `NotFound`."""
    found: str | None = connection.execute(select(deliveries.c.dossier).where(deliveries.c.id == delivery)).scalar()
    if found is None:
        raise _not_parked(connection, delivery)
    return found


def retry(connection: Connection, delivery: int, *, who: str, reason: str, now: datetime, absent: bool = False) -> str:
    """Send it again as it is; the partner is asked first when the last attempt may have arrived. Returns the destination, for the bell.

    `absent`: a person has learnt that the partner does not have it. Then it is not asked: there are partners that can never tell.
    """
    row = _claim(connection, delivery)
    values = _again(connection, delivery)
    _free(connection, row, now, **(values | {"state": "waiting"} if absent else values))
    act = "retry-absent" if absent else "retry"
    note_act(connection, at=now, who=who, act=act, subject=f"delivery {delivery}", reason=reason)
    return str(row.destination)


def arrived(connection: Connection, delivery: int, *, who: str, reason: str, now: datetime) -> str:
    """A person has learnt that the partner has it: it is delivered, and that person's word is the proof. The lane goes on with the next."""
    row = _claim(connection, delivery)
    told = {"delivery": delivery, "fence": 0, "kind": "told", "worker": who, "started_at": now}
    attempt = connection.execute(insert(attempts).values(told).returning(attempts.c.id)).scalar_one()
    lane = connection.execute(
        select(lanes.c.fence, lanes.c.delivered).where(
            lanes.c.destination == row.destination, lanes.c.dossier == row.dossier
        )
    ).one()
    lease = Lease(
        row.destination, row.dossier, lane.fence, delivery, row.message_seq, attempt, row.attempts, row.asks, False, {}, None,
        lane.delivered > 0,
    )  # fmt: skip
    write_endings(connection, [Ending(lease, "told", "delivered", "delivered", now, code="told", reason=reason)], now)
    note_act(connection, at=now, who=who, act="arrived", subject=f"delivery {delivery}", reason=reason)
    return str(row.destination)


def edit(
    connection: Connection, delivery: int, documents: Mapping[str, Any], *, who: str, reason: str, now: datetime
) -> str:
    """Send it with these documents in place of the mapping's. A step that was done with a document of the same name is done again."""
    row = _claim(connection, delivery)
    steps = {name: answer for name, answer in json.loads(row.steps or "{}").items() if name not in documents}
    text = json.dumps(documents, ensure_ascii=False)
    values = {"edited": text, "steps": json.dumps(steps, ensure_ascii=False) if steps else None}
    _free(connection, row, now, **values, **_again(connection, delivery))
    # What stood there before is kept with the act; the mapping's own documents can be made again at any time.
    note_act(
        connection,
        at=now,
        who=who,
        act="edit",
        subject=f"delivery {delivery}",
        reason=reason,
        detail=row.edited or text,
    )
    return str(row.destination)


def discard(connection: Connection, delivery: int, *, who: str, reason: str, now: datetime) -> str:
    """Give it up: the destination will not get this message. The lane goes on with the next one."""
    row = _claim(connection, delivery)
    _free(connection, row, now, state="cancelled", ended_at=now)
    note_act(connection, at=now, who=who, act="discard", subject=f"delivery {delivery}", reason=reason)
    return str(row.destination)


def note_look(connection: Connection, message: str, *, who: str, reason: str, now: datetime) -> None:
    """Someone looked at a person's data, and why."""
    note_act(connection, at=now, who=who, act="look", subject=f"message {message}", reason=reason)


def _claim(connection: Connection, delivery: int) -> Any:
    """The parked delivery, locked. Raises `NotFound` or `NotParked`: of two people who act at once, one is told so."""
    statement = select(deliveries).where(deliveries.c.id == delivery, deliveries.c.state == "parked").with_for_update()
    row = connection.execute(statement).first()
    if row is None:
        raise _not_parked(connection, delivery)
    return row


def _again(connection: Connection, delivery: int) -> dict[str, Any]:
    """The counts begin anew (the attempts themselves stay). After a clear refusal it was certainly not done; otherwise ask first.

    A question that was refused, or that we could not even put, clears no doubt.
    """
    last = select(attempts.c.outcome, attempts.c.kind).where(attempts.c.delivery == delivery)
    row = connection.execute(last.order_by(attempts.c.id.desc()).limit(1)).first()
    refused = row is not None and row.outcome == "rejected" and row.kind == "send"
    return {"state": "waiting" if refused else "in_doubt", "attempts": 0, "asks": 0}


def _free(connection: Connection, row: Any, now: datetime, **values: Any) -> None:
    connection.execute(update(deliveries).where(deliveries.c.id == row.id).values(**values))
    gone = int(values["state"] == "cancelled")
    connection.execute(
        update(lanes)
        .where(lanes.c.destination == row.destination, lanes.c.dossier == row.dossier)
        .values(blocked=False, due_at=now, lease_until=None, open=lanes.c.open - gone)
    )


def unknown(delivery: int) -> NotFound:
    """There is no such delivery."""
    return NotFound.of("", "unknown-delivery", f"không có lượt gửi {delivery}", f"there is no delivery {delivery}")


def _not_parked(connection: Connection, delivery: int) -> Refused:
    state = connection.execute(select(deliveries.c.state).where(deliveries.c.id == delivery)).scalar()
    if state is None:
        return unknown(delivery)
    vietnamese, english = STATES[state]
    return NotParked(
        [
            Fault(
                "",
                "not-parked",
                f"lượt gửi {delivery} {vietnamese}, không chờ người xử lý",
                f"delivery {delivery} {english}: only a parked one waits for a person",
            )
        ]
    )
