"""The fields of an XSD, as a JSON Schema of names: enough to say which there are and which must be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.errors import Misconfigured, Refused
from gateway.xml import read_xml

_XS = "{http://www.w3.org/2001/XMLSchema}"
_DEEPEST = 24  # a type may hold itself


def schema_of_xsd(file: Path) -> dict[str, Any]:
    """Its first global element with everything beneath; attributes as `@name`. What it includes lies beside it. Raises `Misconfigured`."""
    return _Reader(file).schema()


class _Reader:
    def __init__(self, file: Path) -> None:
        self._file = file
        self._named: dict[tuple[str, str], etree._Element] = {}
        self._roots: list[etree._Element] = []
        self._load(file, set())

    def schema(self) -> dict[str, Any]:
        first = self._roots[0].find(f"{_XS}element")
        if first is None:
            raise Misconfigured(f"{self._file}: has no element at its top")
        return {"type": "object", "properties": {str(first.get("name")): self._element(first, 0)}}

    def _load(self, file: Path, seen: set[Path]) -> None:
        if file in seen:
            return
        seen.add(file)
        try:
            root = read_xml(file.read_bytes())
        except (OSError, Refused) as error:
            raise Misconfigured(f"{file}: cannot be read: {error}") from error
        self._roots.append(root)
        for child in root.iterchildren(etree.Element):
            if child.get("name"):
                self._named.setdefault((str(child.tag), str(child.get("name"))), child)
            if child.tag in (f"{_XS}include", f"{_XS}import") and child.get("schemaLocation"):
                self._load(file.parent / str(child.get("schemaLocation")), seen)

    def _element(self, node: etree._Element, depth: int) -> dict[str, Any]:
        node = self._named.get((str(node.tag), _local(node.get("ref"))), node)
        kind = node.find(f"{_XS}complexType")
        if kind is None:
            kind = self._named.get((f"{_XS}complexType", _local(node.get("type"))))
        if kind is None or depth > _DEEPEST:
            return {"type": "string"}
        schema: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
        for name, one, required, many in self._content(kind, depth, True):
            schema["properties"][name] = {"type": "array", "items": one} if many else one
            schema["required"] += [name] if required else []
        return schema if schema["properties"] else {"type": "string"}

    def _content(
        self, node: etree._Element, depth: int, sure: bool
    ) -> Iterator[tuple[str, dict[str, Any], bool, bool]]:
        """The fields of a type or group: name, schema, whether it must be there, whether it may be several."""
        for child in node.iterchildren(etree.Element):
            there = sure and child.get("minOccurs") != "0"
            if child.tag == f"{_XS}element":
                many = child.get("maxOccurs", "1") not in ("0", "1")
                yield _local(child.get("name") or child.get("ref")), self._element(child, depth + 1), there, many
            elif child.tag == f"{_XS}attribute":
                yield (
                    "@" + _local(child.get("name") or child.get("ref")),
                    {"type": "string"},
                    child.get("use") == "required",
                    False,
                )
            elif child.tag in (f"{_XS}extension", f"{_XS}group", f"{_XS}attributeGroup"):
                tag = f"{_XS}complexType" if child.tag == f"{_XS}extension" else str(child.tag)
                base = self._named.get((tag, _local(child.get("base") or child.get("ref"))))
                yield from self._content(base, depth + 1, there) if base is not None and depth < _DEEPEST else ()
                yield from self._content(child, depth, there)
            elif child.tag != f"{_XS}annotation":
                yield from self._content(child, depth, there and child.tag != f"{_XS}choice")


def _local(name: str | None) -> str:
    return (name or "").rpartition(":")[2]
