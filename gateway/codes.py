"""Code lists with effective dates: one CSV file a list, the file's name is the list's.

Columns: `code`, any further column named `code…` (the same thing's code in another system: either finds the row), whatever else
the list tells, and `from` and `until`: the first and the last day in force, ISO dates in Vietnam's time, empty when open.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from gateway.canonical.scalars import HANOI
from gateway.errors import Misconfigured
from gateway.message import utc_now

_NATIONAL_PART = re.compile(r"^\d\.\d{6}(?=\.|$)")


@dataclass(frozen=True, slots=True)
class _Row:
    values: Mapping[str, str]
    first: date
    last: date

    def overlaps(self, other: _Row) -> bool:
        return self.first <= other.last and other.first <= self.last


class CsvCodes:
    """The lists of `folder/*.csv`, read once. Raises `Misconfigured` naming file, line and cure."""

    def __init__(self, folder: Path, now: Callable[[], datetime] = utc_now) -> None:
        self._now = now
        self._lists = {file.stem: _read(file) for file in sorted(folder.glob("*.csv"))}

    def find(self, listname: str, code: str, at: datetime | None = None) -> Mapping[str, str] | None:
        """The row in force at `at` (None: now), or None. Raises `Misconfigured` when there is no such list."""
        if listname not in self._lists:
            raise Misconfigured(
                f"there is no code list {listname!r}; known: {', '.join(self._lists)}: add codelists/{listname}.csv"
            )
        day = (at or self._now()).astimezone(HANOI).date()
        for row in self._lists[listname].get(_key(listname, code), ()):
            if row.first <= day <= row.last:
                return row.values
        return None


def _key(listname: str, code: str) -> str:
    # Provinces write suffixes behind a procedure's national code (1.001193.000.00.00.H56); the first two parts name the procedure.
    match = _NATIONAL_PART.match(code) if listname == "procedures" else None
    return match.group() if match else code


def _read(file: Path) -> dict[str, list[_Row]]:
    rows: dict[str, list[_Row]] = {}
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines, strict=True)
            names = reader.fieldnames or []
            if missing := {"code", "from", "until"} - set(names):
                raise Misconfigured(f"{file}:1: the columns {', '.join(sorted(missing))} are missing")
            if len(names) != len(set(names)):
                raise Misconfigured(f"{file}:1: a column stands twice")
            for values in reader:
                _add(rows, values, file, reader.line_num)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: cannot be read: {error}") from error
    except csv.Error as error:
        raise Misconfigured(f"{file}: not valid CSV: {error}") from error
    return rows


def _add(rows: dict[str, list[_Row]], values: dict[str, str], file: Path, line: int) -> None:
    place = f"{file}:{line}"
    if None in values or None in values.values():
        raise Misconfigured(f"{place}: this line has another number of values than the first line has names")
    if not values["code"]:
        raise Misconfigured(f"{place}: the code is empty")
    told = {name: value for name, value in values.items() if name not in ("from", "until")}
    row = _Row(told, _day(values["from"], date.min, place), _day(values["until"], date.max, place))
    if row.last < row.first:
        raise Misconfigured(f"{place}: `until` lies before `from`")
    for key in {_key(file.stem, value) for name, value in told.items() if name.startswith("code") and value}:
        for other in rows.setdefault(key, []):
            if row.overlaps(other):
                raise Misconfigured(
                    f"{place}: the code {key} is in force twice on the same day: end the earlier row with `until`"
                )
        rows[key].append(row)


def _day(value: str, otherwise: date, place: str) -> date:
    if not value:
        return otherwise
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise Misconfigured(f"{place}: {value!r} is not a day such as 2025-07-01") from None
