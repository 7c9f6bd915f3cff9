"""Laws of working time, over calendars drawn at random."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.canonical.scalars import HANOI
from gateway.dossiers.worktime import NONE, Session, WorkTime
from gateway.errors import Refused

FIRST = datetime(2025, 12, 29, tzinfo=HANOI)  # a Monday; the days below lie over a new year
MINUTE = timedelta(minutes=1)
DAYS = 12
law = settings(deadline=None, max_examples=60)  # each example lays out its own years


@st.composite
def sessions_of_a_day(draw: st.DrawFn) -> tuple[Session, ...]:
    cuts = sorted(draw(st.sets(st.integers(0, 1439), max_size=3).map(lambda s: s if len(s) != 1 else set())))
    cuts = cuts[: len(cuts) // 2 * 2]
    clocks = [time(cut // 60, cut % 60) for cut in cuts]
    return tuple(zip(clocks[::2], clocks[1::2], strict=True))


@st.composite
def offices(draw: st.DrawFn) -> WorkTime:
    """A week drawn at random, of which one day at least is worked, and some days off."""
    week = draw(st.lists(sessions_of_a_day(), min_size=7, max_size=7).filter(any))
    off = draw(st.sets(st.integers(0, DAYS).map(lambda n: FIRST.date() + timedelta(days=n)), max_size=4))
    return WorkTime(lambda day: () if day in off else week[day.weekday()])


moments = st.integers(0, DAYS * 86_400).map(lambda seconds: FIRST + timedelta(seconds=seconds))
amounts = st.integers(0, 60 * 3600).map(lambda seconds: timedelta(seconds=seconds))


@law
@given(offices(), moments, amounts)
def test_what_is_added_and_taken_off_again_leads_back(work: WorkTime, start, amount) -> None:
    back = work.subtract(work.add(start, amount), amount)

    assert work.between(back, start) == NONE
    if work.is_open(start):
        assert back == start


@law
@given(offices(), moments, amounts)
def test_what_is_taken_off_and_added_again_leads_back(work: WorkTime, end, amount) -> None:
    there = work.add(work.subtract(end, amount), amount)

    assert work.between(there, end) == NONE
    if work.is_open(end - timedelta(microseconds=1)):
        assert there == end


@law
@given(offices(), moments, amounts)
def test_the_time_until_a_due_date_is_the_limit(work: WorkTime, start, amount) -> None:
    due = work.add(start, amount)

    assert work.between(start, due) == amount
    assert due >= start
    if amount:
        assert work.between(due - timedelta(microseconds=1), due) > NONE, (
            "the first such moment: never the next morning"
        )


@law
@given(offices(), moments, moments, amounts, amounts)
def test_due_dates_are_monotone(work: WorkTime, one, other, little, much) -> None:
    earlier, later = sorted((one, other))
    little, much = sorted((little, much))

    assert work.add(earlier, little) <= work.add(later, little)
    assert work.add(earlier, little) <= work.add(earlier, much)
    assert work.subtract(earlier, much) <= work.subtract(later, little)


@law
@given(offices(), moments, amounts, amounts)
def test_limits_add_up(work: WorkTime, start, first, second) -> None:
    assert work.add(work.add(start, first), second) == work.add(start, first + second)


@law
@given(offices(), st.lists(moments, min_size=2, max_size=6))
def test_it_does_not_matter_how_an_interval_is_cut(work: WorkTime, cuts) -> None:
    parts = [work.between(a, b) for a, b in pairwise(cuts)]

    assert sum(parts, NONE) == work.between(cuts[0], cuts[-1])
    assert work.between(cuts[-1], cuts[0]) == -work.between(cuts[0], cuts[-1])


@law
@given(offices(), st.integers(0, 6 * 1440), st.integers(0, 6 * 1440), st.integers(1, 900))
def test_a_reckoner_that_counts_minute_by_minute_agrees(work: WorkTime, begin, length, amount) -> None:
    start = FIRST + MINUTE * begin

    assert work.between(start, start + MINUTE * length) == MINUTE * sum(
        worked(work, start + MINUTE * n) for n in range(length)
    )
    left, now = amount, start
    while left and now < start + timedelta(days=5):
        left -= worked(work, now)
        now += MINUTE
    if not left:
        assert work.add(start, MINUTE * amount) == now


def worked(work: WorkTime, minute: datetime) -> bool:
    """Straight from the sessions, without the table."""
    local = minute.astimezone(HANOI)
    return any(opens <= local.time() < closes for opens, closes in work.sessions(local.date()))


@law
@given(offices(), moments, amounts, st.integers(2020, 2032))
def test_it_does_not_matter_which_years_were_asked_before(work: WorkTime, start, amount, year) -> None:
    used = WorkTime(work.sessions)
    used.is_open(datetime(year, 6, 1, tzinfo=UTC))

    assert used.add(start, amount) == work.add(start, amount)
    assert used.between(start, start + amount) == work.between(start, start + amount)


def test_an_answer_beyond_the_calendar_is_refused_and_a_negative_limit_is_no_limit() -> None:
    work = WorkTime(lambda day: ((time(8), time(9)),) if day < date(2027, 1, 1) else ())

    with pytest.raises(Refused, match="beyond the calendar"):
        work.add(FIRST, timedelta(hours=400))
    with pytest.raises(Refused, match="beyond the calendar"):
        work.between(datetime(1989, 1, 1, tzinfo=UTC), FIRST)
    with pytest.raises(ValueError, match="negative"):
        work.add(FIRST, -MINUTE)
