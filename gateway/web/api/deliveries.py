"""GET /deliveries"""

from __future__ import annotations

from flask import Response

from gateway.ledger import queries
from gateway.web.api import api
from gateway.web.here import answer, cursor, gateway, number, one_of, parameters, plain, reader, write_cursor
from gateway.web.openapi import AFTER, answers, limit, parameter, with_parameters
from gateway.web.rows import delivery
from gateway.web.shapes import DeliveryPage

MOST, USUAL = 500, 100
STATES = ("waiting", "in_doubt", "parked", "delivered", "cancelled")


@api.get(
    "/deliveries",
    summary="Các lượt gửi / deliveries: those to the caller, and those of dossiers it may read",
    operation_id="listDeliveries",
    responses=answers(400, 401, _200=(DeliveryPage, "một trang, cũ trước / a page, oldest first")),
    openapi_extensions=with_parameters(
        parameter("state", "trạng thái / state", {"type": "string", "enum": list(STATES)}),
        parameter("destination", "gửi tới / to whom", {"type": "string"}),
        parameter("dossier", "mã hồ sơ / dossier code", {"type": "string"}),
        AFTER,
        limit(MOST, USUAL),
    ),
)
@plain
def list_deliveries() -> Response:
    given = parameters("state", "destination", "dossier", "limit", "after")
    after, most = cursor(given), number(given, "limit", USUAL, MOST)
    with gateway().ledger.read() as connection:
        page = queries.deliveries_page(
            connection,
            reader(),
            after=after,
            limit=most,
            state=one_of(given, "state", STATES),
            destination=one_of(given, "destination", gateway().config.partners),
            dossier=given.get("dossier"),
        )
    return answer({"items": [delivery(row) for row in page.rows], "next": write_cursor(page.upto), "more": page.more})
