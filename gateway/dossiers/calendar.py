"""The calendar: which days and hours each unit works. Read from `config/calendar`, over the `holidays` package.

A reviewed year goes by its file alone. For any other the package is asked, and every answer that touches it carries a doubt that says so.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache, cached_property
from pathlib import Path

from gateway.dossiers.calendar_files import Files, HoursRow, RulesRow
from gateway.dossiers.worktime import NONE, Session, WorkTime, at, day_of, days, days_of
from gateway.errors import Misconfigured

PACKAGE = "holidays"
MONDAY = 0


@dataclass(frozen=True, slots=True)
class Mark:
    """What makes a day other than its weekday: off, or worked with the hours of `weekday` (Monday is 0)."""

    name: str
    source: str
    weekday: int | None = None

    @property
    def off(self) -> bool:
        return self.weekday is None


@dataclass(frozen=True, slots=True)
class Doubt:
    """Something about these days, both included, that nobody has confirmed."""

    first: date
    last: date
    words: str
    words_en: str


@dataclass(frozen=True, slots=True)
class DayWorked:
    """One line of a reckoning: what is worked of a day's sessions (UTC), `worked` in all; `why` there are none, or others than usual."""

    day: date
    parts: Sequence[tuple[datetime, datetime]]
    worked: timedelta
    why: str


class Calendar:
    """Raises `Misconfigured` with every fault of the files."""

    def __init__(self, folder: Path) -> None:
        self.files = Files(folder)
        self._marks = dict(_marks_of(self.files))
        self._worktimes: dict[str, WorkTime] = {}

    def worktime(self, hours: str) -> WorkTime:
        """By the name of the hours. Raises `Misconfigured` for hours that are not there."""
        if hours not in self._rows:
            raise Misconfigured(
                f"{self.files.folder / 'hours.toml'}: không có giờ · there are no hours {hours!r}; "
                f"có · known: {', '.join(self._rows)}"
            )
        if hours not in self._worktimes:
            self._worktimes[hours] = WorkTime(lambda day: self.sessions(hours, day))
        return self._worktimes[hours]

    def hours_of(self, *codes: str) -> str:
        """The name of the hours that a unit keeps; its codes in one or both systems, none for the rest of the province."""
        return next(
            row.hours
            for row in self.files.hours.unit
            if "*" in row.organisations or any(fnmatchcase(code, p) for code in codes for p in row.organisations)
        )

    def rules(self, received_at: datetime) -> RulesRow:
        """The rules for a dossier received then."""
        rows = self.files.rules
        return rows[bisect_right([row.first for row in rows], day_of(received_at)) - 1]

    def sessions(self, hours: str, day: date) -> Sequence[Session]:
        """What is worked on a day by those hours; empty for a day off."""
        firsts, rows = self._rows[hours]
        row = rows[bisect_right(firsts, day) - 1]
        mark = self.mark(day)
        if mark is None:
            return row.on(day.weekday())
        return () if mark.weekday is None else row.on(mark.weekday)

    def mark(self, day: date) -> Mark | None:
        """What is said of a day; None for one like its weekday."""
        found = self._marks.get(day)
        if found is None and day.year not in self.reviewed:
            return by_package(day.year).get(day)
        return found

    @cached_property
    def reviewed(self) -> frozenset[int]:
        return frozenset(year for year, file in self.files.years.items() if file.reviewed is not None)

    def doubts(self, begin: datetime, end: datetime) -> tuple[Doubt, ...]:
        """What nobody has confirmed of the days from `begin` to `end`."""
        first, last = day_of(begin), day_of(end)
        years = tuple(self.doubt(year) for year in range(first.year, last.year + 1) if year not in self.reviewed)
        return years + tuple(d for d in self.undecided if d.first <= last and first <= d.last)

    def doubt(self, year: int) -> Doubt:
        """That of a year that is not reviewed."""
        file = f"config/calendar/{year}.toml"
        there = year in self.files.years
        words = f"lịch nghỉ năm {year} chưa rà soát: {file} {'không có `reviewed`' if there else 'chưa có'}; tạm theo gói {PACKAGE}"
        words_en = (
            f"the calendar of {year} is not reviewed: {file} {'has no `reviewed`' if there else 'is not there'}; "
            f"by the {PACKAGE} package for now"
        )
        return Doubt(date(year, 1, 1), date(year, 12, 31), words, words_en)

    @cached_property
    def undecided(self) -> Sequence[Doubt]:
        return [
            Doubt(day, day, f"{day:%d/%m/%Y} {row.name}: {row.source}", f"{day} is not decided: {row.name}")
            for file in self.files.years.values()
            for row in file.undecided
            for day in row.days
        ]

    @cached_property
    def _rows(self) -> Mapping[str, tuple[Sequence[date], Sequence[HoursRow]]]:
        found = {}
        for name in sorted(self.files.hours_names):
            rows = [row for row in self.files.hours.hours if row.name == name]
            found[name] = ([row.first for row in rows], rows)
        return found


def reckon_days(calendar: Calendar, hours: str, begin: datetime, end: datetime) -> Iterator[DayWorked]:
    """The working time from `begin` to `end`, day by day."""
    for day in days(day_of(begin), day_of(end)):
        spans = [
            (max(at(day, opens), begin), min(at(day, closes), end)) for opens, closes in calendar.sessions(hours, day)
        ]
        parts = [(a, b) for a, b in spans if a < b]
        mark = calendar.mark(day)
        why = "" if mark is None else f"{mark.name} ({mark.source})"
        yield DayWorked(day, parts, sum((b - a for a, b in parts), NONE), why)


def compare_with_package(calendar: Calendar, year: int) -> Iterator[str]:
    """Every day of a reviewed year that the package makes special and the file says nothing of."""
    for day, mark in by_package(year).items():
        if calendar.mark(day) is None:
            kind = ("ngày nghỉ", "a day off") if mark.off else ("ngày làm bù", "a working day")
            yield (
                f"{calendar.files.year_file(year)}: gói {PACKAGE} coi {day} là {kind[0]} ({mark.name}); thêm [[off]], [[swap]] hoặc "
                f"[[work]] kèm nguồn · the package takes it for {kind[1]}: add a row with its source"
            )


def _marks_of(files: Files) -> Iterator[tuple[date, Mark]]:
    for year in files.years.values():
        for row in year.off:
            yield row.day, Mark(row.name, row.source)
        for row in year.work:
            yield row.day, Mark(row.name, row.source, row.day.weekday())
        for swap in year.swap:
            yield swap.off, Mark(f"{swap.name}: làm bù {swap.work:%d/%m/%Y}", swap.source)
            yield swap.work, Mark(f"{swap.name}: làm bù cho {swap.off:%d/%m/%Y}", swap.source, swap.off.weekday())


@cache
def by_package(year: int) -> Mapping[date, Mark]:
    """What the package knows of a year. It does not say which weekday's hours a working Saturday has: a Monday's."""
    from holidays import country_holidays  # costs some milliseconds, and reviewed years do without

    known = country_holidays("VN", years=year, language="vi")
    source = f"gói · package {PACKAGE}"
    marks = {day: Mark(name, source) for day, name in sorted(known.items()) if day.year == year}
    for day in days_of(year):
        if day in known.weekend_workdays:
            marks[day] = Mark("Làm bù", source, MONDAY)
    return marks
