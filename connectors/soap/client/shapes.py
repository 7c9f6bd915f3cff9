"""The shape of an element, as its contract declares it: a JSON document written as XML, and XML read as JSON.

One rule both ways: an element is a field named as the element, without its namespace; a repeatable element is a list, always; an attribute
is a field with `@` before its name, and beside attributes the text is `#text`. What is read stays text, as on the wire; nil is absent.
What the contract does not know is kept when reading and refused when writing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from gateway.errors import Fault, Refused
from gateway.soap.names import XSI

TEXT = "#text"
NIL = f"{{{XSI}}}nil"
_KNOWN_SHOWN = 12


@dataclass(slots=True)
class Shape:
    """What may stand in an element. `open`: anything; then it is read as it comes, and cannot be written from JSON.

    `sample`: a text that its type takes. `told`: what the contract says of the text, as a JSON Schema.
    """

    fields: dict[str, Field] = field(default_factory=dict)
    attributes: dict[str, str] = field(default_factory=dict)  # "@name" → name in Clark's notation
    text: bool = False
    open: bool = False
    sample: str = ""
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Field:
    """One element: its name in Clark's notation, and what it holds. `told`: what the contract says of it beyond its type, as a JSON Schema."""

    tag: str
    shape: Shape
    many: bool = False
    nillable: bool = False
    needed: bool = False
    told: Mapping[str, Any] = field(default_factory=dict)


ANYTHING = Shape(text=True, open=True)
_PLAIN = Shape(text=True)

# ── JSON → XML ──────────────────────────────────────────────────────────────────────────────────────────────────

_Place = tuple[Any, str | int] | None
"""A place in the document, from the inside out; made into a pointer only when something is wrong there."""


def write(one: Field, document: Any, prefixes: Mapping[str, str]) -> etree._Element:
    """The element of this field. Raises `Refused` with every fault; XML schema rules are not its work."""
    root = etree.Element(one.tag, nsmap=dict(prefixes))
    faults: list[Fault] = []
    _fill(root, one.shape, document, None, faults)
    if faults:
        raise Refused(faults)
    return root


def _fill(element: etree._Element, shape: Shape, value: Any, place: _Place, faults: list[Fault]) -> None:
    if isinstance(value, str) and shape.text:
        _set_text(element, value, place, faults)
    elif isinstance(value, dict) and (shape.fields or shape.attributes or not shape.text):
        _fill_fields(element, shape, value, place, faults)
    elif isinstance(value, dict | list):
        found = "một danh sách" if isinstance(value, list) else "một đối tượng"
        found_en = "a list" if isinstance(value, list) else "an object"
        _fault(faults, place, "one-value", f"cần một giá trị, gặp {found}", f"one value belongs here, not {found_en}")
    elif value is None:
        return
    elif shape.text:
        element.text = json.dumps(value)  # true, false and numbers are written in XML as in JSON
    else:
        known = _known(shape)
        _fault(faults, place, "an-object", f"cần một đối tượng: {known}", f"an object belongs here: {known}")


def _fill_fields(
    element: etree._Element, shape: Shape, value: Mapping[str, Any], place: _Place, faults: list[Fault]
) -> None:
    for key, name in shape.attributes.items():
        if value.get(key) is not None:
            held = etree.Element("a")
            _fill(held, _PLAIN, value[key], (place, key), faults)
            element.set(name, held.text or "")
    if shape.text:
        _fill(element, _PLAIN, value.get(TEXT), (place, TEXT), faults)
    for key, child in shape.fields.items():  # in the contract's order, whatever the document's
        if key in value:
            inner = value[key]
            if child.many and isinstance(inner, list):
                for number, item in enumerate(inner):
                    _add(element, child, item, ((place, key), number), faults)
            else:
                _add(element, child, inner, (place, key), faults)
    for key in value.keys() - shape.fields.keys() - shape.attributes.keys() - ({TEXT} if shape.text else set()):
        known = _known(shape)
        words = f"hợp đồng không có trường này; có: {known}", f"the contract has no such field; it has {known}"
        _fault(faults, (place, key), "unknown-field", *words)


def _add(parent: etree._Element, one: Field, value: Any, place: _Place, faults: list[Fault]) -> None:
    if value is not None:
        _fill(etree.SubElement(parent, one.tag), one.shape, value, place, faults)
    elif one.nillable:
        etree.SubElement(parent, one.tag).set(NIL, "true")


def _set_text(element: etree._Element, value: str, place: _Place, faults: list[Fault]) -> None:
    try:
        element.text = value
    except ValueError:  # lxml takes only what XML can carry
        words = "có ký tự mà XML không chứa được", "holds a character that XML cannot carry"
        _fault(faults, place, "not-xml-text", *words)


def _known(shape: Shape) -> str:
    names = [*shape.fields, *shape.attributes]
    return ", ".join(names[:_KNOWN_SHOWN]) + (" …" if len(names) > _KNOWN_SHOWN else "") if names else "–"


def _fault(faults: list[Fault], place: _Place, code: str, detail: str, detail_en: str) -> None:
    pointer = ""
    while place is not None:
        place, key = place
        pointer = f"/{str(key).replace('~', '~0').replace('/', '~1')}{pointer}"
    faults.append(Fault(pointer, code, f"{pointer or '/'}: {detail}", f"{pointer or '/'}: {detail_en}"))


# ── XML → JSON ──────────────────────────────────────────────────────────────────────────────────────────────────


def read(element: etree._Element, shape: Shape = ANYTHING) -> Any:
    """What the element holds: an object, a text, or None when it is nil. Its depth is bounded by whoever parsed it."""
    if element.get(NIL) in ("true", "1"):
        return None
    found: dict[str, Any] = {}
    for name, text in element.attrib.items():
        if etree.QName(name).namespace != XSI:
            found[f"@{etree.QName(name).localname}"] = text
    for child in element:
        _read_child(found, child, shape)
    text = element.text or ""
    if found or len(element) or (shape.fields and not text.strip()):
        return {**found, TEXT: text} if text.strip() else found
    return text


def _read_child(found: dict[str, Any], child: etree._Element, shape: Shape) -> None:
    key = etree.QName(child).localname
    known = shape.fields.get(key)
    value = read(child, known.shape if known is not None else ANYTHING)
    if known is not None and known.many:
        if value is not None:
            found.setdefault(key, []).append(value)
    elif key not in found:
        if value is not None:
            found[key] = value
    elif isinstance(found[key], list):  # the contract says one, the partner says several: none is lost
        found[key].append(value)
    else:
        found[key] = [found[key], value]
