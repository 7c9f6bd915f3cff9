"""GET /messages/{id}"""

from __future__ import annotations

from flask import Response

from gateway.errors import NotFound
from gateway.flow.answers import held
from gateway.ledger import queries
from gateway.web.api import api
from gateway.web.here import answer, gateway, parameters, plain, reader
from gateway.web.openapi import answers, parameter, with_parameters
from gateway.web.rows import delivery
from gateway.web.shapes import MessageAnswer


@api.get(
    "/messages/<message>",
    summary="Một bản tin và các lượt gửi của nó / a message and its deliveries",
    operation_id="readMessage",
    responses=answers(400, 401, 404, _200=(MessageAnswer, "bản tin / the message")),
    openapi_extensions=with_parameters(
        parameter("message", "id trong biên nhận / the receipt's id", {"type": "string"}, "path", True)
    ),
)
@plain
def read_message(message: str) -> Response:
    parameters()
    with gateway().ledger.read() as connection:
        row = queries.message_row(connection, message, reader())
        if row is None:
            words = "không có bản tin này", "there is no such message"
            raise NotFound.of("", "unknown-message", *words)
        deliveries = queries.deliveries_for(connection, row.seq)
    return answer(
        {
            "id": row.id,
            "source": row.source,
            "source_id": row.source_id,
            "type": row.type,
            "dossier": row.dossier,
            "event_time": row.event_time,
            "received_time": row.received_time,
            "held": held(row.held),
            "because": row.because,
            "mapping": row.mapping,
            "trace": row.trace,
            "deliveries": [delivery(d) for d in deliveries],
            "body": queries.read_body(row),
        }
    )
