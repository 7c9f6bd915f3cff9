"""From elements to canonical JSON. Nothing is validated here but that it is the contract's XML: the canonical model does the rest.

Elements may come in any order (some clients write them in the order of the caller's object), each single one once.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from lxml import etree

from gateway.canonical.faults import pointer
from gateway.errors import Fault
from gateway.soap.names import DS, INCLUDE, TYPES, WSU, XMIME, XML, XSI
from gateway.web.soap.shapes import CONTENT, Entries, Field, Record, Scalar

_NIL = f"{{{XSI}}}nil"
_HARMLESS = {XSI, XML, WSU, XMIME, DS}  # attributes that say nothing of the data
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_SPACE = " \t\r\n"
NO_DIGEST = "0" * 64  # of a file that has a fault already: it is not also told to be missing


@dataclass(frozen=True, slots=True)
class Inline:
    """A file that came with the message. `target` is its file in the canonical body, `data` its bytes or the id of the part they came in."""

    target: dict[str, Any]
    pointer: str
    data: bytes | str


@dataclass
class Reading:
    """What was read of one message: its canonical body, the faults that no model can see, the files that came with it."""

    faults: list[Fault] = field(default_factory=list)
    files: list[Inline] = field(default_factory=list)

    def read(self, element: etree._Element, record: Record, path: Sequence[str | int] = ()) -> dict[str, Any]:
        found: dict[str, Any] = {}
        content: Inline | None = None
        self._check_plain(element, path)
        for child in element:
            name = self._name(child, path)
            if name is None:
                continue
            known = record.fields.get(name)
            if (name in found and not (known and known.many)) or (name == CONTENT and content is not None):
                words = "phần tử này chỉ được có một lần", "this element may stand once only"
                self._fault([*path, name], "element-twice", *words)
            elif record.file and name == CONTENT:
                content = self._content(child, found, [*path, name])
                if content is None:
                    found.setdefault("sha256", NO_DIGEST)
            elif known is not None and known.many:
                items = found.setdefault(name, [])
                items.append(self._value(child, known, [*path, name, len(items)]))
            else:
                found[name] = self._value(child, known, [*path, name])
        if content is not None:
            self.files.append(content)
        return found

    def _value(self, element: etree._Element, known: Field | None, path: Sequence[str | int]) -> Any:
        if element.get(_NIL, "").strip(_SPACE) in ("true", "1"):
            return None
        if known is None:
            return None  # the model says that there is no such field
        if isinstance(known.node, Record):
            return self.read(element, known.node, path)
        if isinstance(known.node, Entries):
            return self._entries(element, path)
        text = self._text(element, path)
        return text if text is None else _typed(text, known.node)

    def _entries(self, element: etree._Element, path: Sequence[str | int]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        self._check_plain(element, path)
        for i, entry in enumerate(element):
            here = [*path, f"entry[{i + 1}]"]
            pair: dict[str, str | None] = {}
            for child in entry:
                name = self._name(child, here)
                if name is not None:
                    pair[name] = self._text(child, here)
            name = pair.get("name")
            if entry.tag != f"{{{TYPES}}}entry" or pair.keys() != {"name", "value"} or name is None or len(entry) != 2:
                words = "phải là entry gồm name và value", "must be an entry of one name and one value"
                self._fault(path, "entry", *words)
            elif name in found:
                self._fault(path, "name-twice", f"tên {name!a} xuất hiện hai lần", f"the name {name!a} stands twice")
            else:
                found[name] = pair["value"]
        return found

    def _content(self, element: etree._Element, target: dict[str, Any], path: Sequence[str | int]) -> Inline | None:
        alone = not any(text and text.strip(_SPACE) for text in _texts(element))
        if alone and len(element) == 1 and element[0].tag == INCLUDE:
            reference = element[0].get("href", "")
            if reference.startswith("cid:"):
                return Inline(target, pointer(path), unquote(reference[4:]))
            words = "xop:Include phải trỏ đến một phần của bản tin (cid:…)", "xop:Include must name a part (cid:…)"
            self._fault(path, "include", *words)
            return None
        text = self._text(element, path)
        if text is None:
            return None
        try:
            data = base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError):
            self._fault(path, "base64", "không phải base64", "not base64")
            return None
        return Inline(target, pointer(path), data)

    def _text(self, element: etree._Element, path: Sequence[str | int]) -> str | None:
        self._check_attributes(element, path)
        if len(element):
            words = "phải là giá trị, không chứa phần tử con", "must be a value, without elements inside"
            self._fault(path, "unexpected-element", *words)
            return None
        return element.text or ""

    def _name(self, element: etree._Element, path: Sequence[str | int]) -> str | None:
        name = etree.QName(element)
        if name.namespace == TYPES:
            return name.localname
        words = (
            f"phần tử {name.localname} phải thuộc không gian tên {TYPES}",
            f"{name.localname} must be in the namespace {TYPES}",
        )
        self._fault([*path, name.localname], "wrong-namespace", *words)
        return None

    def _check_plain(self, element: etree._Element, path: Sequence[str | int]) -> None:
        self._check_attributes(element, path)
        if any(text and text.strip(_SPACE) for text in _texts(element)):
            words = "chỉ chứa phần tử con, không chứa chữ", "must hold elements only, no text"
            self._fault(path, "unexpected-text", *words)

    def _check_attributes(self, element: etree._Element, path: Sequence[str | int]) -> None:
        for name in map(etree.QName, element.attrib):
            if name.namespace not in _HARMLESS and name.localname not in ("Id", "encodingStyle"):
                words = f"không có thuộc tính {name.localname}", f"there is no attribute {name.localname}"
                self._fault(path, "unexpected-attribute", *words)

    def _fault(self, path: Sequence[str | int], code: str, detail: str, detail_en: str) -> None:
        self.faults.append(Fault(pointer(path), code, detail, detail_en))


def _texts(element: etree._Element) -> Iterator[str | None]:
    yield element.text
    for child in element:
        yield child.tail


def _typed(text: str, scalar: Scalar) -> Any:
    """What cannot be read as its type stays a text, and the canonical model says what is wrong with it."""
    bare = text.strip(_SPACE)
    if scalar.kind == "integer":
        return int(bare) if _WHOLE.fullmatch(bare) else text
    if scalar.kind == "boolean":
        return {"true": True, "1": True, "false": False, "0": False}.get(bare, text)
    return bare if "format" in scalar.rules[0] else text  # dates and times: XML Schema collapses the space around them


def xpath_of(base: str, record: Record, path: str, body: Any) -> str:
    """A JSON pointer into `body` as the XPath of the element, below `base`. Prefix `lt` is the contract's namespace."""
    steps, shape, here = [base], record, body
    tokens = iter([token.replace("~1", "/").replace("~0", "~") for token in path.split("/")[1:]])
    for token in tokens:
        known = shape.fields.get(token)
        here = here.get(token) if isinstance(here, dict) else None
        step = f"lt:{token}"
        if known is not None and known.many:
            index = next(tokens, None)
            if index is not None and index.isdigit():
                step += f"[{int(index) + 1}]"
                here = here[int(index)] if isinstance(here, list) and int(index) < len(here) else None
        elif known is not None and isinstance(known.node, Entries):
            name = next(tokens, None)
            if name is not None:
                step += (
                    f"/lt:entry[{list(here).index(name) + 1}]"
                    if isinstance(here, dict) and name in here
                    else f"/lt:{name}"
                )
        steps.append(step)
        shape = known.node if known is not None and isinstance(known.node, Record) else Record("")
    return "/".join(steps)
