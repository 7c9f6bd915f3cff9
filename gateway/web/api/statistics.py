"""GET /statistics"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta

from flask import Response

from gateway.dossiers.statistics import BY, gather_statistics
from gateway.errors import BadRequest, Fault, Forbidden
from gateway.web.api import api
from gateway.web.costly import costly
from gateway.web.here import answer, gateway, one_of, parameters, plain, reader
from gateway.web.openapi import answers, parameter, with_parameters
from gateway.web.shapes import StatisticsAnswer

MOST_DAYS = 3660
DAY = {"type": "string", "format": "date"}


@api.get(
    "/statistics",
    summary="Thống kê / statistics of some days, of the dossiers that the caller may read",
    description="Days in Vietnam's time, both included. `received` counts in the period of a dossier's first reception, `resolved` in that of its "
    "end; what had not ended at `as_of` is `open`. Shares are percentages: early, on_time, in_time, late and overdue of `judged`; online, postal and "
    "supplemented of `received`; satisfied of `ratings`.",
    operation_id="readStatistics",
    responses=answers(400, 401, 403, 429, _200=(StatisticsAnswer, "số liệu / the figures")),
    openapi_extensions=with_parameters(
        parameter("from", "ngày đầu / the first day", DAY, required=True),
        parameter("to", "ngày cuối / the last day", DAY, required=True),
        parameter("by", "một dòng cho mỗi / a line for each", {"type": "string", "enum": list(BY), "default": "agency"}),
    ),
)  # fmt: skip
@plain
def read_statistics() -> Response:
    given = parameters("from", "to", "by")
    by, here, who = one_of(given, "by", BY) or "agency", gateway(), reader()
    first, last = days(given, MOST_DAYS)
    if who.reads == "none":
        words = f"đối tác {who.partner} không được đọc", f"partner {who.partner} may not read"
        raise Forbidden.of("", "may-not-read", *words)
    with costly():
        found = gather_statistics(here.ledger, here.config, here.codes, who, first, last, by, here.now())
    return answer(found.as_json())


def days(given: Mapping[str, str], most: int) -> tuple[date, date]:
    """`from` and `to`, at most so many days. Raises `BadRequest` with every fault."""
    faults: list[Fault] = []
    first, last = _day(given, "from", faults), _day(given, "to", faults)
    if first and last and not timedelta(0) <= last - first < timedelta(days=MOST_DAYS):
        words = f"phải cách from từ 0 đến {MOST_DAYS} ngày", f"must lie 0 to {MOST_DAYS} days after from"
        faults.append(Fault("?to", "parameter", *words))
    if faults or first is None or last is None:
        raise BadRequest(faults)
    return first, last


def _day(given: Mapping[str, str], name: str, faults: list[Fault]) -> date | None:
    text = given.get(name, "")
    try:
        day = date.fromisoformat(text) if len(text) == 10 else None
    except ValueError:
        day = None
    if day is None or not 1990 <= day.year <= 2100:
        words = (
            f"{name} phải là ngày như 2026-01-31, từ 1990 đến 2100",
            f"{name} must be a day such as 2026-01-31, 1990 to 2100",
        )
        faults.append(Fault(f"?{name}", "parameter", *words))
        return None
    return day
