"""How two systems compare a day's dossiers without naming one: their number, and a digest over all codes and statuses."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import date, datetime


def day_of(code: str) -> date | None:
    """The day in a dossier's code (`…-yymmdd-…`), the same for both sides; None where it names no day."""
    parts = code.split("-")
    try:
        return datetime.strptime(parts[-2], "%y%m%d").date()  # noqa: DTZ007 - a day, no moment
    except (IndexError, ValueError):
        return None


def digest_of(statuses: Mapping[str, int]) -> str:
    """SHA-256, in hex, over a line ``<code> <status>`` for each dossier, by their codes, each ended by a line feed."""
    lines = "".join(f"{code} {status}\n" for code, status in sorted(statuses.items()))
    return hashlib.sha256(lines.encode()).hexdigest()
