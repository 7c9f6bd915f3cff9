"""An OpenAPI document (3.x, or Swagger 2) as a new partner's description: its calls, and for each a document that its request could be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from gateway.errors import Misconfigured
from gateway.ports import Description, Offer

_METHODS = ("post", "put", "patch", "get", "delete")
_SAMPLES = {
    "date-time": "2026-01-05T08:00:00+07:00",
    "date": "2026-01-05",
    "uuid": "00000000-0000-4000-8000-000000000000",
    "email": "nguyen.van.mau@example.vn",
}
_NUMBERS = {"maxLength", "minLength", "maxItems", "minItems"}
_FLAGS = {"additionalProperties", "nullable"}
_DEEPEST = 12
_MOST_BYTES = 8 << 20


def describe(file: Path) -> Description:
    """Raises `Misconfigured`."""
    document = _load(file)
    if not isinstance(document.get("paths"), dict):
        raise Misconfigured(f"{file}: không có paths: không phải OpenAPI · no paths in it: not an OpenAPI document")
    offers = [
        _offer(document, method, path, call)
        for path, calls in document["paths"].items()
        if isinstance(calls, dict)
        for method, call in calls.items()
        if method in _METHODS and isinstance(call, dict)
    ]
    return Description(_address(document), offers, [file])


def _load(file: Path) -> dict[str, Any]:
    try:
        raw = file.read_bytes()
        if len(raw) > _MOST_BYTES:
            raise Misconfigured(f"{file}: lớn quá {_MOST_BYTES >> 20} MiB · larger than that")
        text = raw.decode("utf-8-sig")
        # As strings only: a code such as 00166 in an example must stay what it is.

        found = json.loads(text) if text.lstrip()[:1] == "{" else _typed(yaml.load(text, Loader=yaml.BaseLoader))  # noqa: S506
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        raise Misconfigured(f"{file}: không đọc được · cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise Misconfigured(f"{file}: không phải OpenAPI · not an OpenAPI document")
    return found


def _typed(node: Any) -> Any:
    """The words of JSON Schema that are numbers or yes and no, in a document that came as strings."""
    if isinstance(node, list):
        return [_typed(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {name: _typed(one) for name, one in node.items()}
    for name in _NUMBERS & made.keys():
        if isinstance(made[name], str) and made[name].isdecimal():
            made[name] = int(made[name])
    for name in _FLAGS & made.keys():
        made[name] = (
            {"true": True, "false": False}.get(made[name], made[name]) if isinstance(made[name], str) else made[name]
        )
    return made


def _address(document: Mapping[str, Any]) -> str:
    servers = document.get("servers")
    if isinstance(servers, list) and servers and isinstance(servers[0], dict):
        return str(servers[0].get("url", "")).rstrip("/")
    if "host" in document:
        scheme = (document.get("schemes") or ["https"])[0]
        return f"{scheme}://{document['host']}{document.get('basePath', '')}".rstrip("/")
    return ""


def _offer(document: Mapping[str, Any], method: str, path: str, call: Mapping[str, Any]) -> Offer:
    name = str(call.get("operationId") or f"{method.upper()} {path}")
    row = {"method": method.upper(), "path": re.sub(r"\{([^{}]+)\}", r"{/\1}", urlsplit(path).path)}
    told = _request(document, call)
    if told is None:
        return Offer(name, row, None)
    schema = dict(told.get("schema", {}))
    sample = told["example"] if "example" in told else _sample(document, schema, 0)
    named = {part: document[part] for part in ("components", "definitions") if part in document}
    return Offer(name, row, sample, {**schema, **named})  # references within it lead where they led


def _request(document: Mapping[str, Any], call: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """What is told of the request's body: its schema, perhaps an example; None when there is no body of JSON."""
    content = _at(document, call.get("requestBody") or {}).get("content", {})
    for kind, told in content.items() if isinstance(content, dict) else ():
        if "json" in kind and isinstance(told, dict):
            return told
    for parameter in call.get("parameters", []):
        if _at(document, parameter).get("in") == "body":
            return _at(document, parameter)
    return None


def _at(document: Mapping[str, Any], node: Mapping[str, Any]) -> Mapping[str, Any]:
    """The node, references within the document followed."""
    for _ in range(_DEEPEST):
        place = node.get("$ref")
        if not isinstance(place, str) or not place.startswith("#/"):
            return node
        found: Any = document
        for part in place[2:].split("/"):
            found = found.get(part.replace("~1", "/").replace("~0", "~"), {}) if isinstance(found, dict) else {}
        node = found if isinstance(found, dict) else {}
    return {}


def _sample(document: Mapping[str, Any], node: Mapping[str, Any], depth: int) -> Any:
    node = _at(document, node)
    if "example" in node or "default" in node:
        return node.get("example", node.get("default"))
    if node.get("enum"):
        return node["enum"][0]
    fields = dict(_fields(document, node, depth))
    if fields:
        return fields
    if node.get("type") == "array":
        return [_sample(document, node.get("items", {}), depth + 1)] if depth < _DEEPEST else []
    if node.get("type") == "object":
        return {}
    plain = {"integer": 0, "number": 0, "boolean": False}
    return plain.get(str(node.get("type")), _SAMPLES.get(str(node.get("format")), "–"))


def _fields(document: Mapping[str, Any], node: Mapping[str, Any], depth: int) -> Iterator[tuple[str, Any]]:
    """Of the object, and of all that it is made of."""
    if depth >= _DEEPEST:
        return
    for part in [*node.get("allOf", []), *node.get("oneOf", [])[:1], *node.get("anyOf", [])[:1]]:
        yield from _fields(document, _at(document, part), depth + 1)
    for name, inner in node.get("properties", {}).items():
        yield name, _sample(document, inner, depth + 1)
