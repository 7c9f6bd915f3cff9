"""Families of procedures: of which reception a dossier is; and held against the code list, each names procedures that exist, no dossier is in
two."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from fnmatch import fnmatchcase
from itertools import combinations
from typing import Any

from gateway.canonical.scalars import HANOI
from gateway.codes.lists import Row, key_of
from gateway.config import Family
from gateway.errors import Misconfigured
from gateway.ledger.lives import RECEIVED


def received_on(submitted: Mapping[str, Any], moves: Iterable[tuple[int, datetime]]) -> date:
    """The day, in Vietnam, whose moves the dossier keeps: of its reception, as its newest submission or else its first 2 tells it; of its
    submission before that. `moves`: its statuses with their event times, in their order."""
    told = submitted.get("deadlines", {}).get("received_at")
    found = datetime.fromisoformat(told) if told else next((when for status, when in moves if status == RECEIVED), None)
    return (found or datetime.fromisoformat(submitted["submitted_at"])).astimezone(HANOI).date()


def check_families(families: Sequence[Family], procedures: Sequence[Row]) -> None:
    """`procedures`: the rows of that list. Raises `Misconfigured` with every fault."""
    faults = [*_missing(families, procedures), *_doubled(families, procedures)]
    if faults:
        raise Misconfigured("\n".join(faults))


def _missing(families: Sequence[Family], procedures: Sequence[Row]) -> Iterator[str]:
    for family in families:
        for pattern in family.procedures:
            if not any(_names(pattern, row) and _first(family, row) <= _last(family, row) for row in procedures):
                yield (
                    f"statuses.toml: nhóm · family {family.name!r}: {pattern}: không có thủ tục nào như vậy trong codelists/procedures.csv vào những "
                    "ngày đó, hãy sửa hoặc bỏ đi · no such procedure on its days: mend it or take it out"
                )


def _doubled(families: Sequence[Family], procedures: Sequence[Row]) -> Iterator[str]:
    for one, other in combinations(families, 2):
        for row in procedures:
            days = max(_first(one, row), _first(other, row)), min(_last(one, row), _last(other, row))
            if days[0] <= days[1] and all(any(_names(p, row) for p in family.procedures) for family in (one, other)):
                yield (
                    f"statuses.toml: {row.values['code']} thuộc hai nhóm · is in two families, {one.name!r} và · and {other.name!r}, "
                    f"{days[0]} – {days[1]}: đặt from, until · give them days apart"
                )


def _names(pattern: str, row: Row) -> bool:
    """By the code as it stands in the list, or by its national part."""
    code = row.values["code"]
    return fnmatchcase(code, pattern) or fnmatchcase(key_of("procedures", code), pattern)


def _first(family: Family, row: Row) -> date:
    return max(family.from_ or date.min, row.first)


def _last(family: Family, row: Row) -> date:
    return min(family.until or date.max, row.last)
