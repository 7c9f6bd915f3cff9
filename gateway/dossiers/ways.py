"""How a message of a dossier came to a system: told late by its sender, waiting here, on the way to the partner, lost there. Pure.

A way is cut into hops, each with one owner. What was on the way of other dossiers tells when a partner was away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from typing import Any, Literal

from gateway.canonical.scalars import write_instant
from gateway.message import Message

RETOLD = "Retold"
ARRIVED = "delivered"
OURS = frozenset({"ledger", "translation", "file", "fault", "crash"})
"""Codes of attempts that failed by a fault of ours: they say nothing about the partner."""
SILENT = ("try_later", "ask_first")
"""Outcomes of a partner that did not answer, or said that it cannot now."""
LOST = ("missing-there", "missing-steps", "behind")
"""Differences of a partner that does not have what it took."""

Kind = Literal["desk", "citizen", "post", "gateway", "to", "from", "lost"]
WIRE: frozenset[Kind] = frozenset({"gateway", "to", "from", "lost"})


@dataclass(frozen=True, slots=True, order=True)
class Owner:
    """To whom a minute belongs. `who`: of a desk the agency's code, or the partner; of `post`, `to`, `from` and `lost` the partner."""

    kind: Kind
    who: str = ""

    @property
    def on_the_wire(self) -> bool:
        return self.kind in WIRE


@dataclass(frozen=True, slots=True)
class Proof:
    """What shows it: a message (its event time, and when it came), a delivery (made, ended), an attempt, a difference, or `away`: `count`
    attempts in a row, the first and last by number, that the partner left without an answer, with its codes."""

    what: Literal["message", "delivery", "attempt", "away", "difference"]
    id: str
    at: datetime
    until: datetime | None = None
    system: str = ""
    code: str = ""
    count: int = 1

    def as_json(self) -> dict[str, Any]:
        until = write_instant(self.until) if self.until else None
        told = {"what": self.what, "id": self.id, "at": write_instant(self.at), "until": until}
        return {**told, "system": self.system or None, "code": self.code or None, "count": self.count}


@dataclass(frozen=True, slots=True)
class Attempt:
    id: int
    began: datetime
    ended: datetime | None
    outcome: str | None
    code: str | None

    @property
    def ours(self) -> bool:
        return self.code in OURS and self.outcome != ARRIVED


@dataclass(frozen=True, slots=True)
class Way:
    """A delivery: of the message numbered `message`, made at `created`; `ended` when it was taken there (or given up: `state` cancelled)."""

    id: int
    message: int
    destination: str
    state: str
    created: datetime
    ended: datetime | None
    attempts: Sequence[Attempt] = ()


@dataclass(frozen=True, slots=True)
class Away:
    """A partner that left `count` attempts in a row without an answer. `end`: when one was begun that it answered; None: it is away still."""

    begin: datetime
    end: datetime | None
    first: int
    last: int
    count: int
    codes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Lost:
    """A difference by which `system` does not have what it took. `ended`: None while it is so."""

    id: int
    system: str
    found: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Hop:
    """Part of a way, up to `until`. `towards`: the destination, also of what waits in the gateway."""

    owner: Owner
    until: datetime
    towards: str
    proofs: tuple[Proof, ...] = ()


@dataclass(frozen=True, slots=True)
class Journey:
    """All that is known of one dossier: its messages, held ones too, in any order, and their ways. `away`: by partner."""

    code: str
    organisation: str
    owner: str
    told: Sequence[Message]
    ways: Sequence[Way] = ()
    lost: Sequence[Lost] = ()
    away: Mapping[str, Sequence[Away]] = field(default_factory=dict)

    def way(self, message: Message, destination: str) -> Way | None:
        """That of `message` to `destination`, unless a person gave it up."""
        ours = (w for w in self.ways if w.message == message.seq and w.destination == destination)
        return next((w for w in ours if w.state != "cancelled"), None)

    def arrived(self, way: Way) -> datetime | None:
        """When it was there for good: of what the partner lost, when it was healed. None: it is not there."""
        if way.state != ARRIVED or way.ended is None:
            return None
        lost = self._lost(way)
        return way.ended if lost is None else self._healed(lost)

    def hops(self, message: Message, way: Way, now: datetime) -> Iterator[Hop]:
        """From the event to its arrival, or to `now`, in order of time."""
        yield from self._way_in(message)
        taken = way.ended if way.state == ARRIVED and way.ended is not None else now
        yield from self._carried(way, message.received_time, taken)
        lost = self._lost(way)
        if lost is not None:
            yield from self._losing(lost, way, now)

    def _way_in(self, message: Message) -> Iterator[Hop]:
        """Its sender told it late; or it came in time and was held, until it was taken up."""
        owner = Owner("from", message.source)
        held = self._held_before(message)
        if held is not None:
            yield Hop(owner, held.received_time, "", (told_by(held),))
            yield Hop(Owner("gateway"), message.received_time, "", (told_by(held), told_by(message)))
        yield Hop(owner, message.received_time, "", (told_by(message),))

    def _held_before(self, message: Message) -> Message | None:
        """The same event, as it came first and was held."""
        same = (message.source, message.type, message.event_time, message.body.get("status"))
        held = [
            one
            for one in self.told
            if one.held is not None
            and one.received_time < message.received_time
            and (one.source, one.type, one.event_time, one.body.get("status")) == same
        ]
        return min(held, key=lambda one: one.received_time, default=None)

    def _carried(self, way: Way, begin: datetime, end: datetime) -> Iterator[Hop]:
        """From `begin`, when it came in, to `end`: in the partner's hands while it leaves calls of this lane without an answer, or any."""
        lane = [w for w in self.ways if w.destination == way.destination and w.message <= way.message]
        calls = [call for w in lane for call in _calls(w, end)]
        pauses = self.away.get(way.destination, ())
        marks = {begin, end}
        for first, last, _ in calls:
            marks |= {first, last}
        for pause in pauses:
            marks |= {pause.begin, pause.end or end}
        inside = sorted(mark for mark in marks if begin <= mark <= end)
        for a, b in pairwise(inside):
            tried = [one for first, last, one in calls if first < b and a < last]
            away = [p for p in pauses if p.begin < b and a < (p.end or end)]
            theirs = bool(away) or any(not one.ours for one in tried)
            owner = Owner("to", way.destination) if theirs else Owner("gateway")
            proofs = [sent_by(way), *(tried_by(one, way.destination) for one in tried)]
            yield Hop(owner, b, way.destination, (*proofs, *(away_by(p, way.destination) for p in away)))

    def _lost(self, way: Way) -> Lost | None:
        """The newest difference that was found after the partner had taken it."""
        after = [x for x in self.lost if x.system == way.destination and way.ended is not None and x.found >= way.ended]
        return max(after, key=lambda x: x.found, default=None)

    def _losing(self, lost: Lost, way: Way, now: datetime) -> Iterator[Hop]:
        proof = Proof("difference", str(lost.id), lost.found, lost.ended, lost.system)
        again = self._retold(lost)
        if again is None:
            yield Hop(Owner("lost", lost.system), lost.ended or now, lost.system, (sent_by(way), proof))
            return
        yield Hop(Owner("lost", lost.system), again.created, lost.system, (sent_by(way), proof))
        yield from self._carried(again, again.created, again.ended or now)

    def _healed(self, lost: Lost) -> datetime | None:
        again = self._retold(lost)
        return again.ended if again is not None else lost.ended

    def _retold(self, lost: Lost) -> Way | None:
        """The last message by which it was healed, or is being healed."""
        numbers = {one.seq for one in self.told if one.type == RETOLD and one.received_time >= lost.found}
        again = [
            w
            for w in self.ways
            if w.message in numbers
            and w.destination == lost.system
            and (lost.ended is None or w.created <= lost.ended)
            and w.state != "cancelled"
        ]
        return max(again, key=lambda w: w.message, default=None)


def in_order(journey: Journey) -> Journey:
    """The same, its messages and ways by their numbers: what happened at one moment is told in one order."""
    told, ways = sorted(journey.told, key=lambda one: one.seq), sorted(journey.ways, key=lambda one: one.id)
    return replace(journey, told=told, ways=ways)


def _calls(way: Way, end: datetime) -> Iterator[tuple[datetime, datetime, Attempt]]:
    """From each attempt to the next one, and from the last one to the end of the delivery: what came of it holds so long."""
    tried = sorted(way.attempts, key=lambda one: one.id)
    ends = [*(later.began for later in tried[1:]), way.ended or max(end, way.created)]
    for one, until in zip(tried, ends, strict=False):
        yield one.began, until, one


def told_by(message: Message) -> Proof:
    return Proof("message", message.id, message.event_time, message.received_time, message.source)


def sent_by(way: Way) -> Proof:
    return Proof("delivery", str(way.id), way.created, way.ended, way.destination)


def tried_by(attempt: Attempt, destination: str) -> Proof:
    return Proof("attempt", str(attempt.id), attempt.began, attempt.ended, destination, attempt.code or "")


def away_by(away: Away, destination: str) -> Proof:
    numbers = f"{away.first}–{away.last}" if away.last != away.first else str(away.first)
    return Proof("away", numbers, away.begin, away.end, destination, ", ".join(away.codes), away.count)
