"""A WSDL as a new partner's description: its operations, and for each a document that its request could be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from connectors.soap.client import Contract
from connectors.soap.client.shapes import TEXT, Shape
from gateway.ports import Description, Offer

_DEEPEST = 8
_TEXT = {"type": ["string", "number", "boolean", "null"]}


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
    """The same as a JSON Schema; what its types allow is the WSDL's to say."""
    if shape.open or id(shape) in inside or len(inside) >= _DEEPEST:
        return {}
    if shape.text and not shape.attributes:
        return dict(_TEXT)
    known: dict[str, Any] = dict.fromkeys(shape.attributes, _TEXT)
    if shape.text:
        known[TEXT] = _TEXT
    needed = []
    for name, child in shape.fields.items():
        one = _schema(child.shape, (*inside, id(shape)))
        known[name] = {"type": "array", "items": one} if child.many else one
        needed += [name] if child.needed and not child.nillable else []
    return {"type": "object", "properties": known, "required": needed, "additionalProperties": False}
