"""GET /dossiers/{code}"""

from __future__ import annotations

from flask import Response

from gateway.ledger import queries
from gateway.ledger.messages import histories
from gateway.web.api import api
from gateway.web.here import answer, gateway, parameters, plain, reader, unknown_dossier
from gateway.web.openapi import CODE, answers, with_parameters
from gateway.web.shapes import DossierAnswer
from gateway.web.standing import tell_standing


@api.get(
    "/dossiers/<code>",
    summary="Hồ sơ đang ở đâu, mỗi hệ thống đang tin gì / where a dossier stands, and what each system believes",
    operation_id="readDossier",
    responses=answers(400, 401, 404, _200=(DossierAnswer, "hồ sơ / the dossier")),
    openapi_extensions=with_parameters(CODE),
)
@plain
def read_dossier(code: str) -> Response:
    parameters()
    here = gateway()
    with here.ledger.read() as connection:
        row = queries.dossier_row(connection, code, reader())
        if row is None:
            raise unknown_dossier()
        standing = tell_standing(here, connection, row)
        told = histories(connection, [code])[code]
    clocks = here.reckoner.reckon(told, here.now())
    return answer(
        standing
        | {
            "clocks": clocks.as_json() if clocks is not None else None,
            "body": queries.read_body(row),
        }
    )
