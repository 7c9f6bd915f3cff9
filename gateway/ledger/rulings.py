"""What was decided about held messages. A message that was ruled on is no longer shown as waiting; it stays in the ledger as it came."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, case, exists, func, insert, or_, select

from gateway.errors import Fault, NotFound, Refused
from gateway.ledger.facts import note_act
from gateway.ledger.tables import dossiers, messages, rulings

RULED = exists().where(rulings.c.message == messages.c.id)
"""Has somebody ruled on the message of the row? To be used in a question that reads `messages`."""


class NotHeld(Refused):
    """Only a held message that nobody has ruled on yet waits for a person."""

    status = 409
    title = "Bản tin không chờ quyết định"
    title_en = "The message does not wait for a decision"
    kind = "not-held"


def held_one(connection: Connection, message: str, *, lock: bool = False) -> Any:
    """A held message's whole row. Raises `NotFound`, and `NotHeld` when it was ruled on."""
    statement = select(messages).where(messages.c.id == message)
    row = connection.execute(statement.with_for_update() if lock else statement).first()
    if row is None:
        raise NotFound.of("", "unknown-message", f"không có bản tin {message}", f"there is no message {message}")
    ruled = connection.execute(select(rulings.c.ruling).where(rulings.c.message == message)).scalar()
    if row.held is None or ruled is not None:
        words = f"bản tin {message} không bị giữ, hoặc đã quyết định: {ruled or '–'}"
        raise NotHeld(
            [Fault("", "not-held", words, f"message {message} is not held, or was decided on: {ruled or '–'}")]
        )
    return row


def rule(
    connection: Connection, message: str, ruling: str, *, made: str | None, who: str, reason: str, now: datetime
) -> None:
    """``applied`` (as our message `made`) or ``discarded``. A unique violation means that another one was first."""
    row = {"message": message, "ruling": ruling, "made": made, "at": now, "who": who, "reason": reason}
    connection.execute(insert(rulings).values(row))
    note_act(connection, at=now, who=who, act=ruling, subject=f"message {message}", reason=reason, detail=made)


def was_taken_up(connection: Connection, row: Any) -> bool:
    """Is a message's row a held one's, taken up, that its sender had sent? Else it was made of another message."""
    held = (
        select(messages.c.because)
        .join(rulings, rulings.c.message == messages.c.id)
        .where(messages.c.id == row.because, rulings.c.made == row.id)
    )
    found = connection.execute(held).first()
    return found is not None and found.because is None


def mended(connection: Connection, after: str, limit: int) -> Sequence[Any]:
    """Held messages whose cause may be gone, by their ids: the dossier has come, or has moved on and not past them, or something came after one
    that contradicted what was said before. `mark`: while it is the same, nothing has changed for them."""
    moved = (
        (messages.c.held == "not-lawful")
        & (dossiers.c.status_seq > messages.c.seq)
        & (dossiers.c.status_time <= messages.c.event_time)
    )
    said = messages.alias("said")
    newest = (
        select(func.max(said.c.seq))
        .where(said.c.dossier == messages.c.dossier, said.c.held.is_(None))
        .scalar_subquery()
    )
    mark = case((messages.c.held == "contradicts", newest), else_=dossiers.c.status_seq).label("mark")
    answered = (messages.c.held == "contradicts") & (newest > messages.c.seq)
    name = messages.c.id.concat("")  # not the key itself: SQLite would read every message in its order
    statement = (
        select(messages.c.id, messages.c.event_time, messages.c.seq, mark)
        .join(dossiers, dossiers.c.code == messages.c.dossier)
        .where(messages.c.held.is_not(None), or_(moved, answered, messages.c.held == "unknown-dossier"), ~RULED)
        .where(name > after)
        .order_by(name)  # an id begins with the moment of the event: earlier events first
        .limit(limit)
    )
    return connection.execute(statement).all()
