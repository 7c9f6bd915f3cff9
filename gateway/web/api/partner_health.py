"""GET /partners/{id}/health"""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.errors import DeliveryError, NotFound
from gateway.ledger import queries
from gateway.ledger.tables import OPEN
from gateway.web.api import api
from gateway.web.here import answer, gateway, one_of, parameters, plain, reader
from gateway.web.openapi import answers, parameter, with_parameters
from gateway.web.rows import names
from gateway.web.shapes import PartnerHealth

_CLOSED = {"state": "closed", "failures": 0, "opened_at": None, "probe_at": None, "reason": None}


@api.get(
    "/partners/<partner>/health",
    summary="Một đối tác có khỏe không / how a partner is doing, as the gateway sees it",
    description="Read from the ledger; nothing goes out, unless ask=true: then the partner itself is asked, which may take as long as it takes.",
    operation_id="readPartnerHealth",
    responses=answers(400, 401, 404, _200=(PartnerHealth, "tình trạng / its state")),
    openapi_extensions=with_parameters(
        parameter("partner", "mã đối tác / partner id", {"type": "string"}, "path", True),
        parameter("ask", "hỏi ngay đối tác / ask the partner now", {"type": "string", "enum": ["true", "false"]}),
    ),
)  # fmt: skip
@plain
def read_partner_health(partner: str) -> Response:
    given = parameters("ask")
    ask = one_of(given, "ask", ("true", "false")) == "true"
    who = reader()
    if partner not in gateway().config.partners or (who.reads != "all" and partner != who.partner):
        words = "không có đối tác này", "there is no such partner"
        raise NotFound.of("", "unknown-partner", *words)
    with gateway().ledger.read() as connection:
        backlog = queries.backlogs(connection, partner).get(partner, queries.Backlog({}, None))
        breaker = queries.breaker_rows(connection).get(partner)
    age = (gateway().now() - backlog.oldest).total_seconds() if backlog.oldest else None
    return answer(
        {
            "partner": partner,
            **names(gateway().config, partner),
            "breaker": {name: getattr(breaker, name) for name in _CLOSED} if breaker else _CLOSED,
            **{state: backlog.counts.get(state, 0) for state in OPEN},
            "oldest_undelivered_seconds": age,
            "findings": _ask(partner) if ask else None,
        }
    )


def _ask(partner: str) -> list[dict[str, Any]]:
    if not gateway().kinds[gateway().config.partners[partner].connector].delivers:
        return []
    try:
        found = gateway().outbound(partner).check()
    except DeliveryError as error:  # a check that cannot be made is an answer too
        return [{"question": "check", "ok": False, "answer": f"{error.code}: {error.reason}"}]
    return [{"question": one.question, "ok": one.ok, "answer": one.answer} for one in found]
