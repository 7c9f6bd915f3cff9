"""Guesses which field of a partner's document is which of ours: by name first, by what the value looks like second."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from mappings.engine import shapes
from mappings.engine.names import likeness
from mappings.engine.schemas import Names, Schema, below, opened, plain

SURE, LIKELY, LEAST = 0.97, 0.85, 0.5
_BY_SHAPE = {
    "dossier_code": 0.6,
    "procedure_code": 0.6,
    "result_code": 0.6,
    "organisation_code": 0.52,
    "email": 0.55,
    "phone": 0.55,
}


@dataclass(frozen=True, slots=True)
class Ours:
    """A plain value of our model. `pick`: it stands in a list, and which element is meant goes by this test."""

    names: Names
    nodes: tuple[Schema, ...]
    needed: bool = True
    pick: tuple[Names, str] | None = None

    def says(self, key: str) -> Any:
        return next((node[key] for node in self.nodes if key in node), None)

    @property
    def kind(self) -> str:
        return str(self.says("type") or "string")

    @property
    def is_moment(self) -> bool:
        return self.says("format") == "date-time" or (
            len(self.names) > 1 and self.names[-2] in ("moments", "first_moments")
        )

    @property
    def form(self) -> str | None:
        return shapes.FORM_OF_PATTERN.get(str(self.says("pattern")))

    @property
    def codes(self) -> list[Any]:
        """The values it may have, when they are few and listed."""
        return [v for node in self.nodes for v in node.get("enum", [node["const"]] if "const" in node else [])]


@dataclass(frozen=True, slots=True)
class Theirs:
    """A plain value of a sample."""

    names: Names
    value: Any

    @property
    def is_blank(self) -> bool:
        """Does it tell nothing? A dash tells no more than a blank."""
        return self.value is None or (isinstance(self.value, str) and not any(c.isalnum() for c in self.value))


@dataclass(frozen=True, slots=True)
class Guess:
    score: float
    ours: Ours
    theirs: Theirs

    @property
    def words(self) -> str:
        """How sure, in both languages."""
        return "chắc · sure: the name says so" if self.score >= SURE else self.unsure

    @property
    def unsure(self) -> str:
        """The same of what the name alone cannot settle."""
        if self.score >= LIKELY:
            return "có lẽ · likely, by its name: check it"
        return "ngờ · doubtful, check it: the name or the form is alike"


def best(theirs: Iterable[Theirs], ours: Iterable[Ours]) -> Guess | None:
    """The best pair of all, if any is worth telling."""
    candidates = list(ours)
    guesses = [Guess(_score(t, o), o, t) for t in theirs for o in candidates]
    found = max(guesses, key=lambda guess: guess.score, default=None)
    return found if found is not None and found.score >= LEAST else None


def _score(theirs: Theirs, ours: Ours) -> float:
    by_name = likeness(theirs.names, ours.names)
    if theirs.is_blank:
        return min(by_name, 0.9)
    time = shapes.time_of(theirs.value)
    if ours.is_moment != (time is not None):
        # eight digits may be a day and may be a number: the name decides
        return by_name * 0.9 if not ours.is_moment and not isinstance(theirs.value, str | float) else 0.0
    if isinstance(theirs.value, float) or (isinstance(theirs.value, bool) and ours.kind != "boolean"):
        return 0.0
    if ours.form is not None:
        by_shape = _BY_SHAPE.get(ours.form, 0.0) if shapes.has_form(theirs.value, ours.form) else 0.0
        return max(by_name if shapes.has_form(theirs.value, ours.form) else by_name * 0.45, by_shape)
    if ours.kind == "integer" and not ours.codes and not re.fullmatch(r"-?[0-9]{1,18}", str(theirs.value)):
        return 0.0
    # what has a telling form is not just any text
    return by_name * (0.8 if shapes.form_of(theirs.value) in _BY_SHAPE else 1.0)


def our_values(root: Schema, nodes: Iterable[Schema], names: Names = (), needed: bool = True) -> Iterator[Ours]:
    """The plain values beneath, through objects but not through lists; of identity papers, one by its kind."""
    every = [one for node in nodes for one in plain(root, node)]
    objects = [node for node in every if "properties" in node]
    for name in dict.fromkeys(n for node in objects for n in node["properties"]):
        inner = [one for node in below(root, objects, name) for one in plain(root, node)]
        must = needed and all(name in node.get("required", ()) for node in objects)
        if any(node.get("type") == "array" for node in inner):
            if name == "papers" and names[-1:] in (("applicant",), ("delegate",)):
                yield from _paper(root, inner, (*names, name))
        elif any("properties" in node for node in inner):
            yield from our_values(root, inner, (*names, name), must)
        elif not any("additionalProperties" in node for node in inner):
            yield Ours((*names, name), tuple(node for node in inner if node.get("type") != "null"), must)


def _paper(root: Schema, nodes: list[Schema], names: Names) -> Iterator[Ours]:
    papers = [one for node in nodes for one in opened(root, node)]
    for paper in papers:
        kind = paper["properties"]["kind"]["const"]
        yield Ours((*names, "number"), tuple(plain(root, paper["properties"]["number"])), False, (names, kind))


def our_lists(root: Schema, nodes: Iterable[Schema], names: Names = ()) -> Iterator[tuple[Names, Schema]]:
    """The lists beneath, through objects, each with the schema of its elements."""
    objects = [one for node in nodes for one in plain(root, node) if "properties" in one]
    for name in dict.fromkeys(n for node in objects for n in node["properties"]):
        inner = [one for node in below(root, objects, name) for one in plain(root, node)]
        lists = [node["items"] for node in inner if "items" in node]
        if lists:
            yield (*names, name), {"anyOf": lists}
        else:
            yield from our_lists(root, inner, (*names, name))


def fit(theirs: Names, elements: list[dict[str, Any]], place: Names, fields: list[Ours]) -> float:
    """How well a list of theirs fits a list of ours: by its name, and by what its elements hold. What holds links holds files."""
    first = {key: value for element in elements for key, value in element.items()}
    linked = any(likeness((key,), ("attachments", "url")) >= SURE for key in first)
    if linked and not any(ours.names[-1] == "url" for ours in fields):
        return 0.0
    by_name = likeness(theirs, place)
    if linked and place[-1] == "attachments":
        by_name = max(by_name, 0.6)
    found = [best([Theirs((key,), value)], fields) for key, value in first.items()]
    known = sum(guess is not None and guess.score >= LIKELY for guess in found)
    return by_name + 0.1 * known if by_name >= LEAST else 0.0


def their_values(value: Any, names: Names = ()) -> Iterator[Theirs]:
    """The plain values of a sample, through objects but not through lists."""
    for name, one in value.items():
        if isinstance(one, dict):
            yield from their_values(one, (*names, name))
        elif not isinstance(one, list):
            yield Theirs((*names, name), one)


def their_lists(value: Any, names: Names = ()) -> Iterator[tuple[Names, list[Any]]]:
    for name, one in value.items():
        if isinstance(one, dict):
            yield from their_lists(one, (*names, name))
        elif isinstance(one, list):
            yield (*names, name), one
