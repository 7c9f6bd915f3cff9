"""From a canonical body that came to the receipt that goes: what `POST /dossiers`, `/statuses` and `/messages/batch` share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask import Response, request

from gateway.dossiers.algebra import HELD
from gateway.errors import Fault, Refused
from gateway.flow.accept import Acceptance
from gateway.flow.validate import read_canonical
from gateway.ports import Accepted, Submission
from gateway.web.bodies import idempotency_key
from gateway.web.here import answer, caller, gateway, trace


def accept(body: Any, raw: bytes, own: tuple[Fault, ...] = ()) -> Response:
    """Commit one message and answer 202, or 200 when it was accepted before. `own` are faults found already: all are told together."""
    key = idempotency_key(request)
    if own:
        raise Refused([*own, *_further(body)])
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


def _further(body: Any) -> tuple[Fault, ...]:
    try:
        read_canonical(body)
    except Refused as refused:
        return refused.faults
    return ()


def receipt(accepted: Accepted) -> dict[str, Any]:
    return {
        "id": accepted.id,
        "source": accepted.source,
        "source_id": accepted.source_id,
        "type": accepted.type,
        "dossier": accepted.dossier,
        "received_time": accepted.received_time,
        "destinations": list(accepted.destinations),
        "held": held(accepted.held),
        "repeated": accepted.repeated,
    }


def held(reason: str | None) -> Mapping[str, str] | None:
    """Why a message moved nothing, in words; None when it did move."""
    if reason is None:
        return None
    detail, detail_en = HELD[reason]
    return {"reason": reason, "detail": detail, "detail_en": detail_en}
