"""A partner's own code lists beside ours: read, kept with the day of the reading, compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.canonical.scalars import HANOI, write_instant
from gateway.codes import CsvCodes, key_of
from gateway.codes.changes import write_whole
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.flow.gateway import Setup


@dataclass(frozen=True, slots=True)
class Reading:
    """What a partner told of one list, by its own codes; `at` is when it was asked."""

    partner: str
    listname: str
    at: datetime
    rows: Mapping[str, Mapping[str, str]]


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs, by our code. `new`: theirs alone; `gone`: ours alone; `changed`: by column, ours and theirs; `same`: how many agree.

    Compared are the columns that both have; a column that the partner did not tell of a row is no difference.
    """

    listname: str
    new: Mapping[str, Mapping[str, str]]
    gone: Mapping[str, Mapping[str, str]]
    changed: Mapping[str, Mapping[str, tuple[str, str]]]
    same: int

    @property
    def differs(self) -> bool:
        return bool(self.new or self.gone or self.changed)


def read_catalogue(setup: Setup, partner: str, listname: str, now: datetime, *, whole: bool = False) -> Reading:
    """Ask the partner, and keep what it told. It is asked for all about the codes that we have; `whole`: about every one.

    Raises `DeliveryError`, and `Misconfigured` when it tells no such list.
    """
    if partner not in setup.config.partners:
        raise Misconfigured(
            f"không có đối tác · no partner {partner!r}; có · known: {', '.join(setup.config.partners)}"
        )
    made = setup.partners[partner]
    open_catalogue = setup.kinds[made.connector].catalogue
    catalogue = open_catalogue(made) if open_catalogue else None
    if catalogue is None or listname not in catalogue.lists:
        told = ", ".join(catalogue.lists) if catalogue else "–"
        raise Misconfigured(
            f"{partner} không có danh mục {listname} · tells no list {listname!r}; nó có · it has: {told}"
        )
    codes = codes_of(setup)
    ours = codes.in_force(listname, now) if listname in codes.names else {}
    rows = catalogue.read(listname, lambda code: whole or key_of(listname, code) in ours)
    reading = Reading(partner, listname, now, rows)
    _keep(setup, reading)
    return reading


def kept_reading(setup: Setup, partner: str, listname: str) -> Reading | None:
    """What the partner told when it was last asked. Raises `Misconfigured` for a file that is none of ours."""
    file = _file(setup, partner, listname)
    if not file.exists():
        return None
    try:
        told = json.loads(file.read_text(encoding="utf-8"))
        return Reading(partner, listname, datetime.fromisoformat(told["at"]), told["rows"])
    except (ValueError, KeyError, TypeError) as error:
        raise Misconfigured(
            f"{file}: không đọc được, hãy xóa đi · cannot be read, take it away: {type(error).__name__}"
        ) from error


def is_due(at: time, last: datetime | None, now: datetime) -> bool:
    """Has `at`, Vietnam's time, passed since it was last asked? One that never was is due at once."""
    today = now.astimezone(HANOI).replace(hour=at.hour, minute=at.minute, second=at.second, microsecond=0)
    newest = today if today <= now else today - timedelta(days=1)
    return last is None or last < newest


def compare(codes: CsvCodes, reading: Reading, now: datetime) -> Comparison:
    """Theirs beside the rows of ours in force at `now`."""
    name = reading.listname
    ours = {key: row.values for key, row in codes.in_force(name, now).items()} if name in codes.names else {}
    theirs = _theirs(codes, reading, now)
    changed = {key: dict(_differences(ours[key], row)) for key, row in theirs.items() if key in ours}
    return Comparison(
        name,
        {key: row for key, row in theirs.items() if key not in ours},
        {key: row for key, row in ours.items() if key not in theirs},
        {key: found for key, found in changed.items() if found},
        sum(not found for found in changed.values()),
    )


def codes_of(setup: Setup) -> CsvCodes:
    """The lists as they are now: a process that has run for days may have older ones."""
    return CsvCodes(setup.config.folder / "codelists")


def _theirs(codes: CsvCodes, reading: Reading, now: datetime) -> Mapping[str, Mapping[str, str]]:
    """By our code: of a unit the partner may know another one. Of variants of a procedure the plain one speaks."""
    name, found = reading.listname, {}
    for code in sorted(reading.rows, key=len, reverse=True):
        known = codes.find(name, code, now) if name in codes.names else None
        found[key_of(name, known["code"] if known else code)] = reading.rows[code]
    return {key: found[key] for key in sorted(found)}


def _differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    for column, value in theirs.items():
        if column in ours and ours[column] != value:
            yield column, (ours[column], value)


def rows_to_import(
    codes: CsvCodes, found: Comparison, now: datetime, day: date
) -> tuple[Sequence[str], list[list[str]]]:
    """Columns and rows of an import file that makes our list agree from `day` on: new and changed rows, and an end for those gone."""
    name = found.listname
    told = {c for row in (*found.new.values(), *found.changed.values()) for c in row}
    there = codes.file(name).columns if name in codes.names else sorted(told)
    columns = [c for c in there if c in told]
    ours = codes.in_force(name, now) if name in codes.names else {}
    rows = [[code, *(row.get(c, "") for c in columns), str(day), ""] for code, row in found.new.items()]
    for code, differences in found.changed.items():
        then = {**ours[code].values, **{c: theirs for c, (_, theirs) in differences.items()}}
        rows.append([code, *(then[c] for c in columns), str(day), _day(ours[code].last)])
    for code in found.gone:
        row, last = ours[code], min(ours[code].last, day - timedelta(days=1))
        rows.append([code, *(row.values[c] for c in columns), _day(row.first), str(last)])
    return ["code", *columns, "from", "until"], rows


def _day(day: date) -> str:
    return "" if day in (date.min, date.max) else str(day)


def _keep(setup: Setup, reading: Reading) -> None:
    told = {"partner": reading.partner, "list": reading.listname, "at": write_instant(reading.at), "rows": reading.rows}
    write_whole(_file(setup, reading.partner, reading.listname), json.dumps(told, ensure_ascii=False, indent=1) + "\n")


def _file(setup: Setup, partner: str, listname: str) -> Path:
    return setup.config.data / "catalogues" / f"{partner}.{listname}.json"
