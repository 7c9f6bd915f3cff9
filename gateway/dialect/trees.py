"""XML as JSON and back, by local names: a child is a field, a repeated child a list, an attribute `@name`, text beside them `#text`."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from typing import Any, TypeGuard

from lxml import etree

from gateway.errors import Refused
from gateway.xml import write_xml

Element = etree._Element
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def is_element(value: Any) -> TypeGuard[Element]:
    return isinstance(value, Element)


def text_of(element: Element) -> str:
    return (element.text or "").strip()


def local_name(tag: Any) -> str:
    return str(tag).rpartition("}")[2]


def child(element: Element, name: str) -> Any:
    """The child of that local name, a list where it is repeated, the attribute for `@name`; None when there is none."""
    if name.startswith("@"):
        return next((str(value) for key, value in element.attrib.items() if local_name(key) == name[1:]), None)
    found = [one for one in element if local_name(one.tag) == name]
    return found[0] if len(found) == 1 else found or None


def read_tree(element: Element, lists: Collection[str] = ()) -> Any:
    """The element as JSON, its texts as texts. The elements named in `lists` are lists even where they stand alone."""
    fields: dict[str, Any] = {f"@{local_name(name)}": str(value) for name, value in element.attrib.items()}
    for one in element:
        name, value = local_name(one.tag), read_tree(one, lists)
        if name not in fields:
            fields[name] = [value] if name in lists else value
        elif isinstance(fields[name], list):
            fields[name].append(value)
        else:
            fields[name] = [fields[name], value]
    text = text_of(element)
    if not fields:
        return text
    return {**fields, "#text": text} if text else fields


def write_tree(name: str, value: Any) -> str:
    """JSON as an XML document whose root is `name`. Raises `Refused` for a name or a character that XML cannot carry."""
    return write_xml(_written(name, value, "")).decode()


def _written(name: str, value: Any, where: str) -> Element:
    if not _NAME.fullmatch(name):
        raise Refused.of(where, "not-xml-name", f"{name[:60]!r} không phải tên XML", f"{name[:60]!r} is no XML name")
    element = etree.Element(name)
    if not isinstance(value, dict):
        element.text = _plain(value, where)
        return element
    for key, inner in value.items():
        place = f"{where}/{key}"
        if key.startswith("@") and _NAME.fullmatch(key[1:]):
            element.set(key[1:], _plain(inner, place))
        elif key == "#text":
            element.text = _plain(inner, place)
        else:
            element.extend([_written(key, one, place) for one in (inner if isinstance(inner, list) else [inner])])
    return element


def _plain(value: Any, where: str) -> str:
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    if isinstance(value, dict | list) or _NOT_XML.search(text):
        raise Refused.of(where, "not-xml-text", "XML không chứa được giá trị này", "XML cannot carry this value")
    return text
