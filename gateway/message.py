"""The message: immutable, wrapped once at the door, the same everywhere after."""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID


def new_id() -> str:
    """A UUIDv7: unique, and sorted by the time it was made (RFC 9562)."""
    milliseconds = time.time_ns() // 1_000_000
    value = (
        (milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | secrets.randbits(12) << 64
        | 0b10 << 62
        | secrets.randbits(62)
    )
    return str(UUID(int=value))


def utc_now() -> datetime:
    """The time now, aware, in UTC. Everything that needs the time takes a callable of this shape."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Message:
    """One stored message.

    `seq` is the ledger's number (rising, not without gaps), `id` ours, `source` the partner that sent it, `source_id` the sender's id.
    `body` is the canonical message as JSON (instants are strings in UTC). `held` says why it moved nothing, if it did not.
    """

    seq: int
    id: str
    source: str
    source_id: str
    type: str
    dossier: str
    event_time: datetime
    received_time: datetime
    body: Mapping[str, Any]
    held: str | None = None
    trace: str | None = None
