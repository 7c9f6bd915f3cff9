"""Routes: the content-based router. Rows of data, asked with the facts of a message."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from gateway.config import Route


def facts_of(body: Mapping[str, Any], source: str, dossier: Mapping[str, Any]) -> dict[str, Any]:
    """What a route may ask about. `dossier` is the newest DossierSubmitted body (the message's own, for that type)."""
    procedure = dossier["procedure"]["code"]
    postal = dossier.get("postal", {})
    wishes = [name for name, key in (("collect", "collect_from"), ("return", "return_to")) if postal.get(key)]
    return {
        "type": body["type"],
        "source": source,
        "origin": dossier["origin"],
        "procedure": [procedure, ".".join(procedure.split(".")[:2])],
        "organisation": dossier["handled_by"]["code"],
        "channel": dossier["channel"],
        "status": body.get("status"),
        "leg": body.get("leg"),
        "state": body.get("state"),
        "wishes": wishes,
    }


def destinations(routes: Sequence[Route], facts: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    """To whom the message goes: each once, in the order of the rows, never back to its source."""
    found: list[str] = []
    for route in routes:
        if route.to and route.when.holds(facts):
            found += [p for p in route.to if p in known and p != facts["source"] and p not in found]
    return found


def implications(routes: Sequence[Route], facts: Mapping[str, Any]) -> list[Route]:
    """The rows by which this message implies another."""
    return [route for route in routes if route.implies and route.when.holds(facts)]
