"""Which places of the source a map's paths read, lists seen through."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.engine.paths import Part, Path, Pick
from mappings.engine.schemas import Names, Schema, below, follow, opened, plain
from mappings.engine.targets import Scope
from mappings.engine.wrong import finding


def places_of(path: Path, scopes: tuple[Scope, ...]) -> list[Names]:
    """Where a path leads: several places when the list it starts from is put together from several."""
    names = tuple(p for p in path.parts if isinstance(p, str))
    return [prefix + names for prefix in _prefixes(path, scopes)]


def misread(schema: Schema, path: Path, scopes: tuple[Scope, ...]) -> Iterator[str]:
    """Where the path takes one thing for a list, or a list for one thing: the run would refuse every document."""
    for prefix in _prefixes(path, scopes):
        nodes = [one for node in follow(schema, prefix) for one in opened(schema, node)] if prefix else [schema]
        so_far = prefix
        for part in path.parts:
            lists = [node for node in nodes if "items" in node or node.get("type") == "array"]
            known = bool(nodes) and all(node.get("type") or "properties" in node for node in nodes)
            if isinstance(part, str):
                if known and len(lists) == len(nodes):
                    yield _is_list(".".join(so_far), part)
                    break
                so_far = (*so_far, part)
                objects = [one for node in nodes for one in plain(schema, node)]
                nodes = [one for node in below(schema, objects, part) for one in plain(schema, node)]
                nodes = [node for node in nodes if node.get("type") != "null"]
            else:
                if known and not lists:
                    yield _is_no_list(".".join(so_far))
                    break
                nodes = [one for node in lists if "items" in node for one in plain(schema, node["items"])]


def _is_list(place: str, name: str) -> str:
    return finding(
        f"{place} là danh sách: viết {place}[].{name}, hoặc đi qua nó bằng `each`",
        f"{place} is a list: write {place}[].{name}, or go through it with `each`",
    )


def _is_no_list(place: str) -> str:
    return finding(
        f"{place} không phải danh sách: bỏ [] hay phần lọc trong ngoặc vuông",
        f"{place} is no list: take the [] or the test in brackets away",
    )


def tested_by(path: Path, scopes: tuple[Scope, ...]) -> Iterator[Names]:
    """The fields that the tests in its brackets read."""
    for prefix in _prefixes(path, scopes):
        so_far: Names = ()
        for part in path.parts:
            if isinstance(part, str):
                so_far += (part,)
            yield from _tested(part, prefix + so_far, scopes)


def _prefixes(path: Path, scopes: tuple[Scope, ...]) -> list[Names]:
    if path.absolute or not scopes:
        return [()]
    return [place for scope in scopes for place in places_of(scope.path, scope.outer)]


def _tested(part: Part, place: Names, scopes: tuple[Scope, ...]) -> Iterator[Names]:
    if isinstance(part, Pick):
        for test in part.tests:
            yield (*place, test.name)
            if isinstance(test.operand, Path):
                yield from places_of(test.operand, scopes)
