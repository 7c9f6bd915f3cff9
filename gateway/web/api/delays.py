"""GET /dossiers/{code}/delays and GET /delays"""

from __future__ import annotations

from flask import Response

from gateway.errors import Forbidden
from gateway.flow.delays import Explainer
from gateway.flow.lateness import BY, Names, delay_json, gather_lateness, lateness_json
from gateway.ledger import queries
from gateway.web.api import api
from gateway.web.api.statistics import DAY, days
from gateway.web.costly import costly
from gateway.web.here import answer, gateway, one_of, parameters, plain, reader, unknown_dossier
from gateway.web.openapi import CODE, answers, parameter, with_parameters
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
    openapi_extensions=with_parameters(
        parameter("from", "ngày đầu / the first day", DAY, required=True),
        parameter("to", "ngày cuối / the last day", DAY, required=True),
        parameter("by", "một dòng cho mỗi / a line for each", {"type": "string", "enum": list(BY), "default": "owner"}),
    ),
)  # fmt: skip
@plain
def read_delays() -> Response:
    given = parameters("from", "to", "by")
    by, here, who = one_of(given, "by", BY) or "owner", gateway(), reader()
    first, last = days(given, MOST_DAYS)
    if who.reads == "none":
        words = f"đối tác {who.partner} không được đọc", f"partner {who.partner} may not read"
        raise Forbidden.of("", "may-not-read", *words)
    with costly():
        found = gather_lateness(here, here.ledger, who, first, last, by, here.now())
    return answer(lateness_json(found, Names(here)))
