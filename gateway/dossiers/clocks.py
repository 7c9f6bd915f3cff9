"""Three clocks beside each other for one dossier: what the law gives it, what the province promised, what the national index counts.

* ``legal``: the procedure's legal limit, by the ordinary hours; stands still while the citizen must act.
* ``local``: the promise on the receipt, or the province's own limit, by the unit's hours; a new date promised with an apology moves it.
* ``kpi``: QĐ 766: the promise, or the legal limit; ends at 9, takes off the time of the supplement alone, and a second request is late.

Pure: a history, the files and the time in, the reckoning out. No clock ever starts anew; which rules hold is fixed by the reception.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, Literal

from gateway.canonical.scalars import HANOI
from gateway.config import StatusRow
from gateway.dossiers.calendar import Calendar, Doubt
from gateway.dossiers.calendar_files import ClockName, RulesRow
from gateway.dossiers.worktime import NONE, WorkTime, at, day_of
from gateway.errors import Misconfigured

DAY = timedelta(days=1)
STILL = ("paused", "ends")  # what a clock does in a status during which it stands still: an end may be left again
RECEIVED = 2
MOST = 20_000  # of hours, or days: ten years of working hours
APOLOGY = "04"  # the form that comes with a new promise
NO_FORM = "none"  # of a new date that comes with none
State = Literal["not_started", "runs", "paused", "ended"]
Verdict = Literal["early", "on_time", "late"]


@dataclass(frozen=True, slots=True)
class Limit:
    """A time limit: so many working hours, or working days (of the rules' hours), or calendar days, or the same day."""

    unit: Literal["hours", "days", "calendar_days", "same_day"]
    amount: int | float = 0

    def __post_init__(self) -> None:
        """Raises `ValueError` for a limit that is none."""
        if self.unit != "same_day" and (
            not 0 < self.amount <= MOST or (self.unit == "calendar_days" and self.amount % 1)
        ):
            raise ValueError(f"{self.amount} {self.unit} is no time limit")


@dataclass(frozen=True, slots=True)
class Terms:
    """What a dossier is measured by. `legal`: None where it is not known. `local`: the province's own limit, None where it has none.

    `hours`: those of the unit that handles it.
    """

    legal: Limit | None
    hours: str
    local: Limit | None = None


@dataclass(frozen=True, slots=True)
class Event:
    status: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Extension:
    """A new date: given at `at`, for `due`, by the form with this number, and why. The rules say which clocks that moves."""

    at: datetime
    due: datetime
    form: str
    why: str


@dataclass(frozen=True, slots=True)
class History:
    """What is known of a dossier, held events left out; the order does not matter.

    `received_at`: the official reception; None: the first event at which the clock runs. `promised`: the date first promised to the citizen.
    """

    events: Sequence[Event]
    extensions: Sequence[Extension] = ()
    received_at: datetime | None = None
    promised: datetime | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a reckoning: from `begin` to `end`, `worked` of working time; `due` as it stands after it."""

    begin: datetime
    end: datetime
    words: str
    words_en: str
    worked: timedelta
    due: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "from": self.begin, "to": self.end, "detail": self.words, "detail_en": self.words_en, "minutes": minutes(self.worked),
            "due": self.due,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clock:
    """What one clock shows. None: it never started, or has not ended.

    `due`: as it stands now; of a paused dossier, if it went on at once. `ended`: for `kpi` also the request that is waited for (`state` is
    paused then). `left`: the working time from the end, or from now, to `due`: negative when it is over. `verdict`: early is on a day before
    that of `due`; None while the dossier is open and not late.
    """

    name: ClockName
    state: State
    start: datetime | None = None
    original_due: datetime | None = None
    due: datetime | None = None
    ended: datetime | None = None
    verdict: Verdict | None = None
    used: timedelta = NONE
    left: timedelta | None = None
    lines: tuple[Line, ...] = ()
    doubts: tuple[Doubt, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Without its lines."""
        return {
            "state": self.state, "start": self.start, "first_due": self.original_due, "due": self.due, "ended": self.ended,
            "verdict": self.verdict, "used_minutes": minutes(self.used), "left_minutes": None if self.left is None else minutes(self.left),
            "doubts": [
                {"from": d.first.isoformat(), "until": d.last.isoformat(), "detail": d.words, "detail_en": d.words_en} for d in self.doubts
            ],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Clocks:
    legal: Clock
    local: Clock
    kpi: Clock

    def as_json(self) -> dict[str, Any]:
        return {"legal": self.legal.as_json(), "local": self.local.as_json(), "kpi": self.kpi.as_json()}


def minutes(amount: timedelta) -> int:
    """Whole ones, towards nothing."""
    return int(amount / timedelta(minutes=1))


@dataclass(frozen=True, slots=True)
class Stretch:
    """A while in one status; `end` is None for the present one. `extension`: the new date that was given when it began."""

    status: int
    begin: datetime
    end: datetime | None
    extension: Extension | None = None


@dataclass(frozen=True, slots=True)
class Course:
    """One dossier's way, as all three clocks see it."""

    calendar: Calendar
    statuses: Mapping[int, StatusRow]
    rules: RulesRow
    history: History
    start: datetime
    stretches: Sequence[Stretch]
    ended: datetime | None
    now: datetime


def reckon(
    history: History, terms: Terms, calendar: Calendar, statuses: Mapping[int, StatusRow], now: datetime
) -> Clocks:
    """The three clocks at `now`. Raises `Refused` for moments beyond the calendar, `Misconfigured` for hours that are not there."""
    course = _course(history, calendar, statuses, now)
    if course is None:
        ended = _end_of(_in_order(history), statuses)
        state: State = "not_started" if ended is None else "ended"
        return Clocks(
            Clock("legal", state, ended=ended), Clock("local", state, ended=ended), Clock("kpi", state, ended=ended)
        )
    return Clocks(_legal(course, terms), _local(course, terms), _kpi(course, terms))


def legal_due(
    history: History, limit: Limit, calendar: Calendar, statuses: Mapping[int, StatusRow], now: datetime
) -> datetime | None:
    """The legal date alone, as `reckon` tells it; None when nothing was received. Cheap for a dossier that never stood still."""
    start = first_run(history, statuses)
    if start is None:
        return None
    if not any(statuses[event.status].clock in STILL for event in history.events) and not history.extensions:
        rules = calendar.rules(start)
        return first_due(limit, start, calendar, rules.legal_hours, rules)
    course = _course(history, calendar, statuses, now)
    return _legal(course, Terms(limit, "")).due if course is not None else None


def first_run(history: History, statuses: Mapping[int, StatusRow]) -> datetime | None:
    """When the clocks start: the official reception, else the first event at which they run; None before that."""
    runs = (event.at for event in history.events if statuses[event.status].clock == "runs")
    return history.received_at or min(runs, default=None)


def _course(history: History, calendar: Calendar, statuses: Mapping[int, StatusRow], now: datetime) -> Course | None:
    """None before the reception."""
    start = first_run(history, statuses)
    if start is None:
        return None
    events = _in_order(history)
    stretches, ended = _stretches(events, start, statuses), _end_of(events, statuses)
    return Course(calendar, statuses, calendar.rules(start), history, start, stretches, ended, now)


def _in_order(history: History) -> Sequence[Event]:
    return sorted(history.events, key=lambda event: event.at)


def first_due(limit: Limit, start: datetime, calendar: Calendar, hours: str, rules: RulesRow) -> datetime:
    """Where the limit ends for what was received at `start`, in UTC."""
    work = calendar.worktime(hours)
    if limit.unit == "same_day":
        return _same_day(start, work, rules)
    if limit.unit == "calendar_days":  # ends with the office's day; on a day off, with that of the next working day
        day = _first_day(day_of(start) + DAY * int(limit.amount), lambda day: bool(work.sessions(day)))
        return at(day, work.sessions(day)[-1][1])
    return work.add(start, timedelta(hours=limit.amount * (1 if limit.unit == "hours" else rules.day_hours)))


def _same_day(start: datetime, work: WorkTime, rules: RulesRow) -> datetime:
    """A day counts when the office still works at `before`: a Saturday morning is none."""
    rule, day = rules.same_day, day_of(start)
    if start >= at(day, rule.before):
        day += DAY
    day = _first_day(day, lambda day: work.is_open(at(day, rule.before)))
    return at(day, min(rule.due, work.sessions(day)[-1][1]))


def _first_day(day: date, holds: Callable[[date], bool]) -> date:
    for later in range(366):
        if holds(day + DAY * later):
            return day + DAY * later
    raise Misconfigured(
        f"config/calendar: không tìm được ngày làm việc nào trong một năm từ {day} · no working day is found in a year from {day}"
    )


def _end_of(events: Sequence[Event], statuses: Mapping[int, StatusRow]) -> datetime | None:
    """When the dossier ended for good: 9 before the 10 that follows it; an end that was left again is none."""
    ended = None
    for event in events:
        ended = (ended or event.at) if statuses[event.status].clock == "ends" else None
    return ended


def _stretches(events: Sequence[Event], start: datetime, statuses: Mapping[int, StatusRow]) -> list[Stretch]:
    """From the reception on. What was before it, a supplement asked of a dossier not yet received, moves no clock."""
    first = [e.status for e in events if e.at == start and statuses[e.status].clock != "not_started"]
    begins = [Event(first[-1] if first else RECEIVED, start), *(event for event in events if event.at > start)]
    ends: list[datetime | None] = [later.at for _, later in pairwise(begins)]
    return [Stretch(one.status, one.at, end) for one, end in zip(begins, [*ends, None], strict=True)]


def _legal(course: Course, terms: Terms) -> Clock:
    hours = course.rules.legal_hours
    return _run(course, "legal", hours, _limited(course, terms.legal, hours), _still(course))


def _local(course: Course, terms: Terms) -> Clock:
    due = course.history.promised or _limited(course, terms.local or terms.legal, terms.hours)
    return _run(course, "local", terms.hours, due, _still(course))


def _limited(course: Course, limit: Limit | None, hours: str) -> datetime | None:
    return None if limit is None else first_due(limit, course.start, course.calendar, hours, course.rules)


def _kpi(course: Course, terms: Terms) -> Clock:
    """No reopening, no payment stops it; while the first supplement is waited for, the request is the end."""
    hours, still = course.rules.legal_hours, frozenset(course.rules.kpi_pauses)
    due = course.history.promised or _limited(course, terms.legal, hours)
    requests = sum(event.status in still for event in course.history.events)
    many, asked = requests > course.rules.kpi_requests, course.stretches[-1]
    waiting = course.ended is None and asked.status in still and not many
    clock = _run(replace(course, ended=asked.begin) if waiting else course, "kpi", hours, due, still)
    if waiting:
        words = (
            "chờ bổ sung: tạm tính đến lúc yêu cầu",
            "waiting for the supplement: the request counts as the end for now",
        )
        return _with(replace(clock, state="paused"), asked.begin, *words)
    if many:
        words = (
            f"{requests} lần yêu cầu bổ sung: tính là trễ hạn",
            f"{requests} requests for a supplement: counts as late",
        )
        return _with(replace(clock, verdict="late"), clock.ended or course.now, *words)
    return clock


def _with(clock: Clock, moment: datetime, words: str, words_en: str) -> Clock:
    """With one line more."""
    due = clock.due or moment
    return replace(clock, lines=(*clock.lines, Line(moment, moment, words, words_en, NONE, due)))


def _still(course: Course) -> frozenset[int]:
    """The statuses during which a clock stands still, ends included: for what was ended and goes on."""
    return frozenset(code for code, row in course.statuses.items() if row.clock in STILL)


def _run(course: Course, name: ClockName, hours: str, due: datetime | None, still: frozenset[int]) -> Clock:
    work = course.calendar.worktime(hours)
    if due is None:
        return _run_without_end(course, name, work, still)
    original, used, lines = due.astimezone(UTC), NONE, []
    due = original
    for stretch in _until_the_end(course, name):
        if stretch.extension is not None:
            due = stretch.extension.due.astimezone(UTC)
            lines.append(Line(stretch.begin, stretch.begin, *_extended(stretch.extension), NONE, due))
        end = stretch.end or max(course.now, stretch.begin)
        worked = work.between(stretch.begin, end)
        if stretch.status not in still:
            used += worked
        elif stretch.begin < due and worked:
            due = work.add(due, worked)
        lines.append(Line(stretch.begin, end, *_told(course, stretch, still), worked, due))
    state, told_at = _state(course, still), course.ended or max(course.now, course.start)
    verdict = _verdict(course.ended, due, course.stretches[-1].begin if state == "paused" else told_at)
    doubts = course.calendar.doubts(course.start, max(due, told_at)) + tuple(_doubts(course, name))
    left = work.between(told_at, due)
    return Clock(name, state, course.start, original, due, course.ended, verdict, used, left, tuple(lines), doubts)


def _run_without_end(course: Course, name: ClockName, work: WorkTime, still: frozenset[int]) -> Clock:
    """No limit is known and no date was promised: time is counted, and nothing is judged."""
    ran = [stretch for stretch in _until_the_end(course, name) if stretch.status not in still]
    used = sum((work.between(one.begin, one.end or max(course.now, one.begin)) for one in ran), NONE)
    day = day_of(course.start)
    words = (
        "chưa có thời hạn của thủ tục (cột hours của danh mục procedures), cũng không có ngày hẹn",
        "the procedure's time limit is not known (column hours of the list procedures), and no date was promised",
    )
    doubts = (Doubt(day, day, *words), *_doubts(course, name))
    return Clock(name, _state(course, still), course.start, ended=course.ended, used=used, doubts=doubts)


def _state(course: Course, still: frozenset[int]) -> State:
    if course.ended is not None:
        return "ended"
    return "paused" if course.stretches[-1].status in still else "runs"


def _until_the_end(course: Course, name: ClockName) -> Iterator[Stretch]:
    """The stretches before the end, cut where a new date was given that moves this clock."""
    extensions = [e for e in sorted(course.history.extensions, key=lambda e: e.at) if name in _moved(course, e)]
    for stretch in course.stretches:
        if course.ended is not None and stretch.begin >= course.ended:
            return
        within = [e for e in extensions if stretch.begin <= e.at and (stretch.end is None or e.at < stretch.end)]
        cuts = [stretch.begin, *(e.at for e in within), stretch.end]
        for begin, end, extension in zip(cuts, cuts[1:], [None, *within], strict=False):
            if begin is not None and (begin != end or extension is not None):
                yield Stretch(stretch.status, begin, end, extension)


def _moved(course: Course, extension: Extension) -> Sequence[ClockName]:
    return course.rules.forms.get(extension.form, ())


def _verdict(ended: datetime | None, due: datetime, looked_at: datetime) -> Verdict | None:
    """A paused dossier is looked at when its pause began: it turns late in none."""
    if looked_at > due:
        return "late"
    if ended is None:
        return None
    return "early" if day_of(ended) < day_of(due) else "on_time"


def _told(course: Course, stretch: Stretch, still: frozenset[int]) -> tuple[str, str]:
    row = course.statuses[stretch.status]
    if stretch.status in still:
        return f"tạm dừng: {row.name}", f"stands still: {row.name_en}"
    return f"tính giờ: {row.name}", f"runs: {row.name_en}"


def _extended(extension: Extension) -> tuple[str, str]:
    if extension.form == NO_FORM:
        return f"hẹn lại không kèm mẫu: {extension.why}", "a new date by no form"
    return f"hẹn lại theo mẫu {extension.form}: {extension.why}", f"a new date by form {extension.form}"


def _doubts(course: Course, name: ClockName) -> Iterator[Doubt]:
    """What the history itself leaves open."""
    for extension in course.history.extensions:
        day = day_of(extension.at)
        if extension.form == NO_FORM and not _moved(course, extension):
            due = f"{extension.due.astimezone(HANOI):%d/%m/%Y %H:%M}"
            words = f"ngày hẹn {due} không kèm mẫu xin lỗi (04): không dời hạn nào"
            words_en = f"the date {due} came without an apology (form 04): it moves no clock"
            yield Doubt(day, day, words, words_en)
        elif extension.form not in course.rules.forms:
            words = f"mẫu {extension.form!r} không có trong rules.toml: không dời hạn nào"
            yield Doubt(day, day, words, f"form {extension.form!r} is not in rules.toml: it moves no clock")
        elif name in _moved(course, extension) and (
            extension.at < course.start or (course.ended is not None and extension.at >= course.ended)
        ):
            words = "hẹn lại trước khi tiếp nhận hoặc sau khi kết thúc: không dời hạn"
            yield Doubt(day, day, words, "a new date before the reception or after the end: it moves nothing")
    for event in course.history.events:
        if event.at < course.start and course.statuses[event.status].clock == "ends":
            day = day_of(event.at)
            words = f"trạng thái {event.status} trước khi tiếp nhận"
            yield Doubt(day, day, words, f"status {event.status} lies before the reception")
