"""Figures of some days: what their questions have in common, the days and what makes a line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from gateway.errors import BadRequest, Fault, Forbidden
from gateway.ledger.queries import Reader
from gateway.web.here import one_of, parameters, reader
from gateway.web.openapi import parameter

DAY = {"type": "string", "format": "date"}


@dataclass(frozen=True, slots=True)
class Period:
    """Days in Vietnam, both included; what makes a line; and for whom, who may read something at least."""

    first: date
    last: date
    by: str
    reader: Reader


def period_parameters(by: Sequence[str]) -> list[dict[str, Any]]:
    """As they stand in the description of the API; the first of `by` is the default."""
    return [
        parameter("from", "ngày đầu / the first day", DAY, required=True),
        parameter("to", "ngày cuối / the last day", DAY, required=True),
        parameter("by", "một dòng cho mỗi / a line for each", {"type": "string", "enum": list(by), "default": by[0]}),
    ]


def read_period(by: Sequence[str], most: int) -> Period:
    """What the request asks for, at most so many days. Raises `BadRequest` with every fault of the days, `Forbidden`."""
    given, who = parameters("from", "to", "by"), reader()
    line = one_of(given, "by", by) or by[0]
    faults: list[Fault] = []
    first, last = _day(given, "from", faults), _day(given, "to", faults)
    if first and last and not timedelta(0) <= last - first < timedelta(days=most):
        words = f"phải cách from từ 0 đến {most - 1} ngày", f"must lie 0 to {most - 1} days after from"
        faults.append(Fault("?to", "parameter", *words))
    if faults or first is None or last is None:
        raise BadRequest(faults)
    if who.reads == "none":
        words = f"đối tác {who.partner} không được đọc", f"partner {who.partner} may not read"
        raise Forbidden.of("", "may-not-read", *words)
    return Period(first, last, line, who)


def _day(given: Mapping[str, str], name: str, faults: list[Fault]) -> date | None:
    text = given.get(name, "")
    try:
        day = date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text or not 1990 <= day.year <= 2100:
        words = (
            f"{name} phải là ngày như 2026-01-31, từ 1990 đến 2100",
            f"{name} must be a day such as 2026-01-31, 1990 to 2100",
        )
        faults.append(Fault(f"?{name}", "parameter", *words))
        return None
    return day
