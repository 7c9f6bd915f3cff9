"""The JSON Schema of the view, the document that outbound mappings read (built by the spine from a dossier's messages)."""

from __future__ import annotations

from typing import Any

from gateway.canonical import TYPES, Fee, ResultPaper

_TEXT = {"type": "string"}


def view_schema(*types: str) -> dict[str, Any]:
    """The view of a message of one of `types` (none given: of any type). Raises KeyError for a name that is no type."""
    defs: dict[str, Any] = {}
    messages = [_body(name, defs) for name in (types or tuple(TYPES))]
    return {
        "type": "object",
        "properties": {
            "message": {"anyOf": messages},
            "meta": _object("id", "type", "source", "received_time"),
            "dossier": _body("DossierSubmitted", defs),
            "current_status": {"type": "integer"},
            "moments": _object(*[str(status) for status in range(1, 11)]),
            "first_moments": _object(*[str(status) for status in range(1, 11)]),
            "results": {"type": "array", "items": _part(ResultPaper.model_json_schema(), defs)},
            "supplements": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {
                        "request": _body("SupplementRequested", defs),
                        "provided": _body("SupplementProvided", defs),
                    },
                },
            },
            "fees": {"type": "array", "items": _part(Fee.model_json_schema(), defs)},
            "payments": {"type": "array", "items": _body("PaymentPaid", defs)},
        },
        "$defs": defs,
    }


def _object(*names: str) -> dict[str, Any]:
    return {"type": "object", "properties": dict.fromkeys(names, _TEXT)}


def _body(name: str, defs: dict[str, Any]) -> dict[str, Any]:
    return _part(TYPES[name].model_json_schema(), defs)


def _part(schema: dict[str, Any], defs: dict[str, Any]) -> dict[str, Any]:
    # The models share their parts' names and shapes, so one set of definitions serves them all.
    defs.update(schema.pop("$defs", {}))
    return schema
