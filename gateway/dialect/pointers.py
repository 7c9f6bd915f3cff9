"""Places in a document: JSON pointers (RFC 6901). In XML a segment is a child's local name, `@name` an attribute; the root has no name.

A `*` stands for every element of a list where `every` reads it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

from pydantic import AfterValidator

from gateway.dialect.trees import child, is_element, text_of


def _checked(pointer: str) -> str:
    if pointer and not pointer.startswith("/"):
        raise ValueError(
            f'{pointer!r}: phải là "" hoặc bắt đầu bằng / · must be "" or begin with /, such as "/data/id"'
        )
    return pointer


Pointer = Annotated[str, AfterValidator(_checked)]


def escape(part: str) -> str:
    """A name as one segment of a pointer."""
    return part.replace("~", "~0").replace("/", "~1")


def parts_of(pointer: str) -> list[str]:
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def at(document: Any, pointer: str) -> Any:
    """What stands there; None when nothing does, and for null. An element without children is its text."""
    for part in parts_of(pointer):
        document = _below(document, part)
        if document is None:
            return None
    return text_of(document) if is_element(document) and not len(document) and pointer else document


def text_at(document: Any, pointer: str) -> str | None:
    """The plain value there as text, numbers and truth values as JSON writes them. None: absent, blank, or not plain."""
    value = at(document, pointer)
    if is_element(value):
        value = None if len(value) else text_of(value)
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    return value if isinstance(value, str) and value.strip() else None


def list_at(document: Any, pointer: str) -> list[Any]:
    """The list there; one thing that is no list is a list of one (XML cannot tell), nothing is none."""
    value = at(document, pointer)
    if isinstance(value, list):
        return value
    return [] if value is None or value == "" else [value]


def every(document: Any, pointer: str) -> Iterator[tuple[Any, str | int, str]]:
    """Each place that the pointer names and that holds something: the dict or list, the key in it, and the place's own pointer."""
    *before, last = parts_of(pointer)
    found: list[tuple[Any, str]] = [(document, "")]
    for part in before:
        found = [(inner, place) for value, where in found for inner, _, _, place in _named(value, part, where)]
    for value, where in found:
        for inner, holder, key, place in _named(value, last, where):
            if inner is not None:
                yield holder, key, place


def put(document: Any, pointer: str, value: Any) -> Any:
    """A new document: `value` at `pointer`, beside what `document` (an object or None) holds."""
    if not pointer:
        return value
    first, *rest = parts_of(pointer)
    below = "".join("/" + escape(part) for part in rest)
    if first == "0" and not isinstance(document, dict):  # the first of a list
        listed = document if isinstance(document, list) else []
        return [put(listed[0] if listed else None, below, value), *listed[1:]]
    holder = document if isinstance(document, dict) else {}
    return {**holder, first: put(holder.get(first), below, value)}


def without(document: Any, pointer: str) -> Any:
    """A new document that lacks what stands there; what follows it in a list moves up."""
    first, *rest = parts_of(pointer)
    below = "".join("/" + escape(part) for part in rest)
    if isinstance(document, list):
        named = [first in ("*", str(number)) for number in range(len(document))]
        kept = [(one, here) for one, here in zip(document, named, strict=True) if rest or not here]
        return [without(one, below) if here else one for one, here in kept]
    if not isinstance(document, dict) or first not in document:
        return document
    if not rest:
        return {name: value for name, value in document.items() if name != first}
    return {**document, first: without(document[first], below)}


def _below(document: Any, part: str) -> Any:
    if isinstance(document, dict):
        return document.get(part)
    if isinstance(document, list):
        return document[int(part)] if part.isdecimal() and len(part) < 8 and int(part) < len(document) else None
    return child(document, part) if is_element(document) else None


def _named(value: Any, part: str, where: str) -> Iterator[tuple[Any, Any, Any, str]]:
    """(what is there, its holder, its key, its pointer)"""
    if isinstance(value, list) and part == "*":
        yield from ((one, value, i, f"{where}/{i}") for i, one in enumerate(value))
    elif isinstance(value, dict) and part in value:
        yield value[part], value, part, f"{where}/{part}"


def has(document: Any, pointer: str) -> bool:
    """Is there such a place, be it empty or null?"""
    *before, last = parts_of(pointer) or [""]
    holder = at(document, "".join("/" + escape(part) for part in before))
    if not pointer:
        return document is not None
    return last in holder if isinstance(holder, dict) else _below(holder, last) is not None
