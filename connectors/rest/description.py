"""An OpenAPI document (3.x, or Swagger 2) as a new partner's description: its calls, and for each a document that its request could be."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
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
_MOST_PLACES = 100_000
_MOST_BYTES = 8 << 20


class _Words(yaml.BaseLoader):
    """As strings only: a code such as 00166 in an example must stay what it is. Without aliases: a few lines of them can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("bí danh (*tên) không được dùng · aliases are not taken")
        return super().compose_node(parent, index)


class _Sampling:
    """Invents documents for what a description describes, within bounds for all of them together."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self._document = document
        self._left = _MOST_PLACES

    def of(self, node: Mapping[str, Any], above: Sequence[Mapping[str, Any]] = ()) -> Any:
        """A value of this type; `above` are the types that it stands in. Raises `Misconfigured` when it is all too much."""
        self._left -= 1
        if self._left < 0:
            words = f"quá {_MOST_PLACES} chỗ trong các mẫu · more than {_MOST_PLACES} places in the samples"
            raise Misconfigured(words)
        node = _at(self._document, node)
        if "example" in node or "default" in node:
            return node.get("example", node.get("default"))
        if node.get("enum"):
            return node["enum"][0]
        fields = dict(self._fields(node, [*above, node]))
        if fields:
            return fields
        if node.get("type") == "array":
            inner = _at(self._document, node.get("items", {}))
            return [] if _stands_in(inner, above) else [self.of(inner, [*above, node])]
        if node.get("type") == "object":
            return {}
        plain = {"integer": 0, "number": 0, "boolean": False}
        return plain.get(str(node.get("type")), _SAMPLES.get(str(node.get("format")), "–"))

    def _fields(self, node: Mapping[str, Any], above: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, Any]]:
        """Of the object, and of all that it is made of; without those that would hold it again."""
        for part in [*node.get("allOf", []), *node.get("oneOf", [])[:1], *node.get("anyOf", [])[:1]]:
            made = _at(self._document, part)
            if not _stands_in(made, above):
                yield from self._fields(made, [*above, made])
        for name, inner in node.get("properties", {}).items():
            if not _stands_in(_at(self._document, inner), above):
                yield name, self.of(inner, above)


def _stands_in(node: Mapping[str, Any], above: Sequence[Mapping[str, Any]]) -> bool:
    return len(above) > _DEEPEST or any(node is one for one in above)


def describe(file: Path) -> Description:
    """Raises `Misconfigured`."""
    document = _load(file)
    sampling = _Sampling(document)
    if not isinstance(document.get("paths"), dict):
        raise Misconfigured(f"{file}: không có paths: không phải OpenAPI · no paths in it: not an OpenAPI document")
    offers = [
        _offer(document, sampling, method, path, call)
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
        found = json.loads(text) if text.lstrip()[:1] == "{" else _typed(yaml.load(text, Loader=_Words))  # noqa: S506
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


def _offer(document: Mapping[str, Any], sampling: _Sampling, method: str, path: str, call: Mapping[str, Any]) -> Offer:
    name = str(call.get("operationId") or f"{method.upper()} {path}")
    row = {"method": method.upper(), "path": re.sub(r"\{([^{}]+)\}", r"{/\1}", urlsplit(path).path)}
    told = _request(document, call)
    if told is None:
        return Offer(name, row, None)
    schema = dict(told.get("schema", {}))
    sample = told["example"] if "example" in told else sampling.of(schema)
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
