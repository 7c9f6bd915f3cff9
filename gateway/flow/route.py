"""Routes: the content-based router. Rows of data, asked with the facts of a message."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

from gateway.canonical.scalars import HANOI
from gateway.config import Route
from gateway.errors import Misconfigured
from gateway.ports import Codes


class Facts:
    """What a route may ask about. `dossier` is the newest DossierSubmitted body (the message's own, for that type).

    Codes are looked up as they were on the day of the dossier's reception; what no route asks about is not looked up.
    """

    def __init__(self, body: Mapping[str, Any], source: str, dossier: Mapping[str, Any], codes: Codes) -> None:
        self.source = source
        self._body, self._dossier, self._codes = body, dossier, codes

    def get(self, name: str) -> Any:
        """The fact of this name: one value, or several of which one must fit; None when there is none."""
        if name in _OF_MESSAGE:
            return self._body.get(name)
        if name in _OF_DOSSIER:
            return self._dossier[name]
        return _ASKED[name](self)

    @cached_property
    def received(self) -> datetime:
        """The moment of reception; of submission, before that."""
        received_at = self._dossier.get("deadlines", {}).get("received_at")
        return datetime.fromisoformat(received_at or self._dossier["submitted_at"])

    @property
    def received_on(self) -> date:
        return self.received.astimezone(HANOI).date()

    @property
    def procedure(self) -> list[str]:
        """The code as it came, and its national part."""
        code: str = self._dossier["procedure"]["code"]
        return [code, ".".join(code.split(".")[:2])]

    @property
    def wishes(self) -> list[str]:
        postal = self._dossier.get("postal", {})
        return [name for name, key in (("collect", "collect_from"), ("return", "return_to")) if postal.get(key)]

    @property
    def level(self) -> str | None:
        """Of the competent agency."""
        return (self._unit("handled_by") or {}).get("level") or None

    @property
    def submit_point(self) -> list[str]:
        """A dossier names it only where it differs from the receiving unit."""
        return self.codes_of("filed_at" if self._dossier.get("filed_at") else "received_by")

    def codes_of(self, place: str) -> list[str]:
        """The code of the organisation there, and the same organisation's codes in the other systems."""
        unit = self._unit(place) or {}
        told = [self._dossier[place]["code"], *(v for c, v in unit.items() if c.startswith("code") and v)]
        return list(dict.fromkeys(told))

    def _unit(self, place: str) -> Mapping[str, str] | None:
        return self._codes.find("organisations", self._dossier[place]["code"], self.received)


_OF_MESSAGE = {"type", "status", "leg", "state"}
_OF_DOSSIER = {"origin", "channel"}
_ASKED: Mapping[str, Callable[[Facts], Any]] = {
    "source": lambda facts: facts.source,
    "procedure": lambda facts: facts.procedure,
    "organisation": lambda facts: facts.codes_of("handled_by"),
    "received_by": lambda facts: facts.codes_of("received_by"),
    "filed_at": lambda facts: facts.submit_point,
    "level": lambda facts: facts.level,
    "wishes": lambda facts: facts.wishes,
    "received_on": lambda facts: facts.received_on,
}


def destinations(routes: Sequence[Route], facts: Facts, known: Mapping[str, Any]) -> list[str]:
    """To whom the message goes: each once, in the order of the rows, never back to its source."""
    found: list[str] = []
    for route in routes:
        if route.to and route.holds(facts):
            found += [p for p in route.to if p in known and p != facts.source and p not in found]
    return found


def implications(routes: Sequence[Route], facts: Facts) -> list[Route]:
    """The rows by which this message implies another."""
    return [route for route in routes if route.implies and route.holds(facts)]


def check_levels(routes: Sequence[Route], units: Sequence[Mapping[str, str]]) -> None:
    """A unit without a level would silently take no route that asks for one. Raises `Misconfigured`."""
    names = [route.name for route in routes if route.when.level]
    without = [unit["code"] for unit in units if not unit.get("level")]
    if names and without:
        raise Misconfigured(
            f"routes.toml: route {names[0]!r} asks for a level, which codelists/organisations.csv does not tell of {', '.join(without[:10])}: "
            "fill in its column `level` (ministry, province, commune)"
        )
