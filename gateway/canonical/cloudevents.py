"""A canonical message as a CloudEvent 1.0 in an AMQP message: the names both the front door and the bus use.

Binary mode: the body is the message, the attributes are headers. The AMQP binding prefers ``cloudEvents_`` before an attribute's name
and has readers understand ``cloudEvents:`` too. `datacontenttype` is the AMQP content type.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

EXCHANGE = "dossier"  # the topic exchange of events, and the first word of their keys
STRUCTURED = "application/cloudevents"  # how the content type of structured mode begins
PREFIX = "cloudEvents_"
PREFIXES = (PREFIX, "cloudEvents:")
_TYPE, _VERSION = "vn.lienthong.dossier.", ".v1"


def event_type(kind: str) -> str:
    """``DossierSubmitted`` → ``vn.lienthong.dossier.DossierSubmitted.v1``."""
    return f"{_TYPE}{kind}{_VERSION}"


def kind_of(event: str) -> str | None:
    """The message type that an event type names, known or not; None when it is no event type of ours."""
    kind = event.removeprefix(_TYPE).removesuffix(_VERSION)
    return kind if event == event_type(kind) else None


def schema_of(kind: str) -> str:
    """The name of the message type's JSON Schema (`docs/schemas`)."""
    return f"urn:lienthong:schema:{kind}:v1"


def source_of(partner: str) -> str:
    return f"urn:lienthong:partner:{partner}"


def write_headers(attributes: Mapping[str, str | None]) -> dict[str, str]:
    """The headers of binary mode; an attribute that is None is left out."""
    return {f"{PREFIX}{name}": value for name, value in attributes.items() if value is not None}


def read_headers(headers: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes among the headers, by name."""
    return {name.removeprefix(p): value for p in PREFIXES for name, value in headers.items() if name.startswith(p)}
