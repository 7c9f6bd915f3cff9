"""Whose minutes: a dossier's time from its reception until those who count it knew of its end, cut so that each minute has one owner.

The owner is whoever the next act waits for: the desk that does it; the citizen while something is asked of him; the post. Before that, what tells
them of it is on its way, and those minutes are the wire's. After the end they are the wire's until the index has been told.

Pure: the same messages in any order give the same stretches.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from gateway.config import StatusRow
from gateway.dossiers.calendar import Doubt
from gateway.dossiers.clocks import Clock
from gateway.dossiers.ways import Hop, Journey, Owner, Proof, Way, in_order, told_by
from gateway.dossiers.worktime import NONE, WorkTime
from gateway.message import Message

MINUTE = timedelta(minutes=1)
ANSWERS = {5: "SupplementProvided", 6: "PaymentPaid"}
"""What ends the citizen's turn at a status."""
ACTS = frozenset(
    (
        *("DossierSubmitted", "StatusChanged", "SupplementRequested", "SupplementProvided", "PaymentRequested"),
        *("PaymentPaid", "ResultIssued", "PostalOrdered", "PostalEvent"),
    )
)
CARRIED = ("delivered", "returned", "cancelled", "lost")
"""States in which the post has done with what it carried."""

Place = Literal["desk", "wire"]


@dataclass(frozen=True, slots=True)
class Roles:
    """Which partners are what. `index`: those whose view is counted (the portal); `speakers`: those at whose desks dossiers lie."""

    index: frozenset[str]
    posts: frozenset[str]
    speakers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Measure:
    """What a dossier is measured by: one of its clocks, the statuses at which that clock stands still, the hours it runs by.

    `near`: working time before the due date within which a dossier is nearly late.
    """

    clock: Clock
    still: frozenset[int]
    work: WorkTime
    near: timedelta


@dataclass(frozen=True, slots=True)
class Stretch:
    """A while in one owner's hands. `minutes` and `worked` (working minutes) are whole and add up. `runs`: the clock ran meanwhile.

    `towards`: of minutes on the wire, the system that was to be told.
    """

    owner: Owner
    begin: datetime
    end: datetime
    runs: bool
    towards: str = ""
    proofs: tuple[Proof, ...] = ()
    minutes: int = 0
    worked: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """`place` is where a late dossier was late: on a desk, or on the wire; None for one that is not late, or has no due date.

    `at_source`: it was late where it is handled, too; otherwise only the index learned of it too late. `over`: working time beyond the due
    date, there or (not `at_source`) as the index saw it. `wire`: working time on the wire while the clock ran, up to that moment.
    `blamed`: who had most of its minutes, of that place. `near`: it is not late, and nearly was or is.
    """

    late: bool = False
    near: bool = False
    place: Place | None = None
    at_source: bool = False
    over: timedelta = NONE
    wire: timedelta = NONE
    blamed: Owner | None = None


@dataclass(frozen=True, slots=True)
class Delay:
    """One dossier's time. `viewer`: who counts it: the index, else the owner; `known`: when that knew of the end; `seen`: when each system that
    was told of it did. None: not yet. `doubts`: what nobody has confirmed, of the days that the clock counted."""

    code: str
    organisation: str
    start: datetime | None
    due: datetime | None
    ended: datetime | None
    viewer: str
    known: datetime | None
    seen: Mapping[str, datetime | None]
    stretches: Sequence[Stretch]
    verdict: Verdict
    doubts: Sequence[Doubt] = ()

    def minutes(self, *, counted: bool = False) -> dict[Owner, tuple[int, int]]:
        """By owner, minutes and working minutes; `counted`: only until the end was known, the post's after it left out."""
        found: dict[Owner, tuple[int, int]] = {}
        for one in self.stretches:
            if not counted or self.known is None or one.begin < self.known:
                wall, worked = found.get(one.owner, (0, 0))
                found[one.owner] = (wall + one.minutes, worked + one.worked)
        return found


def explain_delay(
    journey: Journey, roles: Roles, measure: Measure, statuses: Mapping[int, StatusRow], now: datetime
) -> Delay:
    """Cut, and judged, at `now`. One that was not received has no stretches. Raises `Refused` for moments beyond the calendar."""
    clock = measure.clock
    journey = in_order(journey)
    if clock.start is None:
        nothing = Verdict()
        return Delay(
            journey.code, journey.organisation, None, clock.due, clock.ended, "", None, {}, (), nothing, clock.doubts
        )
    cutting = Cutting(journey, roles, measure, statuses, clock.start, now)
    cutting.run()
    stretches = _count(cutting.pieces, measure.work)
    made = Delay(
        journey.code, journey.organisation, clock.start, clock.due, cutting.ended, cutting.viewer, cutting.known, cutting.seen, stretches, Verdict()
    )  # fmt: skip
    return replace(made, verdict=_judge(made, measure, now), doubts=clock.doubts)


class Cutting:
    """Goes along one dossier's time and gives each piece to its owner. `at`: how far it is; pieces follow each other without a gap."""

    def __init__(
        self,
        journey: Journey,
        roles: Roles,
        measure: Measure,
        statuses: Mapping[int, StatusRow],
        start: datetime,
        now: datetime,
    ) -> None:
        self.journey, self.roles, self.measure, self.statuses, self.now = journey, roles, measure, statuses, now
        self.at = start
        self.ended = measure.clock.ended if measure.clock.state == "ended" else None
        self.viewer = ""
        self.known: datetime | None = None
        self.seen: dict[str, datetime | None] = {}
        self.pieces: list[Stretch] = []
        moved = sorted((one for one in journey.told if one.held is None), key=lambda one: (one.event_time, one.seq))
        self.acts = [one for one in moved if _is_act(one, moved)]
        self.home = self._home()

    def run(self) -> None:
        last = self.ended or max(self.now, self.at)
        coming = [one for one in self.acts if self.at < one.event_time <= last]
        for one in coming:
            self._wait(one, one.event_time)
        if self.ended is None:
            self._wait(None, last)
        else:
            self._tell(self.ended)

    # ── until the end: whom the next act waits for ──────────────────────────────────────────────────────────────

    def _wait(self, act: Message | None, until: datetime) -> None:
        """From here to the next act, or to now."""
        if until <= self.at:
            return
        done = [one for one in self.acts if one.event_time <= self.at]
        status = next((one for one in reversed(done) if _status(one) is not None), None)
        runs = status is None or _status(status) not in self.measure.still
        asked = status is not None and self._asks(status, done)
        owner, told = self._awaited(act, done, status, asked=asked)
        handed = self._handed(done, told)
        if handed is not None:
            self._travel(*handed, until, acted=act is not None, runs=runs)
        self._put(owner, until, runs, proofs=_proofs(status if asked else done[-1] if done else None, act))

    def _awaited(
        self, act: Message | None, done: Sequence[Message], status: Message | None, *, asked: bool
    ) -> tuple[Owner, str]:
        """Who has to act, and the system that must be told so that he can."""
        if asked and status is not None:
            answered = act is not None and act.type == ANSWERS.get(_status(status) or 0)
            return Owner("citizen"), act.source if act is not None and answered else self.journey.owner
        system = act.source if act is not None else self._next(done)
        return Owner("post", system) if system in self.roles.posts else self._desk(system), system

    def _asks(self, status: Message, done: Sequence[Message]) -> bool:
        """Does it ask something of the citizen, who has not answered since?"""
        code = _status(status) or 0
        if self.statuses[code].clock != "paused":
            return False
        return not any(one.type == ANSWERS.get(code) and one.event_time > status.event_time for one in done)

    def _next(self, done: Sequence[Message]) -> str:
        """Whom an open dossier waits for: who was handed something to do, else whoever spoke last."""
        for one in reversed(done):
            if one.type in ANSWERS.values():
                asker = (x.source for x in reversed(done) if _status(x) in ANSWERS)
                return next(asker, self.home)
            if one.type == "DossierSubmitted":
                to = sorted(w.destination for w in self.journey.ways if w.message == one.seq)
                return next((name for name in to if name in self.roles.speakers and name != one.source), one.source)
            if not one.type.startswith("Postal"):
                return one.source
        return self.home

    def _handed(self, done: Sequence[Message], system: str) -> tuple[Message, Way] | None:
        """What another did since the system's own last act, and that it was to be told of."""
        for one in reversed(done):
            if one.source == system:
                return None
            way = self.journey.way(one, system)
            if way is not None:
                return one, way
        return None

    def _travel(self, message: Message, way: Way, until: datetime, *, acted: bool, runs: bool) -> None:
        """What was on its way meanwhile. Who acted before it came did not wait for it."""
        arrived = self.journey.arrived(way)
        if acted and (arrived is None or arrived > until):
            return
        self._follow(self.journey.hops(message, way, self.now), until, runs)

    def _home(self) -> str:
        """The system in which the dossier is handled: its owner; of one filed elsewhere, who was given it, or else spoke of it first."""
        speakers, owner = self.roles.speakers, self.journey.owner
        if owner in speakers:
            return owner
        first = {one.seq for one in self.acts if one.type == "DossierSubmitted"}
        given = sorted(w.destination for w in self.journey.ways if w.message in first and w.destination in speakers)
        return next(iter((*given, *(one.source for one in self.acts if one.source in speakers))), owner)

    def _desk(self, system: str) -> Owner:
        return Owner("desk", self.journey.organisation if system == self.home else system)

    # ── after the end: who has to know of it ────────────────────────────────────────────────────────────────────

    def _tell(self, ended: datetime) -> None:
        last = next(one for one in self.acts if one.event_time == ended and self._ends(one))
        ways = [w for w in self.journey.ways if w.message == last.seq and w.state != "cancelled"]
        self.seen = {last.source: ended, **{w.destination: self.journey.arrived(w) for w in ways}}
        counting = [w for w in ways if w.destination in self.roles.index]
        if last.source in self.roles.index:
            counting = []
        elif not counting:
            counting = [w for w in ways if w.destination == self.journey.owner]
        latest = max(counting, key=lambda w: self.seen[w.destination] or self.now, default=None)
        self.viewer = last.source if latest is None else latest.destination
        self.known = self.seen[self.viewer]
        if latest is not None:
            until = self.known or max(self.now, ended)
            self._follow(self.journey.hops(last, latest, self.now), until, runs=True)
            self._put(Owner("to", latest.destination), until, True, latest.destination, (told_by(last),))
        if self.known is not None:
            self._return()

    def _ends(self, one: Message) -> bool:
        status = _status(one)
        return status is not None and self.statuses[status].clock == "ends"

    def _return(self) -> None:
        """The post brings the result home. It is no part of what is counted."""
        orders = [one for one in self.acts if one.type == "PostalOrdered" and one.body.get("leg") == "return"]
        if not orders:
            return
        order = orders[-1]
        ends = [one for one in self.acts if one.event_time >= order.event_time and _carried(one)]
        until = ends[0].event_time if ends else max(self.now, self.at)
        self._put(self._desk(order.source), min(order.event_time, until), runs=False)
        posts = (w for w in self.journey.ways if w.message == order.seq and w.destination in self.roles.posts)
        way = next(posts, None)
        if way is not None:
            self._travel(order, way, until, acted=bool(ends), runs=False)
            self._put(
                Owner("post", way.destination), until, runs=False, proofs=_proofs(order, ends[0] if ends else None)
            )

    # ── pieces ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _follow(self, hops: Iterable[Hop], until: datetime, runs: bool) -> None:
        for hop in hops:
            self._put(hop.owner, min(hop.until, until), runs, hop.towards, hop.proofs)

    def _put(
        self, owner: Owner, until: datetime, runs: bool, towards: str = "", proofs: tuple[Proof, ...] = ()
    ) -> None:
        """From where we are to `until`; nothing when that is behind us."""
        if until <= self.at:
            return
        before = self.pieces[-1] if self.pieces else None
        if before is not None and (before.owner, before.runs, before.towards) == (owner, runs, towards):
            self.pieces[-1] = replace(before, end=until, proofs=_merge(before.proofs, proofs))
        else:
            self.pieces.append(Stretch(owner, self.at, until, runs, towards, proofs))
        self.at = until


def _is_act(one: Message, moved: Sequence[Message]) -> bool:
    """Something that somebody did and others wait for. Of the post only that it has done what it was asked to; of amendments nothing."""
    if one.type == "PostalEvent":
        return one.body.get("state") in CARRIED and any(
            o.type == "PostalOrdered" and o.body.get("order") == one.body.get("order") for o in moved
        )
    if one.type == "DossierSubmitted":
        return next(o for o in moved if o.type == one.type) is one
    return one.type in ACTS


def _carried(one: Message) -> bool:
    """The result is home, whoever says so."""
    return (one.type == "PostalEvent" and one.body.get("leg") == "return") or _status(one) == 10


def _status(one: Message) -> int | None:
    """The status that a message tells. Amendments, which tell nothing new, are no acts."""
    return one.body["status"] if one.type in ("StatusChanged", "DossierSubmitted") else None


def _proofs(*messages: Message | None) -> tuple[Proof, ...]:
    return tuple(told_by(one) for one in messages if one is not None)


def _merge(before: tuple[Proof, ...], more: tuple[Proof, ...]) -> tuple[Proof, ...]:
    """Each once, in the order in which they came."""
    return tuple(dict.fromkeys((*before, *more)))


def _count(pieces: Sequence[Stretch], work: WorkTime) -> Sequence[Stretch]:
    """With whole minutes that add up: each is what the whole minutes since the start grew by."""
    made: list[Stretch] = []
    wall = worked = 0
    for one in pieces:
        start = pieces[0].begin
        whole, working = (one.end - start) // MINUTE, work.between(start, one.end) // MINUTE
        made.append(replace(one, minutes=whole - wall, worked=working - worked))
        wall, worked = whole, working
    return made


# ── the verdict ─────────────────────────────────────────────────────────────────────────────────────────────────


def _judge(delay: Delay, measure: Measure, now: datetime) -> Verdict:
    """On the wire: it ended in time and the index learned of it too late; or the working time that it was late is no more than what it lost
    on the wire while its clock ran. On a desk otherwise: also when the clock calls it late for a second request."""
    clock, work = measure.clock, measure.work
    due = clock.due
    if due is None or clock.start is None:
        return Verdict()
    if clock.verdict != "late":
        known = delay.known or now
        if delay.ended is not None and known > due:
            wire = _wire(delay, known, work)
            return Verdict(
                True, False, "wire", False, work.between(due, known), wire, _blamed(delay, "wire", delay.ended, known)
            )
        return Verdict(near=_is_near(delay, measure, now))
    moment = clock.ended or max(now, clock.start)
    over, wire = work.between(due, moment), _wire(delay, moment, work)
    lost = moment > due and wire > NONE and over <= wire
    place: Place = "wire" if lost else "desk"
    return Verdict(True, False, place, True, over, wire, _blamed(delay, place, clock.start, moment))


def _is_near(delay: Delay, measure: Measure, now: datetime) -> bool:
    clock = measure.clock
    if clock.due is None or clock.state == "paused":
        return False
    seen = delay.ended and (delay.known or now)
    return NONE <= measure.work.between(seen or max(now, delay.start or now), clock.due) <= measure.near


def _wire(delay: Delay, until: datetime, work: WorkTime) -> timedelta:
    lost = (one for one in delay.stretches if one.owner.on_the_wire and one.runs and one.begin < until)
    return sum((work.between(one.begin, min(one.end, until)) for one in lost), NONE)


def _blamed(delay: Delay, place: Place, begin: datetime, end: datetime) -> Owner | None:
    """Who had most of the time between, of those of the place; of equals the first."""
    took: dict[Owner, timedelta] = {}
    for one in _between(delay.stretches, begin, end):
        if one.owner.on_the_wire if place == "wire" else one.owner.kind == "desk":
            took[one.owner] = took.get(one.owner, NONE) + (min(one.end, end) - max(one.begin, begin))
    return max(took, key=lambda owner: took[owner], default=None)


def _between(stretches: Sequence[Stretch], begin: datetime, end: datetime) -> Iterator[Stretch]:
    return (one for one in stretches if one.begin < end and begin < one.end)


__all__ = ["ANSWERS", "Delay", "Measure", "Place", "Roles", "Stretch", "Verdict", "explain_delay"]
