"""GET /dossiers/{code}/kpi"""

from __future__ import annotations

from flask import Response

from gateway.ledger import queries
from gateway.ledger.messages import histories
from gateway.web.api import api
from gateway.web.here import answer, gateway, parameters, plain, reader, unknown_dossier
from gateway.web.openapi import CODE, answers, with_parameters
from gateway.web.shapes import KpiAnswer


@api.get(
    "/dossiers/<code>/kpi",
    summary="Hồ sơ mất điểm ở đâu theo QĐ 766 / where a dossier loses points by the national index",
    operation_id="readKpi",
    responses=answers(400, 401, 404, _200=(KpiAnswer, "từng quy tắc / each rule")),
    openapi_extensions=with_parameters(CODE),
)
@plain
def read_kpi(code: str) -> Response:
    parameters()
    here = gateway()
    with here.ledger.read() as connection:
        if queries.dossier_row(connection, code, reader()) is None:
            raise unknown_dossier()
        told = histories(connection, [code])[code]
    now = here.now()
    return answer({"dossier": code, "as_of": now, "losses": [loss.as_json() for loss in here.losses(told, now)]})
