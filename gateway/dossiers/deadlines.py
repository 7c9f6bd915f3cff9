"""Was the promise kept? The one place that judges it."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from gateway.canonical.scalars import HANOI
from gateway.ledger.lives import Life

Judgement = Literal["early", "on_time", "late", "open", "overdue", "unpromised"]


def judge_deadline(life: Life, at: datetime) -> Judgement:
    """How the dossier stood at the instant `at`, by the promised return as it is recorded (`due_at`).

    Ended: `early` on a day before the promised one, `on_time` on that day and not after the promised instant, `late` after it;
    `unpromised` when no return was ever promised. Not ended: `overdue` when the promised instant has gone by, else `open`.
    """
    ended = life.ended_at if life.ended_at is not None and life.ended_at < at else None
    if ended is None:
        return "overdue" if life.due_at is not None and life.due_at < at else "open"
    if life.due_at is None:
        return "unpromised"
    if ended > life.due_at:
        return "late"
    return "early" if ended.astimezone(HANOI).date() < life.due_at.astimezone(HANOI).date() else "on_time"
