"""GET /statistics"""

from __future__ import annotations

from flask import Response

from gateway.dossiers.statistics import BY, gather_statistics
from gateway.web.api import api
from gateway.web.api.period import period_parameters, read_period
from gateway.web.costly import costly
from gateway.web.here import answer, gateway, plain
from gateway.web.openapi import answers, with_parameters
from gateway.web.shapes import StatisticsAnswer

MOST_DAYS = 3660


@api.get(
    "/statistics",
    summary="Thống kê / statistics of some days, of the dossiers that the caller may read",
    description="Days in Vietnam's time, both included. `received` counts in the period of a dossier's first reception, `resolved` in that of its "
    "end; what had not ended at `as_of` is `open`. Shares are percentages: early, on_time, in_time, late and overdue of `judged`; online, postal and "
    "supplemented of `received`; satisfied of `ratings`.",
    operation_id="readStatistics",
    responses=answers(400, 401, 403, 429, _200=(StatisticsAnswer, "số liệu / the figures")),
    openapi_extensions=with_parameters(*period_parameters(BY)),
)
@plain
def read_statistics() -> Response:
    here, period = gateway(), read_period(BY, MOST_DAYS)
    first, last = period.first, period.last
    with costly():
        found = gather_statistics(
            here.ledger, here.config, here.codes, period.reader, first, last, period.by, here.now()
        )
    return answer(found.as_json())
