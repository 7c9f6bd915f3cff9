"""Deliveries whose outcome is not known: what was asked and answered, when the next question comes, and what a person does about one.

A doubt is decided at the head of its lane only, and never while somebody is asking: a decision ends the lease of whoever slept over it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select, update

from gateway.errors import Fault, Refused
from gateway.ledger import people
from gateway.ledger.facts import note_act
from gateway.ledger.tables import OPEN, attempts, breakers, deliveries, lanes, messages


class NotInDoubt(Refused):
    """Only a delivery in doubt, at the head of its lane and not being asked about just now, waits for this."""

    status = 409
    title = "Lượt gửi không ở trạng thái chưa rõ kết quả"
    title_en = "The delivery is not in doubt"
    kind = "not-in-doubt"


def doubts(
    connection: Connection, *, destination: str | None = None, dossier: str | None = None, limit: int = 200
) -> Sequence[Any]:
    """Oldest first. `next_at`: when the partner is asked next, `lease_until`: until when it is being asked, `behind`: how many wait behind;
    `ahead`: how many of its lane come before it; `doubt`: why it is in doubt, by what became of it when it was sent last; `asks`: how many
    questions were put; `kind`, `outcome`, `said` (its reason) and `answer` of the last attempt."""
    first = deliveries.alias("first")
    ahead = (
        select(func.count())
        .where(
            first.c.destination == deliveries.c.destination, first.c.dossier == deliveries.c.dossier,
            first.c.message_seq < deliveries.c.message_seq, first.c.state.in_(OPEN),
        )
        .scalar_subquery()
    )  # fmt: skip
    tried, put = attempts.alias("tried"), attempts.alias("put")
    doubt = (  # the questions that followed leave their own reason with the delivery
        select(tried.c.reason)
        .where(tried.c.delivery == deliveries.c.id, tried.c.kind == "send")
        .order_by(tried.c.id.desc())
        .limit(1)
        .scalar_subquery()
    )
    asks = select(func.count()).where(put.c.delivery == deliveries.c.id, put.c.kind == "ask").scalar_subquery()
    statement = (
        select(
            deliveries.c.id, deliveries.c.destination, deliveries.c.dossier, deliveries.c.code, deliveries.c.reason, doubt.label("doubt"),
            asks.label("asks"), attempts.c.reason.label("said"),
            deliveries.c.created_at, deliveries.c.open_attempt, deliveries.c.message_seq, messages.c.id.label("message"), messages.c.type,
            attempts.c.kind, attempts.c.outcome, attempts.c.answer, attempts.c.started_at, lanes.c.due_at.label("next_at"),
            lanes.c.lease_until, breakers.c.probe_at, ahead.label("ahead"), (lanes.c.open - 1).label("behind"),
        )
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .join(lanes, and_(lanes.c.destination == deliveries.c.destination, lanes.c.dossier == deliveries.c.dossier))
        .outerjoin(attempts, people.last_attempt())
        .outerjoin(breakers, and_(breakers.c.destination == deliveries.c.destination, breakers.c.state != "closed"))
        .where(deliveries.c.state == "in_doubt", deliveries.c.ended_at.is_(None))  # what the index of open deliveries is about
    )  # fmt: skip
    return people.oldest(connection, statement, destination, dossier, limit)


def ask_now(connection: Connection, delivery: int, *, who: str, reason: str, now: datetime) -> str:
    """The partner is asked at once, however long the pause was to be. Returns the destination, for the bell. Raises as `decide`."""
    row = _claim(connection, delivery, now)
    connection.execute(
        update(lanes).where(lanes.c.destination == row.destination, lanes.c.dossier == row.dossier).values(due_at=now)
    )
    note_act(connection, at=now, who=who, act="ask-now", subject=f"delivery {delivery}", reason=reason)
    return str(row.destination)


def decide(connection: Connection, delivery: int, decision: str, *, who: str, reason: str, now: datetime) -> str:
    """``arrived``: the partner has it · ``resend``: it surely does not · ``discard``: it will not get it. As with a parked one.

    Returns the destination, for the bell. Raises `NotFound`, `NotInDoubt`.
    """
    row = _claim(connection, delivery, now)
    if row.open_attempt is not None:  # a worker that was killed left it open
        connection.execute(
            update(attempts)
            .where(attempts.c.id == row.open_attempt, attempts.c.ended_at.is_(None))
            .values(ended_at=now, outcome="ask_first", code="crash", reason="the worker ended during the call")
        )
    connection.execute(
        update(deliveries).where(deliveries.c.id == delivery).values(state="parked", open_attempt=None)
    )  # for as long as this transaction: a person's decision is the same, whichever way it came to a person
    if decision == "arrived":
        return people.arrived(connection, delivery, who=who, reason=reason, now=now)
    if decision == "resend":
        return people.retry(connection, delivery, who=who, reason=reason, now=now, absent=True)
    return people.discard(connection, delivery, who=who, reason=reason, now=now)


def _claim(connection: Connection, delivery: int, now: datetime) -> Any:
    """The delivery in doubt with its lane, both locked; its lane nobody's. Raises `NotFound`, `NotInDoubt`."""
    row = connection.execute(select(deliveries).where(deliveries.c.id == delivery)).first()
    if row is None:
        raise people.unknown(delivery)
    if row.state != "in_doubt":
        vietnamese, english = people.STATES[row.state]
        raise _not(
            delivery, f"{vietnamese}, không còn gì để quyết định ở đây", f"{english}: nothing is to be decided here"
        )
    lane = connection.execute(
        select(lanes).where(lanes.c.destination == row.destination, lanes.c.dossier == row.dossier).with_for_update()
    ).one()  # the lane first, as those do that settle
    if lane.lease_until is not None and lane.lease_until > now:
        raise _not(delivery, "đang được hỏi ngay lúc này, hãy xem lại sau", "is being asked about just now: look again")
    row = connection.execute(select(deliveries).where(deliveries.c.id == delivery).with_for_update()).one()
    head = connection.execute(
        select(func.min(deliveries.c.message_seq)).where(
            deliveries.c.destination == row.destination,
            deliveries.c.dossier == row.dossier,
            deliveries.c.state.in_(OPEN),
        )
    ).scalar_one()
    if row.state != "in_doubt" or head != row.message_seq:
        raise _not(delivery, "không còn đứng đầu làn", "is not at the head of its lane")
    return row


def _not(delivery: int, detail: str, detail_en: str) -> NotInDoubt:
    return NotInDoubt([Fault("", "not-in-doubt", f"lượt gửi {delivery} {detail}", f"delivery {delivery} {detail_en}")])
