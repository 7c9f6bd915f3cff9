"""How a dossier stands and what each system believes of it, told alike by REST and SOAP."""

from __future__ import annotations

from typing import Any

from gateway.dossiers.axes import as_json, read_axes
from gateway.dossiers.beliefs import agree, lay_out
from gateway.flow.answers import held
from gateway.flow.gateway import Gateway
from gateway.ledger import believing, queries
from gateway.web.rows import belief, delivery


def tell_standing(here: Gateway, connection: Any, row: Any) -> dict[str, Any]:
    """`row`: the dossier's, which the caller may read. The fields that `DossierAnswer` begins with."""
    config = here.config
    material = believing.gather(connection, row.code)
    undone = queries.deliveries_of(connection, row.code, undone=True)
    kept = queries.held_of(connection, row.code)
    sides = lay_out(material, row.status, [h.source for h in kept], config, here.now())
    axes = read_axes(material, row.status, sides, config.postal)
    return {
        "dossier": row.code,
        "owner": row.owner,
        "origin": row.origin,
        "status": tell_status(here, row),
        "agreed": not undone and agree(sides),
        "beliefs": [belief(config, side) for side in sides],
        "axes": as_json(axes, config.statuses, config.postal),
        "deliveries": [delivery(d) for d in undone],
        "held": [_held(h) for h in kept],
    }


def tell_status(here: Gateway, row: Any) -> dict[str, Any]:
    status = here.config.statuses[row.status]
    return {
        "code": row.status,
        "name": status.name,
        "name_en": status.name_en,
        "since": row.status_time,
        "due_at": row.due_at,
    }


def _held(row: Any) -> dict[str, Any]:
    return {
        "message": row.id,
        "type": row.type,
        "source": row.source,
        "status": queries.read_body(row).get("status"),
        "event_time": row.event_time,
        "received_time": row.received_time,
        **(held(row.held) or {}),
    }
