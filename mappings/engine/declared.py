"""The schemas on both sides of a map: the view's, the canonical model's, a file of the folder, or what the samples show."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gateway.canonical import TYPES
from gateway.errors import Misconfigured
from mappings.engine.mapping import YamlMapping
from mappings.engine.rules import Constant
from mappings.engine.schemas import Schema, infer
from mappings.engine.targets import Value
from mappings.engine.view import view_schema

SAMPLES = "samples"
TARGET = "out.schema.json"


def source_schema(source: str, folder: Path) -> Schema:
    """Of `view`, `view(Type, Type)`, `samples` (what every in.json beside the map shows) or a file of the folder. Raises `Misconfigured`."""
    if match := re.fullmatch(r"view(?:\(([\w, ]+)\))?", source):
        try:
            return view_schema(*[name.strip() for name in (match[1] or "").split(",") if name.strip()])
        except KeyError as error:
            raise Misconfigured(f"{folder}: source: there is no message type {error}") from error
    if source == SAMPLES:
        return infer([_read(file) for file in sorted((folder / "samples").glob("*/in.json"))])
    schema: Mapping[str, Any] = _read(folder / source)
    return schema


def target_schema(mapping: YamlMapping) -> Schema | None:
    """Of the canonical type that the map makes, or out.schema.json; None: nothing is known of the target. Raises `Misconfigured`."""
    if mapping.target == "canonical":
        kind = canonical_type(mapping)
        return TYPES[kind].model_json_schema() if kind else None
    file = mapping.folder / TARGET
    schema: Schema | None = _read(file) if file.exists() else None
    return schema


def canonical_type(mapping: YamlMapping) -> str | None:
    """As the line `type: = "…"` says it."""
    line = mapping.fields.fields.get("type")
    if isinstance(line, Value) and isinstance(source := line.rule.sources[0], Constant) and source.value in TYPES:
        return str(source.value)
    return None


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(f"{file}: cannot be read as JSON: {error}") from error
