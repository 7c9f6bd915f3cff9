"""A WSDL as a new partner's description: its operations, and for each a document that its request could be."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.soap.client import Contract
from connectors.soap.client.shapes import TEXT, Field, Shape
from gateway.ports import Description, Offer

_DEEPEST = 8
_PLAIN = ["string", "number", "boolean"]


def describe(file: Path) -> Description:
    """What it imports lies beside it or below. Raises `Misconfigured`."""
    contract = Contract(file, file.parent, validate=False)
    offers = []
    for port in contract.ports:
        row = {} if len(contract.ports) == 1 else {"port": port}
        for name in contract.operations(port):
            question = contract.operation(name, port).question
            told = {"operation": name, **row}
            if question is None:
                offers.append(Offer(name, told, None))
            else:
                offers.append(Offer(name, told, _sample(question.shape, ()), _schema(question.shape, ())))
    return Description(contract.address, offers, contract.files)


def _sample(shape: Shape, inside: tuple[int, ...]) -> Any:
    """Everything that may stand there, once; a type that holds itself, once too. `inside`: the types it stands in."""
    if shape.text and not shape.attributes:
        return shape.sample
    found: dict[str, Any] = dict.fromkeys(shape.attributes, shape.sample or "–")
    if shape.text:
        found[TEXT] = shape.sample
    for name, child in shape.fields.items():
        if id(child.shape) not in (*inside, id(shape)) and len(inside) < _DEEPEST:
            one = _sample(child.shape, (*inside, id(shape)))
            found[name] = [one] if child.many else one
    return found


def _schema(shape: Shape, inside: tuple[int, ...]) -> dict[str, Any]:
    """The same as a JSON Schema: which fields, which are required, their types, listed and fixed values."""
    if shape.open or id(shape) in inside or len(inside) >= _DEEPEST:
        return {}
    if shape.text and not shape.attributes:
        return _plain(shape.told)
    known: dict[str, Any] = {name: {"type": [*_PLAIN, "null"]} for name in shape.attributes}
    if shape.text:
        known[TEXT] = _plain(shape.told)
    needed = []
    for name, child in shape.fields.items():
        one = {**_schema(child.shape, (*inside, id(shape))), **_values(child)}
        known[name] = {"type": "array", "items": one} if child.many else one
        needed += [name] if child.needed else []  # one that may be nil must stand there all the same
    return {"type": "object", "properties": known, "required": needed, "additionalProperties": False}


def _plain(told: Mapping[str, Any]) -> dict[str, Any]:
    """A plain value. In XML all is text: a number may be given as one, and a text takes whatever can be written as one."""
    kind = str(told.get("type", "string"))
    types = _PLAIN if kind == "string" and "format" not in told else list(dict.fromkeys([kind, "string"]))
    values = {"enum": [_read(kind, text) for text in told["enum"]]} if "enum" in told else {}
    return {**told, "type": [*types, "null"], **values}


def _values(child: Field) -> dict[str, Any]:
    """What the element itself lists or fixes."""
    kind = str(child.shape.told.get("type", "string"))
    found = dict(child.told)
    if "const" in found:
        found["const"] = _read(kind, found["const"])
    return found


def _read(kind: str, text: str) -> Any:
    """A value of the contract, as JSON has it."""
    if kind == "boolean":
        return text in ("true", "1")
    if kind == "integer" and re.fullmatch(r"[+-]?[0-9]+", text.strip()):
        return int(text)
    return text
