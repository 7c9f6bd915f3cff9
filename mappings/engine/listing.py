"""The fields of a canonical type, or of the view, as a map writes them: path, kind, the values it may have, whether it must be there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gateway.canonical import TYPES
from gateway.errors import Misconfigured
from mappings.engine.schemas import Schema, below, plain
from mappings.engine.shapes import FORM_OF_PATTERN
from mappings.engine.view import view_schema

_DEEPEST = 12


@dataclass(frozen=True, slots=True)
class Known:
    """`needed`: it is there whenever what holds it is. `values`: all that it may be, or the form it has. `about`: what it is, if that is said."""

    path: str
    kind: str
    needed: bool
    values: str
    about: str


def list_fields(what: str) -> list[Known]:
    """Of a type, `StatusChanged`, or of the view of its messages, `view(StatusChanged)`. Raises `Misconfigured`."""
    match = re.fullmatch(r"(view\()?(\w+)\)?", what)
    if match is None or match[2] not in TYPES or (match[1] is None) == what.endswith(")"):
        raise Misconfigured(f"{what!r}: cần · wants TYPE hay · or view(TYPE); TYPE: {', '.join(TYPES)}")
    schema: Schema = view_schema(match[2]) if match[1] else TYPES[match[2]].model_json_schema()
    return list(_fields(schema, [schema], "", 0))


def _fields(root: Schema, nodes: list[Schema], above: str, depth: int) -> Iterator[Known]:
    objects = [one for node in nodes for one in plain(root, node) if "properties" in one]
    for name in dict.fromkeys(name for node in objects for name in node["properties"]):
        raw = below(root, objects, name)
        inner = [one for node in raw for one in plain(root, node) if one.get("type") != "null"]
        items = [node["items"] for node in inner if "items" in node]
        path = f"{above}{name}{'[]' if items else ''}"
        needed = path == "type" or all(name in node.get("required", ()) for node in objects)
        inside = [one for node in items or inner for one in plain(root, node)]
        yield Known(path, _kind(inner, inside), needed, _values(inside), _about([*raw, *inner]))
        if depth < _DEEPEST and any("properties" in node for node in inside):
            yield from _fields(root, inside, f"{path}.", depth + 1)


def _kind(nodes: list[Schema], inside: list[Schema]) -> str:
    said = [_KINDS.get("date-time" if n.get("format") == "date-time" else n.get("type", ""), "") for n in inside]
    kinds = "/".join(dict.fromkeys(kind for kind in said if kind)) or "–"
    return f"danh sách · list: {kinds}" if any("items" in node for node in nodes) else kinds


_KINDS = {
    "string": "chữ · text", "integer": "số · number", "number": "số · number", "boolean": "true/false", "object": "đối tượng · object",
    "date-time": "thời điểm · moment",
}  # fmt: skip


def _values(nodes: list[Schema]) -> str:
    listed: list[Any] = [v for n in nodes for v in n.get("enum", [n["const"]] if "const" in n else [])]
    if listed:
        return ", ".join(map(str, dict.fromkeys(listed)))
    forms = [FORM_OF_PATTERN[str(n["pattern"])] for n in nodes if n.get("pattern") in FORM_OF_PATTERN]
    longest = [f"≤ {n['maxLength']}" for n in nodes if "maxLength" in n]
    return ", ".join(dict.fromkeys(forms or longest))


def _about(nodes: list[Schema]) -> str:
    return next((str(node["description"]) for node in nodes if "properties" not in node and "description" in node), "")
