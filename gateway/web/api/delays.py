"""GET /dossiers/{code}/delays and GET /delays"""

from __future__ import annotations

from flask import Response

from gateway.flow.delays import Explainer
from gateway.flow.lateness import BY, Names, delay_json, gather_lateness, lateness_json
from gateway.ledger import queries
from gateway.web.api import api
from gateway.web.api.period import period_parameters, read_period
from gateway.web.costly import costly
from gateway.web.here import answer, gateway, parameters, plain, reader, unknown_dossier
from gateway.web.openapi import CODE, answers, with_parameters
from gateway.web.shapes import DelayAnswer, DelaysAnswer

MOST_DAYS = 93  # each dossier due in them is looked at: a whole year's is for the command


@api.get(
    "/dossiers/<code>/delays",
    summary="Phút của ai: từng khoảng thời gian của hồ sơ / whose minutes: each stretch of a dossier's time, its owner and its proofs",
    operation_id="readDelay",
    responses=answers(400, 401, 404, _200=(DelayAnswer, "từng khoảng và kết luận / the stretches and the verdict")),
    openapi_extensions=with_parameters(CODE),
)
@plain
def read_delay(code: str) -> Response:
    parameters()
    here = gateway()
    now = here.now()
    with here.ledger.read() as connection:
        if queries.dossier_row(connection, code, reader()) is None:
            raise unknown_dossier()
        found = Explainer(here, connection, now).one(code)
    return answer(delay_json(found, Names(here), now))


@api.get(
    "/delays",
    summary="Trễ tại bàn hay trễ trên đường truyền / late on a desk or on the wire, of the dossiers that the caller may read",
    description="Of dossiers due in some days of Vietnam's, both included. `minutes` and `worked` (in office hours) are of late dossiers, until the "
    "end was known. By `owner`, `agency` or `destination`.",
    operation_id="readDelays",
    responses=answers(400, 401, 403, 429, _200=(DelaysAnswer, "số liệu / the figures")),
    openapi_extensions=with_parameters(*period_parameters(BY)),
)
@plain
def read_delays() -> Response:
    here, period = gateway(), read_period(BY, MOST_DAYS)
    first, last = period.first, period.last
    with costly():
        found = gather_lateness(here, here.ledger, period.reader, first, last, period.by, here.now())
    return answer(lateness_json(found, Names(here)))
