"""The files of `config/calendar`, as they are written: `hours.toml`, `rules.toml` and one file a year, `2026.toml`."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date, time
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from gateway.config import Section, parse, read_toml
from gateway.dossiers.worktime import Session
from gateway.errors import Misconfigured

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
WORKING_WEEK = 5  # Monday to Friday


def _read_sessions(value: Any) -> tuple[Session, ...]:
    """["07:00-11:30", "13:30-17:00"], in order and apart."""
    found: list[Session] = []
    for one in value if isinstance(value, list) else [value]:
        match = (
            re.fullmatch(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)", one) if isinstance(one, str) else None
        )
        if match is None:
            raise ValueError(f'{one!r} is no session such as "07:00-11:30"')
        hour, minute, to_hour, to_minute = map(int, match.groups())
        opens, closes = time(hour, minute), time(to_hour, to_minute)
        if opens >= closes or (found and opens < found[-1][1]):
            raise ValueError(f"{one!r} ends before it begins, or begins before the session before it has ended")
        found.append((opens, closes))
    return tuple(found)


Sessions = Annotated[tuple[Session, ...], BeforeValidator(_read_sessions)]
Words = Annotated[str, Field(min_length=1)]


class Dated(Section):
    """A row that holds from its day on, until the next one of its kind."""

    model_config = ConfigDict(populate_by_name=True)

    from_: date | None = Field(default=None, alias="from")

    @property
    def first(self) -> date:
        return self.from_ or date.min


class HoursRow(Dated):
    name: Words
    weekdays: Sessions = ()
    monday: Sessions | None = None
    tuesday: Sessions | None = None
    wednesday: Sessions | None = None
    thursday: Sessions | None = None
    friday: Sessions | None = None
    saturday: Sessions | None = None
    sunday: Sessions | None = None

    def on(self, weekday: int) -> Sequence[Session]:
        """The sessions of a weekday, Monday is 0."""
        own: Sequence[Session] | None = getattr(self, WEEKDAYS[weekday])
        return own if own is not None else self.weekdays if weekday < WORKING_WEEK else ()


class UnitRow(Section):
    organisations: list[Words] = Field(min_length=1, description="patterns of codes, in either code system")
    hours: str


class HoursFile(Section):
    hours: list[HoursRow] = Field(min_length=1)
    unit: list[UnitRow] = Field(min_length=1)


ClockName = Literal["legal", "local", "kpi"]


class SameDay(Section):
    """Received before `before`: due at `due` that day; otherwise on the next working day."""

    before: time
    due: time
    procedures: list[Words] = Field(default=[], description="patterns of the national part of their codes")


class RulesRow(Dated):
    source: Words
    day_hours: float = Field(gt=0, le=24, description="working hours that make a working day of a time limit")
    legal_hours: str
    kpi_pauses: tuple[Annotated[int, Field(ge=1, le=10)], ...] = ()
    kpi_requests: int = Field(ge=0)
    same_day: SameDay
    forms: dict[str, list[ClockName]] = Field(default={}, description="which clocks a new date moves, by its form")


class RulesFile(Section):
    rules: list[RulesRow] = Field(min_length=1)


class Off(Section):
    day: date
    name: Words
    source: Words


class Work(Off):
    """The `holidays` package takes it for a holiday, and it is none."""


class Swap(Section):
    """A day off, worked on another day with the hours of this one."""

    off: date
    work: date
    name: Words
    source: Words


class Undecided(Section):
    days: list[date] = Field(min_length=1)
    name: Words
    source: Words


class YearFile(Section):
    year: int = Field(ge=1990, le=2100)
    reviewed: date | None = Field(default=None, description="when a person last compared it with its sources")
    off: tuple[Off, ...] = ()
    swap: tuple[Swap, ...] = ()
    work: tuple[Work, ...] = ()
    undecided: tuple[Undecided, ...] = ()

    def find_faults(self) -> Iterator[str]:
        named = [row.day for row in (*self.off, *self.work)] + [row.off for row in self.swap]
        apart = [day for row in self.undecided for day in row.days]
        for day in (*named, *apart):
            if day.year != self.year:
                yield f"{day} không thuộc năm {self.year} · is not of this year"
        for day, times in Counter([*named, *(row.work for row in self.swap)]).items():
            if times > 1:
                yield f"{day} có hai lần · stands twice"
        for row in self.work:
            if row.day.weekday() >= WORKING_WEEK:
                yield f"[[work]] {row.day}: là ngày cuối tuần, dùng [[swap]] · is a day of rest: use [[swap]]"
        for swap in self.swap:
            if swap.off.weekday() >= WORKING_WEEK or swap.work.weekday() < WORKING_WEEK:
                yield (
                    f"[[swap]] {swap.off} → {swap.work}: phải từ thứ Hai–Sáu sang thứ Bảy hoặc Chủ nhật · "
                    "must lead from Monday to Friday to a Saturday or Sunday"
                )


class Files:
    """All of them, checked. Raises `Misconfigured` with every fault, each with its file."""

    def __init__(self, folder: Path) -> None:
        hours, rules = folder / "hours.toml", folder / "rules.toml"
        if not hours.exists() or not rules.exists():
            raise Misconfigured(
                f"{folder}: thiếu hours.toml hoặc rules.toml; chép từ bản gốc của chương trình · "
                "hours.toml or rules.toml is missing: copy them from those that the program ships"
            )
        self.folder = folder
        self.hours = parse(HoursFile, read_toml(hours), hours)
        self.rules = parse(RulesFile, read_toml(rules), rules).rules
        self.years: dict[int, YearFile] = {}
        faults = [f"{hours}: {words}" for words in self._hours_faults()]
        faults += [f"{rules}: {words}" for words in self._rules_faults()]
        for file in sorted(folder.glob("[0-9]*.toml")):
            year = parse(YearFile, read_toml(file), file)
            faults += [f"{file}: {words}" for words in year.find_faults()]
            if file.stem != str(year.year):
                faults.append(f"{file}: year = {year.year}, tên tệp nói khác · the file's name says otherwise")
            self.years[year.year] = year
        faults += self._swap_faults()
        if faults:
            raise Misconfigured("\n".join(faults))

    def year_file(self, year: int) -> Path:
        return self.folder / f"{year}.toml"

    @property
    def hours_names(self) -> set[str]:
        return {row.name for row in self.hours.hours}

    def _hours_faults(self) -> Iterator[str]:
        for name in sorted(self.hours_names):
            rows = [row for row in self.hours.hours if row.name == name]
            yield from _dates_faults(f"[[hours]] {name}", rows)
            if not all(any(row.on(weekday) for weekday in range(WORKING_WEEK)) for row in rows):
                yield f"[[hours]] {name}: không có giờ làm việc từ thứ Hai đến thứ Sáu · no sessions from Monday to Friday"
        for unit in self.hours.unit:
            if unit.hours not in self.hours_names:
                yield f"[[unit]] hours = {unit.hours!r}: không có giờ tên này · there are no such hours"
        if "*" not in self.hours.unit[-1].organisations:
            yield '[[unit]]: dòng cuối phải là · the last row must be organisations = ["*"]'

    def _rules_faults(self) -> Iterator[str]:
        yield from _dates_faults("[[rules]]", self.rules)
        for row in self.rules:
            if row.legal_hours not in self.hours_names:
                yield f"legal_hours = {row.legal_hours!r}: không có giờ tên này · there are no such hours"
            if row.same_day.due < row.same_day.before:
                yield "[rules.same_day]: due trước before · due lies before `before`"
            if row.same_day.procedures and not self._ever_open(row.legal_hours, row.same_day.before):
                words = "không ngày nào còn làm việc vào giờ before · no day is still worked at `before`"
                yield f"[rules.same_day] {row.legal_hours}: {words}"

    def _ever_open(self, hours: str, clock: time) -> bool:
        """On some weekday of each row of these hours."""
        rows = [row for row in self.hours.hours if row.name == hours]
        return all(any(a <= clock < b for day in range(7) for a, b in row.on(day)) for row in rows)

    def _swap_faults(self) -> Iterator[str]:
        """What only two years together show: the day worked instead may lie in the next one."""
        off = {row.day for year in self.years.values() for row in year.off}
        worked = Counter(row.work for year in self.years.values() for row in year.swap)
        for day, times in worked.items():
            if times > 1 or day in off:
                yield f"{self.year_file(day.year)}: {day} vừa nghỉ vừa làm bù, hoặc làm bù hai lần · off and worked, or worked twice"


def _dates_faults(place: str, rows: Sequence[Dated]) -> Iterator[str]:
    firsts = [row.first for row in rows]
    if firsts[0] != date.min or sorted(set(firsts)) != firsts:
        yield (
            f"{place}: dòng đầu không có `from`, các dòng sau theo thứ tự ngày · "
            "the first row has no `from`, later rows follow by their days"
        )
