"""What a twin holds a document against: a small part of JSON Schema, from a file or made of samples."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Schema = Mapping[str, Any]
_KINDS: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "boolean": (bool,),
    "integer": (int,),
    "number": (int, float),
    "null": (type(None),),
}


def faults_in(value: Any, schema: Schema, root: Schema | None = None, pointer: str = "") -> Iterator[str]:
    """What is wrong, a line each: type, enum, const, required, additionalProperties: false, maxLength, pattern, items, anyOf, local $ref."""
    root = schema if root is None else root
    schema = _followed(schema, root)
    kinds = _listed(schema.get("type", []))
    if kinds and not any(_is(value, kind) for kind in kinds):
        yield f"{pointer or '/'}: must be {'/'.join(map(str, kinds))}"
        return
    choices = schema.get("anyOf") or schema.get("oneOf")
    if choices and all(any(faults_in(value, one, root, pointer)) for one in choices):
        yield f"{pointer or '/'}: fits none of the choices"
    if "enum" in schema and value not in schema["enum"]:
        yield f"{pointer or '/'}: must be one of {schema['enum']}"
    if "const" in schema and value != schema["const"]:
        yield f"{pointer or '/'}: must be {schema['const']!r}"
    if isinstance(value, str):
        yield from _text_faults(value, schema, pointer)
    if isinstance(value, list) and isinstance(schema.get("items"), dict):
        for number, one in enumerate(value):
            yield from faults_in(one, schema["items"], root, f"{pointer}/{number}")
    if isinstance(value, dict):
        yield from _object_faults(value, schema, root, pointer)


def _text_faults(value: str, schema: Schema, pointer: str) -> Iterator[str]:
    if len(value) > schema.get("maxLength", len(value)) or len(value) < schema.get("minLength", 0):
        yield f"{pointer or '/'}: too long or too short"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{pointer or '/'}: does not have the form {schema['pattern']}"


def _object_faults(value: dict[str, Any], schema: Schema, root: Schema, pointer: str) -> Iterator[str]:
    known = schema.get("properties", {})
    yield from (f"{pointer}/{name}: is missing" for name in schema.get("required", ()) if name not in value)
    for name, one in value.items():
        if name in known:
            yield from faults_in(one, known[name], root, f"{pointer}/{name}")
        elif schema.get("additionalProperties") is False:
            yield f"{pointer}/{name}: is not known"


def schema_of(samples: Sequence[Any]) -> dict[str, Any]:
    """The narrowest schema that all samples fit: the fields of all are wanted, those of some are allowed, others are not known."""
    kinds = sorted({_kind(one) for one in samples})
    schema: dict[str, Any] = {"type": kinds}
    objects = [one for one in samples if isinstance(one, dict)]
    if objects:
        names = sorted({name for one in objects for name in one})
        schema["properties"] = {name: schema_of([one[name] for one in objects if name in one]) for name in names}
        schema["required"] = [name for name in names if all(name in one for one in objects)]
        schema["additionalProperties"] = False
    inner = [item for one in samples if isinstance(one, list) for item in one]
    if inner:
        schema["items"] = schema_of(inner)
    return schema


def _followed(schema: Schema, root: Schema) -> Schema:
    for _ in range(16):
        place = schema.get("$ref")
        if not isinstance(place, str) or not place.startswith("#/"):
            return schema
        found: Any = root
        for part in place[2:].split("/"):
            found = found[part]
        schema = found
    return schema


def _is(value: Any, kind: Any) -> bool:
    right = isinstance(value, _KINDS.get(str(kind), (object,)))
    return right and (not isinstance(value, bool) or kind == "boolean")


def _kind(value: Any) -> str:
    return next(
        name for name in ("boolean", "integer", "number", "string", "array", "object", "null") if _is(value, name)
    )


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
