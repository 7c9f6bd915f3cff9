"""POST /dossiers/{code}/statuses"""

from __future__ import annotations

from flask import Response

from gateway.errors import Fault
from gateway.web.api import api
from gateway.web.here import json_body, plain
from gateway.web.openapi import CODE, IDEMPOTENCY, TAKEN, answers, body, ref, with_parameters
from gateway.web.receipts import accept, of_type


@api.post(
    "/dossiers/<code>/statuses",
    summary="Báo trạng thái mới / say that a dossier moved",
    description="`type` (StatusChanged) and `dossier` may be left out: they are filled in from the path. An event that comes late or is not "
    "lawful is stored and answered 202 with `held` saying why; it moves nothing and is not forwarded.",
    operation_id="changeStatus",
    request_body=body(ref("StatusChanged"), "StatusChanged"),
    responses=answers(400, 401, 403, 404, 408, 409, 413, 415, 422, 429, 507, **TAKEN),
    openapi_extensions=with_parameters(CODE, IDEMPOTENCY),
)
@plain
def change_status(code: str) -> Response:
    content, raw = json_body()
    content, faults = of_type(content, "StatusChanged")
    if isinstance(content, dict):
        if "dossier" not in content:
            content = {**content, "dossier": code}
        elif content["dossier"] != code:
            words = "khác mã hồ sơ trên đường dẫn", "differs from the dossier in the path"
            faults = (*faults, Fault("/dossier", "differs-from-path", *words))
    return accept(content, raw, faults)
