"""What a contract says of plain values and zeep does not keep: the values that a type lists, its longest text, an element's fixed value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from lxml import etree

from gateway.soap.names import XS

_SCHEMA, _SIMPLE, _COMPLEX, _ELEMENT, _RESTRICTION, _VALUE, _LONGEST = (
    f"{{{XS}}}{name}"
    for name in ("schema", "simpleType", "complexType", "element", "restriction", "enumeration", "maxLength")
)


class Facets:
    """As parts of a JSON Schema: `enum`, `maxLength`, `const`. Types are named in Clark's notation."""

    def __init__(self, documents: Iterable[etree._Element]) -> None:
        self._simple: dict[str, etree._Element] = {}
        self._elements: dict[tuple[str, str], list[etree._Element]] = {}
        for schema in (schema for root in documents for schema in root.iter(_SCHEMA)):
            space = schema.get("targetNamespace", "")
            for one in schema.iterchildren(_SIMPLE):
                self._simple[_clark(space, str(one.get("name")))] = one
            for one in schema.iter(_COMPLEX):
                self._read_complex(space, one)

    def of_type(self, name: str) -> Mapping[str, Any]:
        """Of a simple type by its name."""
        return self._restricted(self._simple.get(name), set())

    def of_element(self, owner: str, name: str) -> Mapping[str, Any]:
        """Of an element in the type `owner`: its fixed value, or what its own type without a name says."""
        found = self._elements.get((owner, name), [])
        if len(found) != 1:  # types without a name share that of their element: which is meant is not known
            return {}
        if (fixed := found[0].get("fixed")) is not None:
            return {"const": fixed}
        return self._restricted(found[0].find(_SIMPLE), set())

    def _read_complex(self, space: str, kind: etree._Element) -> None:
        parent = kind.getparent()
        name = kind.get("name") or (parent.get("name") if parent is not None else None)
        for element in kind.iter(_ELEMENT):
            inside = next(above for above in element.iterancestors(_COMPLEX))
            if name and inside is kind and element.get("name"):
                self._elements.setdefault((_clark(space, name), str(element.get("name"))), []).append(element)

    def _restricted(self, kind: etree._Element | None, seen: set[str]) -> Mapping[str, Any]:
        restriction = kind.find(_RESTRICTION) if kind is not None else None
        if restriction is None:
            return {}
        if values := [str(one.get("value")) for one in restriction.iterchildren(_VALUE)]:
            return {"enum": values}
        longest = restriction.find(_LONGEST)
        if longest is not None and longest.get("value", "").isdecimal():
            return {"maxLength": int(longest.get("value", ""))}
        prefix, _, local = restriction.get("base", "").rpartition(":")
        base = _clark(restriction.nsmap.get(prefix or None) or "", local)
        return {} if base in seen else self._restricted(self._simple.get(base), seen | {base})


def _clark(space: str, name: str) -> str:
    return f"{{{space}}}{name}" if space else name
