"""Speaks CloudEvents over AMQP: one event, its attributes and its routing key, as one publication."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gateway.canonical.cloudevents import EXCHANGE, event_type, schema_of, source_of, write_headers
from gateway.ports import Publication


def routing_key(organisation: str, procedure: str, status: str) -> str:
    """``dossier.<organisation>.<procedure>.<status>``. A dot parts words there, so those inside a code are written as dashes."""
    return ".".join(word.replace(".", "-") for word in (EXCHANGE, organisation, procedure, status))


def write_event(
    *,
    key: str,
    kind: str,
    source: str,
    subject: str,
    time: str,
    trace: str | None,
    data: Mapping[str, Any],
    routing: str,
) -> Publication:
    """Binary mode. `key` is the event's id: the same, however often it is published. `time`: RFC 3339; `trace`: a W3C traceparent."""
    headers = write_headers(
        {
            "specversion": "1.0",
            "id": key,
            "source": source_of(source),
            "type": event_type(kind),
            "subject": subject,
            "time": time,
            "dataschema": schema_of(kind),
            "traceparent": trace,
        }
    )
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()
    return Publication(EXCHANGE, routing, body, key, headers=headers)
