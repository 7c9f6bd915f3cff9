"""Which places of the source a map's paths read, lists seen through."""

from __future__ import annotations

from collections.abc import Iterator

from mappings.engine.paths import Part, Path, Pick
from mappings.engine.schemas import Names
from mappings.engine.targets import Scope


def places_of(path: Path, scopes: tuple[Scope, ...]) -> list[Names]:
    """Where a path leads: several places when the list it starts from is put together from several."""
    names = tuple(p for p in path.parts if isinstance(p, str))
    return [prefix + names for prefix in _prefixes(path, scopes)]


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
