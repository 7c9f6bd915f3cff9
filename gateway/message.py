"""The message: immutable, wrapped once at the door, the same everywhere after."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID


def name_message(source: str, source_id: str, at: datetime) -> str:
    """Our id of what `source` calls `source_id`: a UUIDv7 (RFC 9562) of the moment `at`, its other bits a digest of the sender's name for it.

    Named, not drawn by lot: a message that comes again after a copy of the ledger was put back gets the id under which partners know it.
    """
    milliseconds = int(at.timestamp() * 1000)
    bits = int.from_bytes(hashlib.sha256(f"{source}\0{source_id}".encode()).digest())
    value = (
        (milliseconds & (1 << 48) - 1) << 80
        | 0x7 << 76
        | (bits & (1 << 12) - 1) << 64
        | 0b10 << 62
        | (bits >> 12 & (1 << 62) - 1)
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
