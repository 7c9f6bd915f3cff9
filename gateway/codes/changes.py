"""An import into a code list: planned with every fault, shown, and only then written, whole.

History is kept: a row whose values change is closed, and a new one stands beside it; no value and no first day is overwritten.
"""

from __future__ import annotations

import csv
import io
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from gateway.canonical.scalars import ORGANISATION_CODE, PROCEDURE_CODE, RESULT_CODE
from gateway.codes.lists import DATES, CodeList, Row, clashes, key_of

KEPT = 0  # the line of a row that was in the list before

_FIELD = r"^G[0-9]{2}-[A-Z]{2}[0-9]{2}$"
_FORMS: Mapping[str, Mapping[str, str]] = {
    "procedures": {"code": PROCEDURE_CODE, "field_code": _FIELD},
    "fields": {"code": _FIELD},
    "organisations": {
        "code": ORGANISATION_CODE,
        "code20": ORGANISATION_CODE,
        "level": r"^(ministry|province|commune)$",
    },
    "provinces": {"code": r"^[0-9]{2}$"},
    "communes": {"code": r"^[0-9]{5}$", "province": r"^[0-9]{2}$"},
    "results": {"code": RESULT_CODE},
}
"""Of lists that the gateway knows: the form of a column's values, where it has one. An empty value has none."""


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of one code. ``changed``: `before` is closed, `after` follows it; ``ended``, ``extended``: its last day moves."""

    kind: Literal["added", "changed", "ended", "extended"]
    code: str
    before: Row | None
    after: Row | None


@dataclass(frozen=True, slots=True)
class Plan:
    """The list as it would be, what changes in it, and the line and words of every fault. With a fault nothing may be written."""

    name: str
    columns: Sequence[str]
    rows: Sequence[Row]
    changes: Sequence[Change]
    faults: Sequence[tuple[int, str]]

    def text(self) -> str:
        """The whole file."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(self.columns)
        for row in self.rows:
            days = days_of(row)
            writer.writerow([days[c] if c in DATES else row.values.get(c, "") for c in self.columns])
        return out.getvalue()


def plan_import(current: CodeList | None, given: CodeList, whole: date | None = None) -> Plan:
    """`given` put into `current` (None: a new list).

    A row of the file holds from its first day on. The row in force on that day stays when it tells the same; else it ends the day before.
    Columns that the file lacks are taken over from it. `whole`: the file is the whole list, and what it lacks ends the day before.
    """
    planning = _Planning(current, given)
    for row in sorted(given.rows, key=lambda row: row.first):
        planning.put(row)
    if whole is not None:
        planning.end_others(whole)
    return planning.plan()


class _Planning:
    def __init__(self, current: CodeList | None, given: CodeList) -> None:
        self.given = given
        self.columns = list(current.columns if current else _in_order(given.columns))
        self.faults = list(given.faults)
        self.changes: list[Change] = []
        self.rows: dict[str, list[Row]] = {}
        for row in current.rows if current else ():
            self.rows.setdefault(key_of(given.name, row.values["code"]), []).append(replace(row, line=KEPT))
        if strangers := [c for c in given.columns if c not in (*self.columns, *DATES)]:
            names = ", ".join(strangers)
            self.faults.append((1, f"danh mục không có cột {names} · the list has no column {names}"))

    def put(self, row: Row) -> None:
        name = self.given.name
        self.faults += [(row.line, words) for words in _odd(name, row.values)]
        key = key_of(name, row.values["code"])
        told = {**row.values, "code": key}
        own = self.rows.setdefault(key, [])
        place = next((i for i, old in enumerate(own) if old.holds(row.first)), None)
        before = None if place is None else own[place]
        if place is not None and before is not None:
            if all(before.values.get(c, "") == v for c, v in told.items()):
                self._move_end(own, place, row)
                return
            if before.first == row.first:
                self.faults.append((row.line, _standing(key, row.first)))
                return
            own[place] = replace(before, last=row.first - timedelta(days=1))
        values = {**(before.values if before else {}), **told}
        last = before.last if before and "until" not in self.given.columns else row.last
        after = Row({c: values.get(c, "") for c in self.columns if c not in DATES}, row.first, last, row.line)
        own.append(after)
        self.changes.append(Change("changed" if before else "added", key, before, after))

    def _move_end(self, own: list[Row], place: int, row: Row) -> None:
        before = own[place]
        if "until" not in self.given.columns or row.last == before.last:
            return
        own[place] = replace(before, last=row.last, line=row.line)
        kind: Literal["ended", "extended"] = "ended" if row.last < before.last else "extended"
        self.changes.append(Change(kind, before.values["code"], before, own[place]))

    def end_others(self, day: date) -> None:
        named = {key_of(self.given.name, row.values["code"]) for row in self.given.rows}
        for key, own in self.rows.items():
            for i, row in enumerate(own):
                if key not in named and row.holds(day) and row.first < day:
                    own[i] = replace(row, last=day - timedelta(days=1))
                    self.changes.append(Change("ended", key, row, own[i]))

    def plan(self) -> Plan:
        rows = [row for own in self.rows.values() for row in sorted(own, key=lambda row: row.first)]
        # Those of the file last: of two that clash, the file's line is the one to tell.
        for row, words in clashes(self.given.name, sorted(rows, key=lambda row: row.line)):
            self.faults.append((row.line, words))
        return Plan(self.given.name, self.columns, rows, self.changes, sorted(set(self.faults)))


def write_whole(file: Path, content: str | bytes) -> None:
    """All of it or nothing, whatever happens meanwhile: written aside, then put in its place."""
    aside = file.with_name(f".{file.name}.{os.getpid()}")
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with aside.open("wb") as out:
            out.write(content.encode() if isinstance(content, str) else content)
            out.flush()
            os.fsync(out.fileno())
        if file.exists():
            aside.chmod(file.stat().st_mode & 0o777)
        aside.replace(file)
    finally:
        aside.unlink(missing_ok=True)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def days_of(row: Row) -> dict[str, str]:
    """Its first and last day as the file writes them."""
    return {"from": _written(row.first, date.min), "until": _written(row.last, date.max)}


def _in_order(columns: Sequence[str]) -> list[str]:
    """A new list's columns: those of the file, then the days."""
    return [*(c for c in columns if c not in DATES), *DATES]


def _odd(name: str, values: Mapping[str, str]) -> Iterator[str]:
    for column, form in _FORMS.get(name, {}).items():
        value = values.get(column, "")
        if value and not re.fullmatch(form, value, re.ASCII):
            yield f"{column}: {value!r} sai dạng · is not of the form {form}"


def _standing(key: str, day: date) -> str:
    since = _written(day, date.min) or "đầu · the beginning"
    return (
        f"mã {key} đã có dòng khác từ {since}; lịch sử không bị ghi đè, hãy chọn ngày sau · "
        f"the code {key} has another row from {since}; history is not overwritten: choose a later day"
    )


def _written(day: date, open_end: date) -> str:
    return "" if day == open_end else day.isoformat()
