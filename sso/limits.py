"""How often something may be tried, counted in the database, so that all processes count together.

A leaky bucket of one time (the generic cell rate algorithm): each try moves `full_until` on by the rule's gap; a try that would move it
further ahead of now than the burst allows is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sso.errors import TooMany
from sso.store import Rows


@dataclass(frozen=True, slots=True)
class Rule:
    """`burst` tries at once, then one each `gap` seconds."""

    burst: int
    gap: float


def check_limit(rows: Rows, rule: Rule, name: str, now: datetime) -> None:
    """Is a try allowed now? Counts nothing. Raises `TooMany`."""
    row = rows.first("limits", name=name)
    if row is not None:
        _judge(rule, name, row["full_until"], now)


def count_try(rows: Rows, rule: Rule, name: str, now: datetime) -> None:
    """Count a try. Raises `TooMany` when it is one too many; that one is not counted."""
    row = rows.first("limits", lock=True, name=name)
    if row is None:
        if rows.add("limits", name=name, full_until=now + timedelta(seconds=rule.gap)):
            return
        row = rows.first("limits", lock=True, name=name) or {"full_until": now}
    _judge(rule, name, row["full_until"], now)
    rows.change("limits", {"name": name}, full_until=max(row["full_until"], now) + timedelta(seconds=rule.gap))


def _judge(rule: Rule, name: str, full_until: datetime, now: datetime) -> None:
    ahead = (full_until - now).total_seconds() + rule.gap - rule.burst * rule.gap
    if ahead > 1e-6:
        raise TooMany(name, max(1, math.ceil(ahead)))
