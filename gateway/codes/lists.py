"""Code lists with effective dates: one CSV file a list, the file's name is the list's.

Columns: `code`, any further column named `code…` (the same thing's code in another system: either finds the row), whatever else
the list tells, and `from` and `until`: the first and the last day in force, ISO dates in Vietnam's time, empty when open.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from gateway.canonical.scalars import HANOI
from gateway.errors import Misconfigured
from gateway.message import utc_now

DATES = ("from", "until")
# The suffixes that provinces write behind a procedure's national code: a form variant, the unit, the province.
_NATIONAL_PART = re.compile(r"([0-9]\.[0-9]{6})(\.[0-9]{2})?(\.000\.00\.00)?(\.[HG][0-9]{2})?")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a list: what it tells (without its days), the days it is in force, both included, and its line in the file."""

    values: Mapping[str, str]
    first: date
    last: date
    line: int

    def overlaps(self, other: Row) -> bool:
        return self.first <= other.last and other.first <= self.last

    def holds(self, day: date) -> bool:
        return self.first <= day <= self.last


@dataclass(frozen=True, slots=True)
class CodeList:
    """One file as it was read. `faults`: line and words of everything that is wrong; rows with a fault are not in `rows`."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Row]
    faults: Sequence[tuple[int, str]]


class CsvCodes:
    """The lists of `folder/*.csv`, read once. Raises `Misconfigured` naming every fault by file and line."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._files = {file.stem: _read(file) for file in sorted(folder.glob("*.csv"))}
        self._index = {name: _index_of(found) for name, found in self._files.items()}

    @property
    def names(self) -> Sequence[str]:
        return list(self._files)

    def file(self, listname: str) -> CodeList:
        """The list as its file tells it. Raises `Misconfigured` when there is no such list."""
        if listname not in self._files:
            raise Misconfigured(
                f"there is no code list {listname!r}; known: {', '.join(self._files)}: add codelists/{listname}.csv"
            )
        return self._files[listname]

    def find(self, listname: str, code: str, at: datetime | None = None) -> Mapping[str, str] | None:
        """The row in force at `at` (None: now), or None. Raises `Misconfigured` when there is no such list."""
        day = self.day(at)
        for row in self.history(listname, code):
            if row.first <= day <= row.last:
                return row.values
        return None

    def history(self, listname: str, code: str) -> Sequence[Row]:
        """Every row that this code, in any of its forms, ever had. Raises `Misconfigured` when there is no such list."""
        return self._rows(listname).get(key_of(listname, code), ())

    def in_force(self, listname: str, at: datetime | None = None) -> Mapping[str, Row]:
        """The rows in force at `at` (None: now) by the key of their first code. Raises `Misconfigured` when there is no such list."""
        day = self.day(at)
        every = self._rows(listname).items()
        return {
            key: row
            for key, rows in every
            for row in rows
            if row.holds(day) and key_of(listname, row.values["code"]) == key
        }

    def day(self, at: datetime | None) -> date:
        """The day in Vietnam at `at` (None: now)."""
        return (at or self._now()).astimezone(HANOI).date()

    def _rows(self, listname: str) -> Mapping[str, Sequence[Row]]:
        found = self._index.get(listname)
        return self._index[self.file(listname).name] if found is None else found


def key_of(listname: str, code: str) -> str:
    """What a code is found by: of a procedure the national part (1.001193.000.00.00.H56 is 1.001193), of anything else all of it."""
    match = _NATIONAL_PART.fullmatch(code) if listname == "procedures" else None
    return match.group(1) if match else code


def scan(file: Path, name: str, need: Iterable[str] = ("code", *DATES), since: date | None = None) -> CodeList:
    """The list in `file`, with all its faults. `since`: the first day of the rows where the file has no column `from`.

    Raises `Misconfigured` for a file that cannot be read as CSV at all.
    """
    rows, faults = [], []
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            columns = list(reader.fieldnames or [])
            if missing := set(need) - set(columns):
                faults.append((1, f"thiếu cột · the columns {', '.join(sorted(missing))} are missing"))
            if len(columns) != len(set(columns)):
                faults.append((1, "một cột có hai lần · a column stands twice"))
            for values in () if faults else reader:
                found = _read_row(values, reader.line_num, since)
                if isinstance(found, Row):
                    rows.append(found)
                else:
                    faults += [(reader.line_num, words) for words in found]
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: không đọc được · cannot be read: {error}") from error
    except csv.Error as error:
        raise Misconfigured(f"{file}: không phải CSV · not valid CSV: {error}") from error
    return CodeList(name, columns, rows, faults)


def clashes(name: str, rows: Iterable[Row]) -> Iterator[tuple[Row, str]]:
    """Rows whose code, in whatever form, another row before them has on the same day; with words."""
    seen: dict[str, list[Row]] = {}
    for row in rows:
        for key in sorted(_keys(name, row)):
            if any(row.overlaps(other) for other in seen.get(key, ())):
                yield (
                    row,
                    (
                        f"mã {key} có hai dòng cùng hiệu lực: đặt `until` cho dòng cũ · "
                        f"the code {key} is in force twice on the same day: end the earlier row with `until`"
                    ),
                )
            seen.setdefault(key, []).append(row)


def _read(file: Path) -> CodeList:
    found = scan(file, file.stem)
    faults = [*found.faults, *((row.line, words) for row, words in clashes(file.stem, found.rows))]
    if faults:
        raise Misconfigured("\n".join(f"{file}:{line}: {words}" for line, words in sorted(faults)))
    return found


def _index_of(found: CodeList) -> dict[str, list[Row]]:
    rows: dict[str, list[Row]] = {}
    for row in found.rows:
        for key in _keys(found.name, row):
            rows.setdefault(key, []).append(row)
    return rows


def _keys(name: str, row: Row) -> set[str]:
    return {key_of(name, value) for column, value in row.values.items() if column.startswith("code") and value}


def _read_row(values: dict[str, str], line: int, since: date | None) -> Row | list[str]:
    """The row, or what is wrong with it."""
    if None in values or None in values.values():
        return [
            "số giá trị khác số cột của dòng đầu · this line has another number of values than the first line has names"
        ]
    faults = [] if values["code"] else ["mã để trống · the code is empty"]
    days = {}
    for name, otherwise in (("from", since or date.min), ("until", date.max)):
        try:
            days[name] = read_day(values[name]) if values.get(name) else otherwise
        except ValueError:
            faults.append(f"{values[name]!r} không phải ngày như 2025-07-01 · is not a day such as 2025-07-01")
    if len(days) == len(DATES) and days["until"] < days["from"]:
        faults.append("`until` trước `from` · `until` lies before `from`")
    told = {name: value for name, value in values.items() if name not in DATES}
    return faults or Row(told, days["from"], days["until"], line)


def read_day(value: str) -> date:
    """A day such as 2025-07-01, and no other form of it. Raises ValueError."""
    if not re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        raise ValueError(value)
    return date.fromisoformat(value)
