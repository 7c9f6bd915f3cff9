"""POST /dossiers"""

from __future__ import annotations

from flask import Response

from gateway.web.api import api
from gateway.web.here import json_body, plain
from gateway.web.openapi import IDEMPOTENCY, TAKEN, answers, body, ref, with_parameters
from gateway.web.receipts import accept, of_type


@api.post(
    "/dossiers",
    summary="Gửi hồ sơ / send a dossier, or amend one",
    description="`type` may be left out: it is DossierSubmitted. The message's `id` makes it idempotent.",
    operation_id="submitDossier",
    request_body=body(ref("DossierSubmitted"), "DossierSubmitted"),
    responses=answers(400, 401, 403, 408, 409, 413, 415, 422, 429, 507, **TAKEN),
    openapi_extensions=with_parameters(IDEMPOTENCY),
)
@plain
def submit_dossier() -> Response:
    content, raw = json_body()
    content, faults = of_type(content, "DossierSubmitted")
    return accept(content, raw, faults)
