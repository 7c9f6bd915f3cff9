"""The static check: every path of a map exists in its source, and every field of the source is used or declared dropped."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.errors import Misconfigured
from mappings.engine.mapping import YamlMapping
from mappings.engine.paths import Part, Path, Pick
from mappings.engine.targets import Scope, Use
from mappings.engine.view import view_schema

Names = tuple[str, ...]
"""A place in the source, lists seen through: ("dossier", "attachments", "name")."""


def check(mapping: YamlMapping, source_schema: Mapping[str, Any] | None = None) -> list[str]:
    """What is wrong with the map, a sentence each; empty when nothing is. None: the schema the map itself names as its `source`."""
    schema = source_schema if source_schema is not None else declared_schema(mapping)
    used: set[Names] = set()
    whole: set[Names] = set()
    for use in _uses(mapping):
        for names in _places(use.path, use.scopes):
            (whole if use.whole else used).add(names)
        used.update(_tested(use.path, use.scopes))
    findings = [
        f"{mapping.name}: the source has no field {'.'.join(names)}: correct the path, or the schema"
        for names in sorted(used | whole)
        if not _exists(schema, names)
    ]
    return findings + _unspoken(mapping, schema, used, whole) + _idle_tables(mapping)


def declared_schema(mapping: YamlMapping) -> Mapping[str, Any]:
    """The schema of `source: view`, `source: view(Type, Type)` or `source: file.json`. Raises `Misconfigured`."""
    if match := re.fullmatch(r"view(?:\(([\w, ]+)\))?", mapping.source):
        try:
            return view_schema(*[name.strip() for name in (match[1] or "").split(",") if name.strip()])
        except KeyError as error:
            raise Misconfigured(f"{mapping.folder / 'map.yaml'}: source: there is no message type {error}") from error
    file = mapping.folder / mapping.source
    try:
        schema: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"{mapping.folder / 'map.yaml'}: source: {file} cannot be read as a JSON schema: {error}"
        ) from error
    return schema


def _unspoken(mapping: YamlMapping, schema: Mapping[str, Any], used: set[Names], whole: set[Names]) -> list[str]:
    """Fields neither used nor dropped, and `dropped` lines that drop nothing."""
    findings = []
    dropped = {tuple(path.split(".")): False for path in mapping.dropped}
    for leaf in _leaves(schema):
        if leaf in used or any(leaf[: len(names)] == names for names in whole):
            continue
        covering = [names for names in dropped if leaf[: len(names)] == names]
        for names in covering:
            dropped[names] = True
        if not covering:
            findings.append(
                f"{mapping.name}: {'.'.join(leaf)} is neither used nor dropped: map it, or name it under `dropped` with a reason"
            )
    findings += [
        f"{mapping.name}: `dropped` names {'.'.join(names)}, but there is no such unused field: take the line out"
        for names, needed in dropped.items()
        if not needed
    ]
    return findings


def _idle_tables(mapping: YamlMapping) -> list[str]:
    text = (mapping.folder / "map.yaml").read_text(encoding="utf-8")
    return [
        f"{mapping.name}: no rule uses the table {name} of codes.csv: take its rows out"
        for name in mapping.tables
        if not re.search(rf"code\(\s*\"?{re.escape(name)}\"?\s*\)", text)
    ]


def _uses(mapping: YamlMapping) -> Iterator[Use]:
    if mapping.only_when is not None:
        for path in mapping.only_when.paths():
            yield Use(path, (), False)
    if mapping.in_force is not None:
        for path in mapping.in_force.paths():
            yield Use(path, (), False)
    yield from mapping.fields.uses(())


def _places(path: Path, scopes: tuple[Scope, ...]) -> list[Names]:
    names = tuple(p for p in path.parts if isinstance(p, str))
    return [prefix + names for prefix in _prefixes(path, scopes)]


def _prefixes(path: Path, scopes: tuple[Scope, ...]) -> list[Names]:
    if path.absolute or not scopes:
        return [()]
    return [place for scope in scopes for place in _places(scope.path, scope.outer)]


def _tested(path: Path, scopes: tuple[Scope, ...]) -> Iterator[Names]:
    """The fields that the tests in brackets read."""
    for prefix in _prefixes(path, scopes):
        so_far: Names = ()
        for part in path.parts:
            if isinstance(part, str):
                so_far += (part,)
            yield from _tested_by(part, prefix + so_far, scopes)


def _tested_by(part: Part, place: Names, scopes: tuple[Scope, ...]) -> Iterator[Names]:
    if isinstance(part, Pick):
        for test in part.tests:
            yield (*place, test.name)
            if isinstance(test.operand, Path):
                yield from _places(test.operand, scopes)


# ── the schema ──────────────────────────────────────────────────────────────────────────────────────────────────


def _objects(root: Mapping[str, Any], node: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The plain schemas a node may stand for: references followed, alternatives and list items opened."""
    if "$ref" in node:
        target: Any = root
        for step in node["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        yield from _objects(root, target)
        return
    inner = [*node.get("anyOf", ()), *node.get("oneOf", ()), *node.get("allOf", ())]
    if "items" in node:
        inner.append(node["items"])
    for one in inner:
        yield from _objects(root, one)
    if not inner:
        yield node


def _below(root: Mapping[str, Any], nodes: list[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    found = []
    for node in nodes:
        if name in node.get("properties", {}):
            found += list(_objects(root, node["properties"][name]))
        elif isinstance(node.get("additionalProperties"), dict):
            found += list(_objects(root, node["additionalProperties"]))
    return found


def _exists(schema: Mapping[str, Any], names: Names) -> bool:
    nodes = list(_objects(schema, schema))
    for name in names:
        nodes = _below(schema, nodes, name)
    return bool(nodes)


def _leaves(schema: Mapping[str, Any]) -> list[Names]:
    leaves: dict[Names, None] = {}

    def walk(nodes: list[Mapping[str, Any]], names: Names) -> None:
        below = {name for node in nodes for name in node.get("properties", {})}
        if not below:
            leaves[names] = None
        for name in sorted(below):
            walk(_below(schema, nodes, name), (*names, name))

    walk(list(_objects(schema, schema)), ())
    return list(leaves)
