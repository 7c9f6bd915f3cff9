"""Ledger rows as the shapes that callers read. Used by several operations."""

from __future__ import annotations

from typing import Any

from gateway.config import Config
from gateway.dossiers.beliefs import CITIZENS, HOW, Side
from gateway.web.here import write_cursor


def delivery(row: Any) -> dict[str, Any]:
    return {
        "id": write_cursor(row.id),
        "message": row.message,
        "type": row.type,
        "dossier": row.dossier,
        "destination": row.destination,
        "state": row.state,
        "duplicate": row.duplicate,
        "reason": row.reason,
        "code": row.code,
        "attempts": row.attempts,
        "asks": row.asks,
        "reference": row.reference,
        "created_at": row.created_at,
        "ended_at": row.ended_at,
    }


def names(config: Config, system: str) -> dict[str, str]:
    """A system's name in both languages; its id when its partner file is gone."""
    if system in CITIZENS:
        return dict(zip(("name", "name_en"), CITIZENS[system], strict=True))
    partner = config.partners.get(system)
    return {"name": partner.name if partner else system, "name_en": partner.name_en if partner else system}


def belief(config: Config, side: Side) -> dict[str, Any]:
    how, how_en = HOW[side.how]
    step = side.next
    return {
        "system": side.system,
        **names(config, side.system),
        "status": side.status,
        "sub_status": side.sub_status,
        "since": side.since,
        "message": side.message,
        "how": side.how,
        "sure": how,
        "sure_en": how_en,
        "asked_at": side.asked_at,
        "theirs": side.theirs,
        "finding": side.finding,
        "agrees": side.agrees,
        "next": None
        if step is None
        else {"what": step.what, "at": step.at, "words": step.words, "words_en": step.words_en},
    }
