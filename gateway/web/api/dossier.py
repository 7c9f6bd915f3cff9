"""GET /dossiers/{code}"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flask import Response

from gateway.dossiers.axes import as_json, read_axes
from gateway.dossiers.beliefs import agree, lay_out
from gateway.flow.answers import held
from gateway.ledger import believing, queries
from gateway.ledger.messages import histories
from gateway.message import Message
from gateway.web.api import api
from gateway.web.here import answer, gateway, parameters, plain, reader, unknown_dossier
from gateway.web.openapi import CODE, answers, with_parameters
from gateway.web.rows import belief, delivery
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
        material = believing.gather(connection, code)
        undone = queries.deliveries_of(connection, code, undone=True)
        kept = queries.held_of(connection, code)
        told = histories(connection, [code])[code]
    sources = [h.source for h in kept]
    config = gateway().config
    sides = lay_out(material, row.status, sources, config, gateway().now())
    axes = read_axes(material, row.status, sides, config.postal)
    return answer(
        {
            "dossier": row.code,
            "owner": row.owner,
            "origin": row.origin,
            "status": _stand(row),
            "agreed": not undone and agree(sides),
            "beliefs": [belief(config, side) for side in sides],
            "axes": as_json(axes, config.statuses, config.postal),
            "deliveries": [delivery(d) for d in undone],
            "held": [_held(h) for h in kept],
            "clocks": _clocks(told),
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


def _clocks(told: Sequence[Message]) -> dict[str, Any] | None:
    clocks = gateway().reckoner.reckon(told, gateway().now())
    return clocks.as_json() if clocks is not None else None


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
