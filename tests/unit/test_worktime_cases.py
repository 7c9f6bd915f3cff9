"""Due dates and clocks worked by hand, each with its source; the shipped hours, rules and years.

Office hours 07:00–11:30 and 13:30–17:00, 8 hours a working day. Sources: 12729: Công văn 12729/VPCP-KGVX ngày 25/12/2025 (02/01 ↔ 10/01/2026);
9441: Thông báo 9441/TB-BNV ngày 16/10/2025 (Tết, Quốc khánh 2026, 31/8 ↔ 22/8); 6150: Thông báo 6150/TB-BLĐTBXH ngày 03/12/2024 (2025);
112: Bộ luật Lao động, Điều 112; 766: công thức chấm điểm QĐ 766/QĐ-TTg; hours: giờ mặc định của các hệ thống một cửa;
trap: what one-stop systems of the field were seen to get wrong.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.canonical.scalars import HANOI
from gateway.config import Config, default_folder
from gateway.dossiers.calendar import Calendar
from gateway.dossiers.clocks import Clocks, Event, Extension, History, Limit, Terms, first_due, reckon

CALENDAR = Calendar(default_folder() / "calendar")
STATUSES = Config(default_folder().parent).statuses
OFFICE, SATURDAYS = "office", "saturday-mornings"
FIVE_DAYS = Limit("days", 5)


def at(text: str) -> datetime:
    """2026-03-02 08:00, in Vietnam."""
    return datetime.fromisoformat(text).replace(tzinfo=HANOI)


def hours(amount: float) -> Limit:
    return Limit("hours", amount)


SAME_DAY = Limit("same_day")
# start, limit, hours of the unit, due, source
CASES = {
    "over-lunch": ("2026-01-05 08:00", hours(4), OFFICE, "2026-01-05 14:00", "hours"),
    "before-opening-is-at-opening": ("2026-01-05 06:15", hours(8), OFFICE, "2026-01-05 17:00", "hours"),
    "in-the-lunch-break-is-at-half-past-one": ("2026-01-05 12:10", hours(1), OFFICE, "2026-01-05 14:30", "hours; trap"),
    "after-closing-is-next-morning": ("2026-01-05 17:45", hours(1), OFFICE, "2026-01-06 08:00", "hours; trap"),
    "ends-with-the-day-and-not-next-morning": ("2026-01-05 14:00", hours(3), OFFICE, "2026-01-05 17:00", "hours"),
    "hours-roll-over-the-night": ("2026-01-05 16:00", hours(2), OFFICE, "2026-01-06 08:00", "hours"),
    "and-over-the-next-lunch": ("2026-01-05 16:00", hours(6), OFFICE, "2026-01-06 14:00", "hours; trap"),
    "a-quarter-of-an-hour": ("2026-01-05 11:25", hours(0.25), OFFICE, "2026-01-05 13:40", "hours"),
    "five-days-with-a-working-saturday": ("2026-01-05 09:00", FIVE_DAYS, OFFICE, "2026-01-10 09:00", "12729; 8 h = 1 day"),
    "five-days-in-a-plain-week": ("2026-03-02 09:00", FIVE_DAYS, OFFICE, "2026-03-09 09:00", "8 h = 1 day"),
    "friday-to-the-working-saturday": ("2026-01-09 16:00", hours(3), OFFICE, "2026-01-10 09:00", "12729; trap"),
    "over-new-year-and-the-friday-swapped-away": ("2025-12-31 16:00", hours(2), OFFICE, "2026-01-05 08:00", "12729"),
    "over-tet": ("2026-02-13 16:00", hours(8), OFFICE, "2026-02-23 16:00", "9441"),
    "ten-days-over-tet": ("2026-02-13 07:00", Limit("days", 10), OFFICE, "2026-03-05 17:00", "9441"),
    "tet-closes-saturday-mornings-too": ("2026-02-13 16:00", hours(8), SATURDAYS, "2026-02-23 16:00", "9441"),
    "received-on-tet-itself": ("2026-02-17 10:00", hours(1), OFFICE, "2026-02-23 08:00", "9441"),
    "a-saturday-morning-where-the-unit-has-one": ("2026-03-06 16:00", hours(3), SATURDAYS, "2026-03-07 09:30", "hours"),
    "and-where-it-has-none": ("2026-03-06 16:00", hours(3), OFFICE, "2026-03-09 09:00", "hours"),
    "a-swapped-saturday-has-a-whole-fridays-hours": ("2026-01-10 11:00", hours(2), SATURDAYS, "2026-01-10 15:00", "12729"),
    "weekend-reception": ("2026-03-07 10:00", hours(4), OFFICE, "2026-03-09 11:00", "hours"),
    "online-on-sunday-night": ("2026-03-08 22:00", hours(8), OFFICE, "2026-03-09 17:00", "hours"),
    "to-the-end-of-the-saturday-worked-for-national-day": ("2026-08-20 16:00", hours(17), OFFICE, "2026-08-22 17:00", "9441"),
    "over-national-day": ("2026-08-28 16:00", hours(2), OFFICE, "2026-09-03 08:00", "9441"),
    "hung-kings-day-on-a-sunday": ("2026-04-24 16:30", hours(1), OFFICE, "2026-04-28 07:30", "112; 111"),
    "over-the-end-of-april": ("2026-04-29 15:00", hours(8), OFFICE, "2026-05-04 15:00", "112"),
    "tet-2025": ("2025-01-24 16:00", hours(2), OFFICE, "2025-02-03 08:00", "6150"),
    "the-saturday-of-april-2025": ("2025-04-25 16:00", hours(9), OFFICE, "2025-04-26 17:00", "6150"),
    "the-friday-of-may-2025": ("2025-04-29 16:00", hours(2), OFFICE, "2025-05-05 08:00", "6150"),
    "national-day-2025": ("2025-08-29 16:00", hours(2), OFFICE, "2025-09-03 08:00", "6150"),
    "same-day-one-minute-before-three": ("2026-03-10 14:59", SAME_DAY, OFFICE, "2026-03-10 17:00", "15:00 rule"),
    "same-day-at-three-is-the-next-day": ("2026-03-10 15:00", SAME_DAY, OFFICE, "2026-03-11 17:00", "15:00 rule"),
    "same-day-late-on-friday": ("2026-03-13 15:30", SAME_DAY, OFFICE, "2026-03-16 17:00", "15:00 rule"),
    "same-day-on-a-saturday-morning": ("2026-03-14 09:00", SAME_DAY, SATURDAYS, "2026-03-16 17:00", "15:00 rule"),
    "same-day-before-a-working-saturday": ("2026-01-09 15:30", SAME_DAY, OFFICE, "2026-01-10 17:00", "15:00 rule; 12729"),
    "same-day-before-tet": ("2026-02-13 15:01", SAME_DAY, OFFICE, "2026-02-23 17:00", "15:00 rule; 9441"),
    "calendar-days-end-with-the-day": ("2026-03-02 09:00", Limit("calendar_days", 7), OFFICE, "2026-03-09 17:00", "ngày"),
    "calendar-days-never-end-on-a-day-off": ("2026-02-10 09:00", Limit("calendar_days", 10), OFFICE, "2026-02-23 17:00", "ngày; 9441"),
    "a-year-without-a-file": ("2026-12-31 16:00", hours(2), OFFICE, "2027-01-04 08:00", "112 by the package"),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_a_due_date_is_that_worked_by_hand(name: str) -> None:
    start, limit, kept, due, _source = CASES[name]

    found = first_due(limit, at(start), CALENDAR, kept, CALENDAR.rules(at(start)))

    assert found.astimezone(HANOI).replace(tzinfo=None).isoformat(" ", "minutes") == due


def test_a_year_without_a_reviewed_file_is_named_and_a_reviewed_one_is_not() -> None:
    [doubt] = CALENDAR.doubts(at("2026-12-31 16:00"), at("2028-01-04 08:00"))[:1]

    assert "2027.toml" in doubt.words
    assert "2027" in doubt.words_en
    assert CALENDAR.doubts(at("2025-12-30 16:00"), at("2026-03-04 08:00")) == ()


def told(
    *events: tuple[int, str],
    limit: Limit = FIVE_DAYS,
    now: str = "2026-06-01 08:00",
    kept: str = OFFICE,
    **more: object,
) -> Clocks:
    history = History([Event(status, at(when)) for status, when in events], **more)  # type: ignore[arg-type]
    return reckon(history, Terms(limit, kept), CALENDAR, STATUSES, at(now))


def test_a_pause_that_begins_in_one_afternoon_and_ends_in_a_morning_after_tet() -> None:
    """40 h from 09/02 08:00; 28 h are used by 12/02 14:00, so 12 h are left from 24/02 09:00: 6 h that day, 6 h the next (9441)."""
    clocks = told((2, "2026-02-09 08:00"), (5, "2026-02-12 14:00"), (4, "2026-02-24 09:00"), (9, "2026-02-25 14:00"))

    assert clocks.legal.original_due == at("2026-02-23 08:00")
    assert clocks.legal.due == at("2026-02-25 15:00")
    assert (clocks.legal.verdict, clocks.legal.used, clocks.legal.left) == (
        "on_time",
        timedelta(hours=39),
        timedelta(hours=1),
    )
    assert [line.worked for line in clocks.legal.lines] == [timedelta(hours=h) for h in (28, 21, 11)]
    assert clocks.kpi.due == clocks.legal.due


def test_two_pauses_for_papers_and_for_money_and_the_national_clock_takes_off_the_first_alone() -> None:
    """16 h from 02/03 07:00. Papers Mon 10:00–15:00: 3 h. Money Tue 16:00–Thu 08:30: 10.5 h. Tue 17:00 + 13.5 h: Thu 14:30; + 3 h: Wed 10:00."""
    clocks = told(
        (2, "2026-03-02 07:00"),
        (5, "2026-03-02 10:00"),
        (4, "2026-03-02 15:00"),
        (6, "2026-03-03 16:00"),
        (4, "2026-03-05 08:30"),
        (9, "2026-03-05 14:00"),
        limit=Limit("days", 2),
    )

    assert clocks.legal.due == at("2026-03-05 14:30")
    assert (clocks.legal.verdict, clocks.legal.used) == ("on_time", timedelta(hours=15.5))
    assert clocks.kpi.due == at("2026-03-04 10:00")
    assert (clocks.kpi.verdict, clocks.kpi.used) == ("late", timedelta(hours=26))


def test_a_new_date_with_an_apology_moves_the_promise_and_neither_the_law_nor_the_national_clock() -> None:
    """8 h from Mon 08:00 is Tue 08:00; a new date, form 04 of TT 03/2025/TT-VPCP, for Thu 17:00; ready on Wed 10:00."""
    given_ = Extension(at("2026-03-02 16:00"), at("2026-03-05 17:00"), "04", "cán bộ xử lý nghỉ ốm")
    clocks = told((2, "2026-03-02 08:00"), (9, "2026-03-04 10:00"), limit=hours(8), extensions=[given_])

    assert (clocks.local.original_due, clocks.local.due) == (at("2026-03-03 08:00"), at("2026-03-05 17:00"))
    assert [clock.verdict for clock in (clocks.legal, clocks.local, clocks.kpi)] == ["late", "early", "late"]
    assert clocks.legal.due == clocks.kpi.due == at("2026-03-03 08:00")
    assert any("nghỉ ốm" in line.words for line in clocks.local.lines)


def test_a_pause_after_a_new_date_moves_the_new_date() -> None:
    """New date Thu 17:00 given Mon 16:00; papers asked Tue 08:00–10:00, 2 h: Fri 09:00."""
    given_ = Extension(at("2026-03-02 16:00"), at("2026-03-05 17:00"), "04", "chờ xác minh")
    events = (2, "2026-03-02 08:00"), (5, "2026-03-03 08:00"), (4, "2026-03-03 10:00")

    assert told(*events, limit=hours(16), extensions=[given_]).local.due == at("2026-03-06 09:00")


def test_a_new_date_given_within_a_pause_is_moved_by_the_rest_of_the_pause_alone() -> None:
    """Papers asked Tue 08:00–10:00, the new date Thu 17:00 given at 09:00: 1 h more, Fri 08:00."""
    given_ = Extension(at("2026-03-03 09:00"), at("2026-03-05 17:00"), "04", "chờ xác minh")
    events = (2, "2026-03-02 08:00"), (5, "2026-03-03 08:00"), (4, "2026-03-03 10:00")

    assert told(*events, limit=hours(16), extensions=[given_]).local.due == at("2026-03-06 08:00")


def test_a_new_date_by_a_form_without_a_rule_moves_nothing_and_is_a_doubt() -> None:
    given_ = Extension(at("2026-03-02 16:00"), at("2026-03-05 17:00"), "99", "không rõ")
    clocks = told((2, "2026-03-02 08:00"), limit=hours(8), extensions=[given_], now="2026-03-02 17:00")

    assert clocks.local.due == at("2026-03-03 08:00")
    assert all(any("99" in doubt.words for doubt in clock.doubts) for clock in (clocks.legal, clocks.local, clocks.kpi))


def test_a_new_date_after_the_end_moves_nothing_and_is_a_doubt() -> None:
    given_ = Extension(at("2026-03-05 09:00"), at("2026-03-05 17:00"), "04", "muộn")
    clocks = told((2, "2026-03-02 08:00"), (9, "2026-03-04 09:00"), limit=hours(8), extensions=[given_])

    assert (clocks.local.verdict, len(clocks.local.doubts), len(clocks.legal.doubts)) == ("late", 1, 0)


def test_a_second_request_for_a_supplement_counts_as_late_in_the_national_clock_alone() -> None:
    """766: more than one request → overdue."""
    clocks = told(
        (2, "2026-03-02 08:00"),
        (5, "2026-03-02 10:00"),
        (4, "2026-03-02 11:00"),
        (5, "2026-03-02 14:00"),
        (4, "2026-03-02 15:00"),
        (9, "2026-03-03 09:00"),
    )

    assert [clock.verdict for clock in (clocks.legal, clocks.local, clocks.kpi)] == ["early", "early", "late"]
    assert "2 requests" in clocks.kpi.lines[-1].words_en


def test_while_the_first_supplement_is_waited_for_the_request_is_the_end_of_the_national_clock() -> None:
    """766. By the law the dossier is open; from 2 days, 3 h used: 13 h left whenever it goes on."""
    clocks = told((2, "2026-03-02 07:00"), (5, "2026-03-02 10:00"), limit=Limit("days", 2), now="2026-03-10 16:00")

    assert (clocks.kpi.state, clocks.kpi.ended, clocks.kpi.verdict) == ("paused", at("2026-03-02 10:00"), "early")
    assert (clocks.legal.state, clocks.legal.ended, clocks.legal.verdict) == ("paused", None, None)
    assert (clocks.legal.left, clocks.legal.due) == (timedelta(hours=13), at("2026-03-12 11:00"))


def test_the_end_is_the_result_and_not_its_return() -> None:
    """766: *đã xử lý xong* goes before *đã trả*."""
    clocks = told(
        (2, "2026-03-02 08:00"),
        (4, "2026-03-02 09:00"),
        (9, "2026-03-02 16:00"),
        (10, "2026-03-20 09:00"),
        limit=hours(8),
    )

    for clock in (clocks.legal, clocks.local, clocks.kpi):
        assert (clock.ended, clock.verdict, clock.used) == (at("2026-03-02 16:00"), "early", timedelta(hours=6))


def test_a_result_without_the_step_before_it_ends_with_its_return() -> None:
    assert (
        told((2, "2026-03-02 08:00"), (4, "2026-03-02 09:00"), (10, "2026-03-03 07:30"), limit=hours(8)).kpi.verdict
        == "on_time"
    )


def test_a_reopened_dossier_goes_on_with_what_was_left_and_the_national_clock_counts_through() -> None:
    """16 h from Mon 07:00; ready Mon 15:00, reopened Wed 08:00, ready Wed 10:00. 11 h between: Tue 17:00 + 11 h = Thu 10:00."""
    clocks = told(
        (2, "2026-03-02 07:00"),
        (9, "2026-03-02 15:00"),
        (4, "2026-03-04 08:00"),
        (9, "2026-03-04 10:00"),
        limit=Limit("days", 2),
    )

    assert (clocks.legal.due, clocks.legal.verdict, clocks.legal.used) == (
        at("2026-03-05 10:00"),
        "early",
        timedelta(hours=8),
    )
    assert (clocks.kpi.due, clocks.kpi.verdict) == (at("2026-03-03 17:00"), "late")


def test_the_date_on_the_receipt_is_what_the_province_and_the_portal_go_by() -> None:
    clocks = told((2, "2026-03-02 08:00"), (9, "2026-03-06 16:00"), limit=FIVE_DAYS, promised=at("2026-03-04 17:00"))

    assert (clocks.legal.verdict, clocks.local.verdict, clocks.kpi.verdict) == ("early", "late", "late")
    assert clocks.legal.due == at("2026-03-09 08:00")


def test_the_units_own_hours_count_for_the_local_clock_alone() -> None:
    """Fri 16:00 + 8 h: Mon 16:00 by the ordinary hours, Mon 10:00 with 4 h on Saturday morning."""
    clocks = told((2, "2026-03-06 16:00"), limit=hours(8), kept=SATURDAYS)

    assert (clocks.legal.due, clocks.local.due) == (at("2026-03-09 16:00"), at("2026-03-09 10:00"))


@pytest.mark.parametrize(
    ("ended", "verdict"),
    [
        ("2026-03-02 16:59", "early"),
        ("2026-03-03 07:10", "on_time"),
        ("2026-03-03 08:00", "on_time"),
        ("2026-03-03 08:01", "late"),
    ],
)
def test_early_is_on_a_day_before_on_time_until_the_minute(ended: str, verdict: str) -> None:
    assert told((2, "2026-03-02 08:00"), (9, ended), limit=hours(8)).legal.verdict == verdict


def test_an_open_dossier_is_late_once_its_time_is_over_and_a_pause_begun_in_time_keeps_it() -> None:
    late = told((2, "2026-03-02 08:00"), limit=hours(8), now="2026-03-03 10:00").legal
    paused = told((2, "2026-03-02 08:00"), (6, "2026-03-03 07:59"), limit=hours(8), now="2026-05-03 10:00").legal
    too_late = told((2, "2026-03-02 08:00"), (6, "2026-03-03 08:30"), limit=hours(8), now="2026-05-03 10:00").legal

    assert (late.state, late.verdict, late.left) == ("runs", "late", timedelta(hours=-2))
    assert (paused.state, paused.verdict, paused.left) == ("paused", None, timedelta(minutes=1))
    assert (too_late.state, too_late.verdict, too_late.due) == ("paused", "late", at("2026-03-03 08:00"))


def test_a_pause_begun_in_the_last_minutes_of_a_promise_after_closing_turns_late_on_no_evening() -> None:
    clock = told(
        (2, "2026-03-02 08:00"), (5, "2026-03-02 17:10"), promised=at("2026-03-02 17:30"), now="2026-05-04 20:00"
    ).local

    assert (clock.verdict, clock.left) == (None, timedelta())


def test_a_dossier_that_was_not_received_has_no_clock_and_a_refused_one_has_ended() -> None:
    waiting = told((1, "2026-03-02 08:00"), (5, "2026-03-02 09:00"))
    refused = told((1, "2026-03-02 08:00"), (3, "2026-03-02 09:00"))

    assert (waiting.kpi.state, waiting.kpi.due, waiting.kpi.verdict) == ("not_started", None, None)
    assert (refused.legal.state, refused.legal.ended, refused.legal.verdict) == ("ended", at("2026-03-02 09:00"), None)


def test_papers_asked_before_the_reception_move_no_due_date() -> None:
    events = (1, "2026-03-02 08:00"), (5, "2026-03-02 09:00"), (1, "2026-03-03 09:00"), (2, "2026-03-04 08:00")

    assert told(*events, limit=hours(8)).legal.due == at("2026-03-05 08:00")


def test_the_official_reception_starts_the_clock_whatever_the_event_says() -> None:
    clocks = told((2, "2026-03-02 10:00"), limit=hours(8), received_at=at("2026-03-02 08:00"))

    assert (clocks.legal.start, clocks.legal.due) == (at("2026-03-02 08:00"), at("2026-03-03 08:00"))
    assert clocks.legal.lines[0].words_en == "runs: Received"


def test_an_end_before_the_reception_is_kept_as_it_was_told_and_is_a_doubt() -> None:
    clocks = told((2, "2026-03-02 08:00"), (9, "2026-03-02 09:00"), received_at=at("2026-03-03 08:00"))

    assert (clocks.legal.state, clocks.legal.ended, clocks.legal.used) == ("ended", at("2026-03-02 09:00"), timedelta())
    assert "9" in clocks.legal.doubts[0].words


def test_every_clock_that_touches_a_year_without_a_file_says_so() -> None:
    clocks = told((2, "2026-12-31 08:00"), limit=FIVE_DAYS, now="2026-12-31 09:00")

    assert all("2027" in clock.doubts[0].words for clock in (clocks.legal, clocks.local, clocks.kpi))


@pytest.mark.parametrize(("unit", "amount"), [("hours", 0), ("days", -1), ("calendar_days", 1.5)])
def test_what_is_no_limit_is_refused(unit, amount) -> None:
    with pytest.raises(ValueError, match="no time limit"):
        Limit(unit, amount)


MONDAY = at("2026-02-02 07:00")
minutes = st.integers(0, 60 * 24 * 20).map(lambda n: MONDAY + timedelta(minutes=n))
limits = st.integers(1, 100).map(hours)


@settings(deadline=None)
@given(minutes, limits, minutes, minutes)
def test_a_pause_moves_the_due_date_by_its_working_time(
    start: datetime, limit: Limit, one: datetime, other: datetime
) -> None:
    begin, end = sorted((one, other))
    bare = clocks_of([(2, start)], limit)
    if not start < begin < end:
        return
    paused = clocks_of([(2, start), (5, begin), (4, end)], limit)
    work = CALENDAR.worktime(OFFICE)

    assert bare.legal.due is not None
    moved = work.between(begin, end) if begin < bare.legal.due else timedelta()
    assert paused.legal.due == work.add(bare.legal.due, moved)


@settings(deadline=None)
@given(minutes, limits, st.lists(st.tuples(st.sampled_from([4, 5, 6, 8]), minutes), max_size=6), minutes, st.randoms())
def test_the_order_in_which_events_are_known_and_how_a_stretch_is_cut_change_nothing(
    start, limit, moves, cut, dice
) -> None:
    events = sorted([(2, start), *((status, when) for status, when in moves if when > start)], key=lambda e: e[1])
    times = [when for _, when in events]
    if len(set(times)) < len(times) or cut in times or cut < start:
        return
    before = [status for status, when in events if when < cut]
    shuffled = [*events, (before[-1], cut)]
    dice.shuffle(shuffled)
    one, other = clocks_of(events, limit), clocks_of(shuffled, limit)

    assert (one.legal.due, one.legal.used, one.legal.verdict) == (
        other.legal.due,
        other.legal.used,
        other.legal.verdict,
    )
    assert (one.local.due, one.local.left) == (other.local.due, other.local.left)


@settings(deadline=None)
@given(minutes, limits, st.lists(minutes, min_size=2, max_size=6, unique=True))
def test_what_was_used_and_what_is_left_make_the_limit(start, limit, times) -> None:
    events = [(2, start), *((5 if n % 2 else 4, when) for n, when in enumerate(sorted(t for t in times if t > start)))]
    clock = clocks_of(events, limit).legal

    assert clock.left is not None
    if clock.left >= timedelta():
        assert clock.used + clock.left == timedelta(hours=limit.amount)


def clocks_of(events: list[tuple[int, datetime]], limit: Limit) -> Clocks:
    history = History([Event(status, when) for status, when in events])
    return reckon(history, Terms(limit, OFFICE), CALENDAR, STATUSES, MONDAY + timedelta(days=40))
