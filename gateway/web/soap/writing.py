"""From an answer to elements, by the shapes of the contract."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from lxml import etree

from gateway.canonical.scalars import write_instant
from gateway.soap.names import TYPES
from gateway.web.soap.shapes import Entries, Record

_UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # what XML 1.0 has no way to write


def write(name: str, record: Record, content: Mapping[str, Any]) -> etree._Element:
    """The element `name` of the contract. A field that is None is left out."""
    element = etree.Element(f"{{{TYPES}}}{name}", nsmap={"lt": TYPES})
    _fill(element, record, content)
    return element


def _fill(element: etree._Element, record: Record, content: Mapping[str, Any]) -> None:
    for name, field in record.fields.items():
        value = content.get(name)
        for one in value if field.many and value is not None else [value]:
            if one is None:
                continue
            child = etree.SubElement(element, f"{{{TYPES}}}{name}")
            if isinstance(field.node, Record):
                _fill(child, field.node, one)
            elif isinstance(field.node, Entries):
                _write_entries(child, one)
            else:
                child.text = write_text(one)


def _write_entries(element: etree._Element, content: Mapping[str, str]) -> None:
    for name, value in content.items():
        entry = etree.SubElement(element, f"{{{TYPES}}}entry")
        etree.SubElement(entry, f"{{{TYPES}}}name").text = write_text(name)
        etree.SubElement(entry, f"{{{TYPES}}}value").text = write_text(value)


def write_text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return write_instant(value)
    return _UNWRITABLE.sub("\ufffd", str(value))
