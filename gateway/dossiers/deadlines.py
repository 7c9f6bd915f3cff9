"""Was the promise kept? Two questions, each asked in one place: by the promise as it is recorded (statistics), or by a clock."""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal

from gateway.canonical.scalars import HANOI
from gateway.dossiers.clocks import Clock
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
    return "early" if _day(ended) < _day(life.due_at) else "on_time"


def judge_clock(clock: Clock, now: datetime) -> Judgement | None:
    """How a dossier stood at `now` by one of its clocks, in the same words, and by time alone: a second request is another rule's business.

    None for a clock that never started or has no date.
    """
    if clock.due is None:
        return None
    over = (clock.ended or now) > clock.due
    if clock.state != "ended" or clock.ended is None:
        return "overdue" if over else "open"
    return "late" if over else "early" if _day(clock.ended) < _day(clock.due) else "on_time"


def _day(moment: datetime) -> date:
    return moment.astimezone(HANOI).date()
