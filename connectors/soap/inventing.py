"""Answers that a twin makes up: by where the partner's file says that codes and words stand, and by the types of the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.soap.client import Operation
from connectors.soap.client.shapes import Field, Shape
from connectors.soap.settings import Poll, SoapReading
from gateway.dialect.pointers import put
from gateway.dialect.unwrap import wrap
from gateway.errors import Misconfigured

_MOST_DEPTH = 12


def invent(reading: SoapReading, operation: Operation, code: str, text: str, reference: str) -> Any:
    """What the answer's element holds, so that `reading` finds these in it. Raises `Misconfigured`."""
    document: Any = {}
    for pointer, value in ((reading.reference, reference), (reading.text, text), (reading.code, code)):
        if pointer:
            document = put(document, pointer, value)
    return _wrapped(reading, operation, document)


def invent_page(feed: Poll, reading: SoapReading, operation: Operation, items: Sequence[Any]) -> Any:
    """A page with as many of the items as fit. Raises `Misconfigured`."""
    most = feed.page_size or len(items)
    document: Any = {}
    if feed.items is not None:
        document = put(document, feed.items.removesuffix("?"), list(items[:most]))
    if feed.more is not None:
        document = put(document, feed.more, "true" if len(items) > most else "false")
    if feed.ok and reading.code:
        document = put(document, reading.code, feed.ok[0])
    return _wrapped(reading, operation, document)


def _wrapped(reading: SoapReading, operation: Operation, document: Any) -> Any:
    inside = wrap(document, _turned(reading, operation.name)) if reading.unwrap else document
    return completed(operation.answer, inside)


def _turned(reading: SoapReading, operation: str) -> list[str]:
    """The steps that `unwrap` undoes. Raises `Misconfigured` for one that cannot be turned round."""
    made = []
    for step in reversed(reading.unwrap):
        if step not in ("json", "base64", "gzip") and not step.startswith("at "):
            raise Misconfigured(
                f"settings.twin: không tự đặt được câu trả lời cho bước · no answer can be made up for the step {step!r}: "
                f"khai · declare twin.answers.{operation}"
            )
        made.append(step)
    return made


def completed(one: Field | None, document: Any) -> Any:
    """The document with what the contract needs besides, made up by its types."""
    return None if one is None else _complete(one.shape, document, 0)


def _complete(shape: Shape, value: Any, depth: int) -> Any:
    if isinstance(value, list):
        return [_complete(shape, one, depth) for one in value]
    if not shape.fields:
        return value if value is not None or not shape.text else shape.sample
    if value is not None and not isinstance(value, dict):
        return value
    found = dict(value or {})
    for name, child in shape.fields.items():
        if name in found or (child.needed and not child.many and not child.nillable and depth < _MOST_DEPTH):
            found[name] = _complete(child.shape, found.get(name), depth + 1)
    return found
