"""One person, many identifiers. Whoever signs in is found by what his provider has always called him (its subject, the TechID); else by a
verified number (CCCD, old CMND, tax code), and then he must confirm that the older account is his. A number counts when the provider was sure
enough of him: from level 2, and never below the level at which it was recorded.

Citizens, enterprises and officers are apart: no number of one ever finds another. Two accounts of one person (an old one by CMND, a new one
by CCCD) are merged when he confirms; what was is kept.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sso.office import Office
from sso.store import Row, Rows
from sso.vault import mask, random_name

BY_KIND = {
    "citizen": ("cccd", "cmnd", "passport"),
    "enterprise": ("tax_code", "enterprise_code"),
    "officer": ("staff_number",),
}
"""The numbers that may find a person, the surest first, beside `sub` and `tech_id`."""

_OWN = ("sub", "tech_id")
_SURE = 2
"""The least level at which a number says who somebody is."""


@dataclass(frozen=True, slots=True)
class Known:
    """Whom a provider says it has signed in, in our words. `sub` is the provider's; `profile` holds the personal claims.
    `shown`: when he showed himself there (Unix seconds); None when it does not say."""

    provider: str
    issuer: str
    kind: str
    sub: str
    profile: Mapping[str, Any]
    level: int
    organisation: str | None = None
    roles: Sequence[str] = ()
    shown: float | None = None

    @property
    def identifiers(self) -> list[tuple[str, str]]:
        """(kind of identifier, value): the provider's own first, then, of a sure provider, the verified numbers by sureness."""
        kinds = ("tech_id", *(BY_KIND[self.kind] if self.level >= _SURE else ()))
        held = [(kind, str(self.profile[kind])) for kind in kinds if self.profile.get(kind)]
        return [("sub", self.sub), *held]


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    kind: str
    profile: Mapping[str, Any]
    organisation: str | None
    roles: tuple[str, ...]
    created_at: datetime
    disabled: bool


@dataclass(frozen=True, slots=True)
class Match:
    """`person` is sure, or None. `others` are accounts that a verified number says are the same person's: to be confirmed by him.
    `strangers` have one of the numbers, but another name or birthday: never offered."""

    person: str | None
    others: tuple[str, ...]
    strangers: tuple[str, ...]


class People:
    def __init__(self, office: Office) -> None:
        self._office = office

    # ── finding ─────────────────────────────────────────────────────────────────────────────────────────────────

    def get(self, rows: Rows, number: str) -> Person | None:
        """The person, or whom he was merged into."""
        row = self._row(rows, number)
        return self._open(row) if row is not None else None

    def take_turns(self, rows: Rows, known: Known) -> None:
        """Two who come at once as the same person (two tabs, a double click) wait for each other until the transaction's end: the second
        one finds the account that the first one made."""
        name = f"arriving:{self._hash(known, 'sub', known.sub)}"
        if not rows.add("limits", name=name, full_until=self._office.now()):
            rows.change("limits", {"name": name}, full_until=self._office.now())

    def match(self, rows: Rows, known: Known) -> Match:
        """Who is this? Changes nothing."""
        owners: dict[str, str] = {}
        for kind, value in known.identifiers:
            row = self._identifier(rows, known, kind, value)
            if row is not None and (kind in _OWN or known.level >= row["level"]):
                owners[kind] = row["person"]
        person = owners.get("sub")
        named = owners.get("tech_id")
        if person is None and named is not None and self._is_alike(rows, named, known):
            person = named
        candidates = [p for p in dict.fromkeys(owners.values()) if p != person]
        alike = [p for p in candidates if self._is_alike(rows, p, known)]
        return Match(person, tuple(alike), tuple(p for p in candidates if p not in alike))

    def former(self, rows: Rows, number: str) -> list[str]:
        """The ids of accounts that were merged into this one."""
        found: list[str] = []
        waiting = [number]
        while waiting:
            sources = [row["source"] for row in rows.all("merges", order="at", target=waiting.pop())]
            found += sources
            waiting += sources
        return found

    def identifiers(self, rows: Rows, number: str) -> list[Row]:
        return rows.all("identifiers", order="since", person=number)

    # ── changing ────────────────────────────────────────────────────────────────────────────────────────────────

    def create(self, rows: Rows, known: Known) -> str:
        """A new person with every identifier that nobody has yet."""
        number = random_name(15)
        self._attach(rows, number, known)
        rows.add(
            "people",
            id=number,
            kind=known.kind,
            profile=self._office.vault.seal(f"people/{number}", self._own(rows, number, known, known.profile)),
            organisation=known.organisation,
            roles=" ".join(known.roles),
            created_at=self._office.now(),
        )
        self._office.note(rows, "person_created", person=number, detail=f"{known.kind} by {known.provider}")
        return number

    def renew(self, rows: Rows, number: str, known: Known) -> None:
        """What the provider says now: claims, organisation and roles as they are today, identifiers that are new."""
        row = rows.first("people", lock=True, id=number)
        if row is None:
            raise LookupError(number)
        self._attach(rows, number, known)
        before = self._office.vault.unseal(f"people/{number}", row["profile"])
        told = self._own(rows, number, known, known.profile)
        profile = self._own(rows, number, known, {**before, **told})
        changes: dict[str, Any] = {"profile": self._office.vault.seal(f"people/{number}", profile)}
        if known.kind == "officer":
            roles = " ".join(known.roles)
            changes |= {"organisation": known.organisation, "roles": roles}
            if roles != row["roles"]:
                self._office.note(
                    rows, "roles_changed", person=number, detail=f"{row['roles'] or '-'} → {roles or '-'}"
                )
        rows.change("people", {"id": number}, **changes)

    def link(self, rows: Rows, known: Known, accounts: Sequence[str], how: str) -> str:
        """The person has confirmed that these accounts are his: all of them become the first one. Returns its id."""
        target, *rest = accounts
        for source in rest:
            self._merge(rows, source, target, how)
        self.renew(rows, target, known)
        self._office.note(rows, "linked", person=target, detail=f"{known.provider}: {how}")
        return target

    def _merge(self, rows: Rows, source: str, target: str, how: str) -> None:
        """Sessions and what was granted go along: whoever ends the target's ends them too. A disabled account stays what it is."""
        row = rows.first("people", lock=True, id=source)
        if row is None or row["merged_into"] is not None or row["disabled_at"] is not None or source == target:
            return
        moved = rows.change("identifiers", {"person": source}, person=target)
        told = json.dumps([{"kind": r["kind"], "masked": r["masked"]} for r in moved], ensure_ascii=False)
        profile = self._office.vault.unseal(f"people/{source}", row["profile"])
        kept = self._office.vault.seal(f"merges/{source}", profile)
        rows.add("merges", source=source, target=target, at=self._office.now(), how=how, moved=told, profile=kept)
        rows.change("people", {"id": source}, merged_into=target)
        rows.change("sessions", {"person": source}, person=target)
        rows.change("families", {"person": source}, person=target)
        self._office.note(rows, "merged", person=target, detail=f"{source}: {how}")

    def _attach(self, rows: Rows, number: str, known: Known) -> None:
        for kind, value in known.identifiers:
            name = _name(known.kind, kind)
            added = rows.add(
                "identifiers",
                kind=name,
                hash=self._hash(known, kind, value),
                person=number,
                masked="" if kind == "sub" else mask(value),
                provider=known.provider,
                level=known.level,
                since=self._office.now(),
            )
            if added and kind not in _OWN:
                self._office.note(rows, "identifier_added", person=number, detail=f"{name} by {known.provider}")

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _own(self, rows: Rows, number: str, known: Known, profile: Mapping[str, Any]) -> dict[str, Any]:
        """The profile with no number by which people are found but those recorded as his: what is somebody else's, or what a provider said
        without being sure, no client is told of this person."""
        found = ("tech_id", *BY_KIND[known.kind])
        held = {kind: self._identifier(rows, known, kind, str(profile[kind])) for kind in found if profile.get(kind)}
        others = {kind for kind, row in held.items() if row is None or row["person"] != number}
        return {name: value for name, value in profile.items() if name not in others}

    def _identifier(self, rows: Rows, known: Known, kind: str, value: str) -> Row | None:
        return rows.first("identifiers", kind=_name(known.kind, kind), hash=self._hash(known, kind, value))

    def _hash(self, known: Known, kind: str, value: str) -> str:
        """What is the provider's own means nothing at another one."""
        return self._office.vault.hash(_name(known.kind, kind), f"{known.issuer}|{value}" if kind in _OWN else value)

    def _is_alike(self, rows: Rows, number: str, known: Known) -> bool:
        row = self._row(rows, number)
        if row is None:
            return False
        there = self._office.vault.unseal(f"people/{row['id']}", row["profile"])
        here = known.profile
        name = "enterprise_name" if known.kind == "enterprise" else "name"
        if fold(there.get(name, "")) != fold(here.get(name, "")) or not here.get(name):
            return False
        return not (there.get("birth_date") and here.get("birth_date")) or there["birth_date"] == here["birth_date"]

    def _row(self, rows: Rows, number: str) -> Row | None:
        row = rows.first("people", id=number)
        for _ in range(20):  # a chain of merges has an end
            if row is None or row["merged_into"] is None:
                return row
            row = rows.first("people", id=row["merged_into"])
        return None

    def _open(self, row: Row) -> Person:
        profile = self._office.vault.unseal(f"people/{row['id']}", row["profile"])
        roles = tuple(row["roles"].split())
        disabled = row["disabled_at"] is not None
        return Person(row["id"], row["kind"], profile, row["organisation"], roles, row["created_at"], disabled)


def fold(name: str) -> str:
    """A name as two registers can be held against each other: without accents, case and doubled blanks."""
    plain = unicodedata.normalize("NFD", str(name).casefold().replace("đ", "d"))
    return " ".join("".join(c for c in plain if not unicodedata.combining(c)).split())


def _name(person_kind: str, kind: str) -> str:
    return f"{person_kind}:{kind}"
