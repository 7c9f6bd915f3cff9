"""Working time: how much of it lies between two moments, and where so much of it ends. Pure; the sessions of each day are given.

The days are laid out once, year by year as they are needed, in a sorted table that is then searched.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from gateway.canonical.scalars import HANOI
from gateway.errors import Refused

Session = tuple[time, time]
"""From and to, in Vietnam's time, on one day."""

NONE = timedelta()
FIRST_YEAR, LAST_YEAR = 1990, 2100  # those of the canonical instants


@dataclass(frozen=True, slots=True)
class Table:
    """Some years in a row. `opens`, `closes`: the sessions; `before`: the working time of the table before each; `whole`: all of it."""

    years: range
    begin: datetime
    end: datetime
    opens: Sequence[datetime]
    closes: Sequence[datetime]
    before: Sequence[timedelta]
    whole: timedelta

    def until(self, moment: datetime) -> timedelta:
        """The working time of the table before `moment`, which lies in it."""
        i = bisect_right(self.opens, moment) - 1
        if i < 0:
            return NONE
        return self.before[i] + (min(moment, self.closes[i]) - self.opens[i])


class WorkTime:
    """The working time of one kind of office. `sessions` gives a day's, in order and apart; empty for a day off.

    Moments are aware; those that come back are UTC. All raise `Refused` (beyond-the-calendar) outside the years 1990 to 2100.
    """

    def __init__(self, sessions: Callable[[date], Sequence[Session]]) -> None:
        self.sessions = sessions
        self._years: dict[int, Sequence[tuple[datetime, datetime]]] = {}
        self._table: Table | None = None

    def between(self, begin: datetime, end: datetime) -> timedelta:
        """The working time from `begin` to `end`; negative when `end` lies before `begin`."""
        begin, end = begin.astimezone(UTC), end.astimezone(UTC)
        table = self._holding(end, self._holding(begin))
        return table.until(end) - table.until(begin)

    def add(self, start: datetime, amount: timedelta) -> datetime:
        """The first moment by which `amount` was worked since `start`: a day's end, never the next morning. `start` itself for none.

        Raises `ValueError` for a negative amount: `subtract` it.
        """
        if amount <= NONE:
            return _nothing(start, amount)
        start = start.astimezone(UTC)
        table = self._holding(start)
        while table.until(start) + amount > table.whole:
            table = self._grown(table, table.years.stop)
        wanted = table.until(start) + amount
        i = bisect_left(table.before, wanted) - 1
        return table.opens[i] + (wanted - table.before[i])

    def subtract(self, end: datetime, amount: timedelta) -> datetime:
        """The last moment from which `amount` can be worked until `end`: a session's beginning, never the end of the one before."""
        if amount <= NONE:
            return _nothing(end, amount)
        end = end.astimezone(UTC)
        table = self._holding(end)
        while table.until(end) < amount:
            table = self._grown(table, table.years.start - 1)
        wanted = table.until(end) - amount
        i = bisect_right(table.before, wanted) - 1
        return table.opens[i] + (wanted - table.before[i])

    def is_open(self, moment: datetime) -> bool:
        """Is it working time then? The moment of closing is none."""
        moment = moment.astimezone(UTC)
        table = self._holding(moment)
        i = bisect_right(table.opens, moment) - 1
        return i >= 0 and moment < table.closes[i]

    def _holding(self, moment: datetime, table: Table | None = None) -> Table:
        """The table, `table` or the newest, grown until it holds `moment` (UTC)."""
        table = table or self._table
        if table is not None and table.begin <= moment < table.end:
            return table
        return self._grown(table, moment.astimezone(HANOI).year)

    def _grown(self, table: Table | None, year: int) -> Table:
        years = range(year, year + 1) if table is None else table.years
        return self._build(range(min(years.start, year), max(years.stop, year + 1)))

    def _build(self, years: range) -> Table:
        """Replaces the table whole, so that another thread sees the old one or the new one."""
        if years.start < FIRST_YEAR or years.stop > LAST_YEAR + 1:
            words = (
                f"thời điểm nằm ngoài lịch {FIRST_YEAR}–{LAST_YEAR}",
                f"this lies beyond the calendar, {FIRST_YEAR} to {LAST_YEAR}",
            )
            raise Refused.of("", "beyond-the-calendar", *words)
        opens, closes, before, whole = [], [], [], NONE
        for year in years:
            for opening, closing in self._year(year):
                opens.append(opening)
                closes.append(closing)
                before.append(whole)
                whole += closing - opening
        table = Table(years, _new_year(years.start), _new_year(years.stop), opens, closes, before, whole)
        self._table = table
        return table

    def _year(self, year: int) -> Sequence[tuple[datetime, datetime]]:
        if year not in self._years:
            spans = [(at(day, opens), at(day, closes)) for day in days_of(year) for opens, closes in self.sessions(day)]
            self._years[year] = spans
        return self._years[year]


def _nothing(moment: datetime, amount: timedelta) -> datetime:
    if amount < NONE:
        raise ValueError("the amount of working time is negative")
    return moment.astimezone(UTC)


def at(day: date, clock: time) -> datetime:
    """That time of that day in Vietnam, in UTC."""
    return datetime.combine(day, clock, HANOI).astimezone(UTC)


def day_of(moment: datetime) -> date:
    """The day in Vietnam."""
    return moment.astimezone(HANOI).date()


def days_of(year: int) -> Iterator[date]:
    return days(date(year, 1, 1), date(year, 12, 31))


def days(first: date, last: date) -> Iterator[date]:
    """Each day, both ends included."""
    return (first + timedelta(n) for n in range((last - first).days + 1))


def _new_year(year: int) -> datetime:
    return at(date(year, 1, 1), time())
