"""Ledger rows as the shapes that callers read. Used by several operations."""

from __future__ import annotations

from typing import Any

from gateway.config import Config
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
    partner = config.partners.get(system)
    return {"name": partner.name if partner else system, "name_en": partner.name_en if partner else system}
