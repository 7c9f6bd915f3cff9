"""The postal axis: where each order of a dossier stands, by what was ordered and what the post said. Pure; its table is data (`postal.toml`)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from gateway.config import PostalRow
from gateway.ledger.believing import Material, Told

TAKEN = "delivered"  # the state of a delivery that its destination has
DISCARDED = "cancelled"  # the state of one that a person gave up


@dataclass(frozen=True, slots=True)
class PostalFact:
    """Something that happened to an order. `word`: what moves it (`by` in the table), or ``unlisted``. `system`: the post that said it, or took
    our word for it; None for an order that no post took yet. `theirs`: the post's own words."""

    order: str
    leg: str | None
    at: datetime
    word: str
    message: str
    system: str | None
    theirs: str | None = None


@dataclass(frozen=True, slots=True)
class Aside:
    """A fact that moved nothing, and why: ``terminal``, ``not-lawful`` or ``unlisted``."""

    fact: PostalFact
    reason: str


@dataclass(frozen=True, slots=True)
class Parcel:
    """An order: its state since when, and the newest fact that says so."""

    order: str
    leg: str | None
    state: str
    since: datetime
    proof: PostalFact
    aside: tuple[Aside, ...]


def follow(table: Mapping[str, PostalRow], facts: Iterable[PostalFact]) -> Parcel | None:
    """Where the facts of one order lead, in whatever order they are given: they count by their own time, and of one instant by rank.

    None when none of them puts it anywhere. Two that say the same differ by nothing but the message that proves it.
    """
    states = {word: row for row in table.values() for word in row.by}
    here: PostalRow | None = None
    since = proof = None
    leg: str | None = None
    aside: list[Aside] = []
    for fact in sorted(facts, key=lambda one: _place(one, states)):
        leg = leg or fact.leg
        there = states.get(fact.word)
        if there is None:
            aside.append(Aside(fact, "unlisted"))
        elif here is None or there.code in here.moves:
            here, since, proof = there, fact.at, fact
        elif there is here:
            proof = fact
        else:
            aside.append(Aside(fact, "terminal" if here.terminal else "not-lawful"))
    if here is None or since is None or proof is None:
        return None
    return Parcel(proof.order, leg, here.code, since, proof, tuple(aside))


def _place(fact: PostalFact, states: Mapping[str, PostalRow]) -> tuple[datetime, int, str, str]:
    return fact.at, states[fact.word].rank if fact.word in states else 0, fact.message, fact.system or ""


def parcels(material: Material, table: Mapping[str, PostalRow]) -> list[Parcel]:
    """The dossier's orders, by their numbers."""
    found = (follow(table, facts) for _, facts in sorted(facts_of(material).items()))
    return [parcel for parcel in found if parcel is not None]


def facts_of(material: Material) -> Mapping[str, list[PostalFact]]:
    """By order. A cancellation is one from when the post took it: until then it is a wish. What a person gave up happened to nothing."""
    took, gone = defaultdict(list), given_up(material)
    for row in material.sent:
        if row.state == TAKEN:
            took[row.message].append(row)
    facts: dict[str, list[PostalFact]] = defaultdict(list)
    for one in material.told:
        if one.type in ("PostalOrdered", "PostalCancelled", "PostalEvent") and one.id not in gone:
            facts[one.body["order"]] += _read(one, {row.destination: row.ended_at for row in took[one.id]})
    return facts


def given_up(material: Material) -> set[str]:
    """Messages that will reach none of those they were for: a person discarded every delivery."""
    return {row.message for row in material.sent} - {row.message for row in material.sent if row.state != DISCARDED}


def _read(one: Told, took: Mapping[str, datetime]) -> Iterator[PostalFact]:
    body = one.body
    if one.type == "PostalOrdered":
        for system in took or (None,):
            yield PostalFact(body["order"], body["leg"], one.at, "ordered", one.id, system)
    elif one.type == "PostalCancelled":
        for system, at in took.items():
            yield PostalFact(body["order"], None, at, "called_back", one.id, system)
    else:
        theirs = body.get("their_words") or body["their_code"]
        yield PostalFact(body["order"], body["leg"], one.at, body["state"], one.id, one.source, theirs)
