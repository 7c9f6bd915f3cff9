"""JSON as XML and back, by one rule: an element is a field, named as the field; a list is its element repeated.

A name that is no plain XML name stands in `name`, as in `<_ name="10">`. XML knows no types, so back to JSON a JSON Schema says what each
element is; what it does not know is a fault, and an element without content is a field that is absent.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from lxml import etree

from gateway.canonical import TYPES
from gateway.errors import Fault, Refused
from mappings.engine.paths import escape
from mappings.engine.schemas import plain

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
Node = Mapping[str, Any]


def write_element(name: str, value: Any, pointer: str = "") -> etree._Element:
    """A JSON value as an element. Raises `Refused` for a character that XML cannot carry."""
    if _NAME.fullmatch(name) and not name.lower().startswith("xml"):
        element = etree.Element(name)
    else:
        element = etree.Element("_", {"name": _clean(name, pointer)})
    if isinstance(value, dict):
        for key, inner in value.items():
            below = pointer + escape(key)
            for i, one in enumerate(inner if isinstance(inner, list) else [inner]):
                if one is not None:
                    element.append(write_element(key, one, f"{below}/{i}" if isinstance(inner, list) else below))
    elif isinstance(value, list):
        raise Refused.of(pointer, "list-in-list", "danh sách trong danh sách", "a list within a list has no XML form")
    else:
        element.text = _clean(value, pointer) if isinstance(value, str) else json.dumps(value)
    return element


def _clean(text: str, pointer: str) -> str:
    if _NOT_XML.search(text):
        raise Refused.of(
            pointer, "not-xml-text", "có ký tự mà XML không chứa được", "holds a character that XML cannot carry"
        )
    return text


class Reading:
    """One element read as JSON: `value`, `faults`, and where each element stands (`pointers`)."""

    def __init__(self, element: etree._Element, schema: Node) -> None:
        self.faults: list[Fault] = []
        self.pointers: dict[etree._Element, str] = {}
        self._schema = schema
        self.value = self._read(element, [*plain(schema, schema)], "")

    def _read(self, element: etree._Element, nodes: list[Node], pointer: str) -> Any:
        """None: nothing is in it."""
        self.pointers[element] = pointer
        if any("properties" in node or node.get("type") == "object" for node in nodes):
            return self._object(element, nodes, pointer)
        text = element.text or ""
        if len(element) or (element.attrib and set(element.attrib) != {"name"}):
            self._fault(
                pointer, "not-plain", "phải là một giá trị", "must be a plain value, without elements and attributes"
            )
            return None
        return (
            self._scalar(text, {str(node.get("type", "string")) for node in nodes}, pointer) if text.strip() else None
        )

    def _object(self, element: etree._Element, nodes: list[Node], pointer: str) -> Any:
        if (element.text or "").strip() or any((child.tail or "").strip() for child in element):
            self._fault(pointer, "not-an-object", "phải gồm các phần tử con", "must hold elements, not text")
        groups: dict[str, list[etree._Element]] = {}
        for child in element:
            groups.setdefault(child.get("name") or etree.QName(child).localname, []).append(child)
        made = {}
        for name, children in groups.items():
            value = self._field(children, list(self._below(nodes, name)), pointer + escape(name))
            if value is not None:
                made[name] = value
        return made or None

    def _field(self, children: list[etree._Element], nodes: list[Node], pointer: str) -> Any:
        if not nodes:
            self._fault(pointer, "unknown-field", "lược đồ không có trường này", "the schema has no such field")
            return None
        items = [
            item for node in nodes if node.get("type") == "array" for item in plain(self._schema, node.get("items", {}))
        ]
        if items:
            values = [self._read(child, items, f"{pointer}/{i}") for i, child in enumerate(children)]
            if None in values:
                self._fault(f"{pointer}/{values.index(None)}", "missing", "thiếu giá trị", "the value is missing")
            return [value for value in values if value is not None]
        if len(children) > 1:
            self._fault(pointer, "repeated", "trường này chỉ có một", "the field stands more than once")
            return None
        return self._read(children[0], nodes, pointer)

    def _below(self, nodes: list[Node], name: str) -> Iterator[Node]:
        for node in nodes:
            if name in node.get("properties", {}):
                yield from plain(self._schema, node["properties"][name])
            elif isinstance(node.get("additionalProperties"), dict):
                yield from plain(self._schema, node["additionalProperties"])

    def _scalar(self, text: str, types: set[str], pointer: str) -> Any:
        if "string" in types:
            return text
        try:
            value = json.loads(text.strip())
        except ValueError:
            value = None
        kinds = {"boolean": bool, "integer": int, "number": float}
        if value.__class__ in {kinds[t] for t in types if t in kinds} or (value.__class__ is int and "number" in types):
            return value
        wanted = "/".join(sorted(types))
        self._fault(pointer, "wrong-type", f"phải là {wanted}", f"must be of the type {wanted}")
        return None

    def _fault(self, pointer: str, code: str, detail: str, detail_en: str) -> None:
        self.faults.append(Fault(pointer, code, f"{pointer or '/'}: {detail}", f"{pointer or '/'}: {detail_en}"))


def read_message(element: etree._Element) -> Reading:
    """A canonical message, whose type names the root: `<StatusChanged>…`."""
    kind = etree.QName(element).localname
    if kind not in TYPES:
        known = ", ".join(TYPES)
        raise Refused.of(
            "",
            "unknown-type",
            f"{kind} không phải loại bản tin; có: {known}",
            f"{kind} is no message type; known: {known}",
        )
    reading = Reading(element, TYPES[kind].model_json_schema())
    if isinstance(reading.value, dict):
        reading.value = {"type": kind, **reading.value}
    return reading
