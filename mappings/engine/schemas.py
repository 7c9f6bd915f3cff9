"""Walks through JSON Schemas: which fields there are, what each may be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
Names = tuple[str, ...]
"""A place in a document, lists seen through: ("dossier", "attachments", "name")."""


def plain(root: Schema, node: Schema) -> Iterator[Schema]:
    """The plain schemas a node may stand for: references followed, alternatives opened."""
    if "$ref" in node:
        target: Any = root
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        yield from plain(root, target)
        return
    inner = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    for one in inner:
        yield from plain(root, one)
    if not inner:
        yield node


def opened(root: Schema, node: Schema) -> Iterator[Schema]:
    """The same, and of a list its elements."""
    for one in plain(root, node):
        if "items" in one:
            yield from opened(root, one["items"])
        else:
            yield one


def below(root: Schema, nodes: list[Schema], name: str) -> list[Schema]:
    """What the field `name` may be, in any of `nodes`; as it stands, so that a list is a list."""
    found: list[Schema] = []
    for node in nodes:
        if name in node.get("properties", {}):
            found.append(node["properties"][name])
        elif isinstance(node.get("additionalProperties"), dict):
            found.append(node["additionalProperties"])
    return found


def follow(root: Schema, names: Names) -> list[Schema]:
    """What stands at a place; empty when there is no such place. Lists are seen through on the way, the last is not opened."""
    nodes: list[Schema] = [root]
    for name in names:
        nodes = below(root, [one for node in nodes for one in opened(root, node)], name)
    return [one for node in nodes for one in plain(root, node)]


_DEEPEST = 16  # a schema may speak of itself


def leaves(root: Schema) -> list[Names]:
    """Every place without fields of its own."""
    found: dict[Names, None] = {}

    def walk(nodes: list[Schema], names: Names) -> None:
        inner = [one for node in nodes for one in opened(root, node)]
        fields = {name for node in inner for name in node.get("properties", {})}
        if not fields or len(names) == _DEEPEST:
            found[names] = None
        for name in sorted(fields):
            walk(below(root, inner, name), (*names, name))

    walk([root], ())
    return list(found)


def infer(documents: list[Any]) -> dict[str, Any]:
    """The schema of what the documents show: fields, types; required is what every one of them has."""
    groups: dict[str, list[Any]] = {}
    for document in documents:
        if document is not None:
            groups.setdefault(_KINDS[type(document)], []).append(document)
    if {"integer", "number"} <= set(groups):
        groups["number"] += groups.pop("integer")
    made = [_inferred(kind, values) for kind, values in sorted(groups.items())]
    return made[0] if len(made) == 1 else {"anyOf": made} if made else {}


def _inferred(kind: str, values: list[Any]) -> dict[str, Any]:
    if kind == "object":
        names = dict.fromkeys(name for one in values for name in one)
        return {
            "type": kind,
            "properties": {name: infer([one[name] for one in values if name in one]) for name in names},
            "required": [name for name in names if all(one.get(name) is not None for one in values)],
        }
    return (
        {"type": kind, "items": infer([item for one in values for item in one])} if kind == "array" else {"type": kind}
    )


_KINDS: dict[type, str] = {
    str: "string", bool: "boolean", int: "integer", float: "number", list: "array", dict: "object",
}  # fmt: skip
