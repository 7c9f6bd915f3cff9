"""GET /dossiers/{code}"""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.flow.answers import held
from gateway.ledger import queries
from gateway.web.api import api
from gateway.web.here import answer, gateway, parameters, plain, reader, unknown_dossier
from gateway.web.openapi import CODE, answers, with_parameters
from gateway.web.rows import delivery, names
from gateway.web.shapes import DossierAnswer


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
    with gateway().ledger.read() as connection:
        row = queries.dossier_row(connection, code, reader())
        if row is None:
            raise unknown_dossier()
        beliefs = queries.beliefs_of(connection, code)
        undone = queries.deliveries_of(connection, code, undone=True)
        kept = queries.held_of(connection, code)
    return answer(
        {
            "dossier": row.code,
            "owner": row.owner,
            "origin": row.origin,
            "status": _stand(row),
            "agreed": not undone and all(b.status == row.status for b in beliefs),
            "beliefs": [_belief(b, row.status) for b in beliefs],
            "deliveries": [delivery(d) for d in undone],
            "held": [_held(h) for h in kept],
            "body": queries.read_body(row),
        }
    )


def _stand(row: Any) -> dict[str, Any]:
    status = gateway().config.statuses[row.status]
    return {
        "code": row.status,
        "name": status.name,
        "name_en": status.name_en,
        "since": row.status_time,
        "due_at": row.due_at,
    }


def _belief(row: Any, status: int) -> dict[str, Any]:
    return {
        "system": row.system,
        **names(gateway().config, row.system),
        "status": row.status,
        "since": row.since,
        "message": row.message,
        "how": row.how,
        "agrees": row.status == status,
    }


def _held(row: Any) -> dict[str, Any]:
    return {
        "message": row.id,
        "type": row.type,
        "source": row.source,
        "status": queries.read_body(row).get("status"),
        "event_time": row.event_time,
        "received_time": row.received_time,
        **(held(row.held) or {}),
    }
