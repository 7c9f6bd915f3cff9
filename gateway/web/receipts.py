"""From a canonical body that came to the receipt that goes: what `POST /dossiers`, `/statuses` and `/messages/batch` share."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from gateway.errors import Fault, Refused
from gateway.flow.accept import Acceptance
from gateway.flow.answers import receipt
from gateway.flow.validate import shape_faults
from gateway.ports import Submission
from gateway.web.bodies import idempotency_key
from gateway.web.here import answer, caller, gateway, trace


def accept(body: Any, raw: bytes, own: tuple[Fault, ...] = ()) -> Response:
    """Commit one message and answer 202, or 200 when it was accepted before. `own` are faults found already: all are told together."""
    key = idempotency_key(request)
    if own:
        raise Refused([*own, *shape_faults(body)])
    accepted = Acceptance(gateway(), caller().partner).one(submission(body, raw), key=key, trace=trace())
    location = {"Location": f"/api/v1/messages/{accepted.id}"}
    return answer(receipt(accepted), 200 if accepted.repeated else 202, location)


def submission(body: Any, raw: bytes) -> Submission:
    """What a caller sent, for accept. A body without a usable id is refused there, before the id is used."""
    given = body.get("id") if isinstance(body, dict) else None
    return Submission(given if isinstance(given, str) else "", body, raw)


def of_type(body: Any, wanted: str) -> tuple[Any, tuple[Fault, ...]]:
    """The body with its type filled in when it is absent; a fault when it is another."""
    if not isinstance(body, dict) or body.get("type") == wanted:
        return body, ()
    if "type" not in body:
        return {**body, "type": wanted}, ()
    words = (
        f"ở đây chỉ nhận {wanted}; bản tin khác gửi ở /messages/batch",
        f"only {wanted} is taken here; others go to /messages/batch",
    )
    return {**body, "type": wanted}, (Fault("/type", "wrong-type", *words),)
