"""What each system believes of one dossier, and what is under way to it: the material of `gateway.dossiers.beliefs`. Nothing here writes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, select

from gateway.ledger.tables import OPEN, asked, beliefs, breakers, deliveries, differences, lanes, messages


@dataclass(frozen=True, slots=True)
class Material:
    """All by system. `beliefs` with `sub_status`, from the message that proves it; `heads`: the oldest open delivery of a lane, with the
    lane's `due_at`, `lease_until` and its destination's `breaker` and `probe_at`."""

    beliefs: Mapping[str, Any]
    asked: Mapping[str, Any]
    differences: Mapping[str, Any]
    heads: Mapping[str, Any]


def gather(connection: Connection, code: str) -> Material:
    """Of the dossier `code`."""
    said = select(beliefs, messages.c.body).join(messages, messages.c.id == beliefs.c.message, isouter=True)
    open_differences = select(differences).where(differences.c.dossier == code, differences.c.ended_at.is_(None))
    heads = (
        select(
            deliveries.c.id, deliveries.c.destination, deliveries.c.state, deliveries.c.reason,
            lanes.c.due_at, lanes.c.lease_until, breakers.c.state.label("breaker"), breakers.c.probe_at,
        )
        .join(lanes, and_(lanes.c.destination == deliveries.c.destination, lanes.c.dossier == deliveries.c.dossier))
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .outerjoin(breakers, breakers.c.destination == deliveries.c.destination)
        .where(messages.c.dossier == code, deliveries.c.state.in_(OPEN))  # by the messages: deliveries have no index of the dossier
        .order_by(deliveries.c.message_seq.desc())
    )  # fmt: skip
    return Material(
        {row.system: row for row in connection.execute(said.where(beliefs.c.dossier == code))},
        {row.system: row for row in connection.execute(select(asked).where(asked.c.dossier == code))},
        {row.system: row for row in connection.execute(open_differences)},
        {row.destination: row for row in connection.execute(heads)},
    )


def sub_status(row: Any) -> str | None:
    """Of a row of `Material.beliefs`: the sub-status in the message that proves it."""
    found: str | None = json.loads(row.body).get("sub_status") if row.body else None
    return found
