"""What a sender is told, whichever door it came through: the receipt, or the problem document (RFC 9457) with every fault found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.dossiers.algebra import HELD
from gateway.errors import Refused
from gateway.ports import Accepted


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
        "warnings": list(accepted.warnings),
        "doubts": [fault.as_json() for fault in accepted.doubts],
    }


def held(reason: str | None) -> Mapping[str, str] | None:
    """Why a message moved nothing, in words; None when it did move."""
    if reason is None:
        return None
    detail, detail_en = HELD[reason]
    return {"reason": reason, "detail": detail, "detail_en": detail_en}


def problem(refused: Refused, instance: str) -> dict[str, Any]:
    """The problem document of a refusal. `instance` is where it was refused."""
    return problem_document(
        refused.status, refused.kind, refused.title, refused.title_en, instance, [f.as_json() for f in refused.faults]
    )


def problem_document(
    status: int, kind: str, title: str, title_en: str, instance: str, faults: Sequence[Mapping[str, str]]
) -> dict[str, Any]:
    return {
        "type": f"urn:lienthong:problem:{kind}",
        "title": title,
        "title_en": title_en,
        "status": status,
        "detail": "; ".join(f["detail"] for f in faults) or title,
        "detail_en": "; ".join(f["detail_en"] for f in faults) or title_en,
        "instance": instance,
        "faults": list(faults),
    }
