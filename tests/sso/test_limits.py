"""The law of the limits: never more than the burst at once, never more than the pace allows in the long run, and always a right answer to
"when again?"."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sso.errors import TooMany
from sso.limits import Rule, check_limit, count_try
from sso.store import Row


class Shelf:
    """One table in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Row] = {}

    def add(self, table: str, **values: Any) -> bool:
        return self.rows.setdefault(values["name"], values) is values

    def first(self, table: str, *, lock: bool = False, **where: Any) -> Row | None:
        return self.rows.get(where["name"])

    def change(self, table: str, where: Any, **values: Any) -> list[Row]:
        self.rows[where["name"]].update(values)
        return [self.rows[where["name"]]]

    def all(self, table: str, *, order: str = "", newest: str = "", most: int = 1000, **where: Any) -> list[Row]:
        return list(self.rows.values())

    def drop(self, table: str, **where: Any) -> None:
        self.rows.pop(where["name"], None)


def allowed(shelf: Shelf, rule: Rule, now: datetime) -> int:
    """0 when a try is taken, else the seconds to wait."""
    try:
        count_try(shelf, rule, "x", now)
    except TooMany as wait:
        return wait.seconds
    return 0


@given(
    st.builds(Rule, st.integers(1, 20), st.sampled_from([0.5, 1.0, 6.0, 60.0])),
    st.lists(st.floats(0, 100), min_size=1, max_size=80),
)
def test_no_window_holds_more_than_its_burst_and_its_pace(rule: Rule, pauses: list[float]) -> None:
    shelf, now, taken = Shelf(), datetime(2026, 1, 5, tzinfo=UTC), []
    for pause in pauses:
        now += timedelta(seconds=pause)
        if allowed(shelf, rule, now) == 0:
            taken.append(now)

    for i, first in enumerate(taken):
        for j in range(i, len(taken)):
            most = rule.burst + (taken[j] - first).total_seconds() / rule.gap
            assert j - i + 1 <= most + 1e-3


@given(st.builds(Rule, st.integers(1, 10), st.sampled_from([0.5, 6.0, 60.0])), st.integers(1, 40))
def test_who_waits_as_long_as_he_is_told_is_let_in(rule: Rule, tries: int) -> None:
    shelf, now = Shelf(), datetime(2026, 1, 5, tzinfo=UTC)
    waits = [allowed(shelf, rule, now) for _ in range(tries)]

    assert waits[: rule.burst] == [0] * min(tries, rule.burst)
    if waits[-1]:
        later = now + timedelta(seconds=waits[-1])
        check_limit(shelf, rule, "x", later)
        assert allowed(shelf, rule, later) == 0
