"""Whose minutes were lost, from the ledger: one dossier, or all that are late; and which turn late today unless somebody comes back in time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from itertools import groupby
from typing import Any, Literal

from gateway.canonical.scalars import HANOI
from gateway.config import Delivery
from gateway.dossiers.delays import Delay, Measure, Roles, explain_delay
from gateway.dossiers.statistics import postal_partners
from gateway.dossiers.ways import LOST, OURS, SILENT, Attempt, Away, Journey, Lost, Way
from gateway.errors import Fault, NotFound
from gateway.flow.gateway import Gateway, Setup
from gateway.ledger import Ledger
from gateway.ledger import delays as ledger
from gateway.ledger.messages import histories

SHORTEST = timedelta(minutes=1)
"""A silence, or a wait in the gateway, that is looked into."""


class Silences:
    """When partners were away, by what became of all calls to them; read once for a time that grows as it is asked about.

    `widest`: what is asked about in the end, if that is known.
    """

    def __init__(self, setup: Setup, connection: Any, widest: tuple[datetime, datetime] | None = None) -> None:
        self.setup, self.connection, self.widest = setup, connection, widest
        self._read: dict[str, tuple[datetime, datetime, Sequence[Away]]] = {}

    def of(self, destination: str, begin: datetime, end: datetime) -> Sequence[Away]:
        """A partner that was away already at `begin` was tried again by the breaker before long."""
        begin -= timedelta(seconds=policy_of(self.setup, destination).breaker_most)
        end += SHORTEST
        known = self._read.get(destination)
        if known is not None and known[0] <= begin and end <= known[1]:
            return known[2]
        for wider in (known, self.widest):
            begin, end = (begin, end) if wider is None else (min(begin, wider[0]), max(end, wider[1]))
        rows = ledger.silences(self.connection, destination, begin, end, silent=SILENT, ours=OURS)
        self._read[destination] = begin, end, _aways(rows)
        return self._read[destination][2]


def _aways(rows: Sequence[Any]) -> Sequence[Away]:
    """Each run of quiet attempts, up to the next answered one. Short ones are no absence."""
    runs: dict[int, list[Any]] = {}
    for row in rows:
        runs.setdefault(row.run, []).append(row)
    found = []
    for number, run in runs.items():
        if not run[0].quiet:
            continue
        after = runs.get(number + 1)
        begin, end = min(row.begin for row in run), min(row.begin for row in after) if after else None
        if end is None or end - begin >= SHORTEST:
            codes = sorted({row.code for row in run if row.code})
            first, last = min(row.first for row in run), max(row.last for row in run)
            found.append(Away(begin, end, first, last, sum(row.count for row in run), codes))
    return found


class Explainer:
    """Explains dossiers of one reading of the ledger. `widest`: of many, the time they are of."""

    def __init__(
        self, setup: Setup, connection: Any, now: datetime, *, widest: tuple[datetime, datetime] | None = None
    ) -> None:
        self.setup, self.connection, self.now = setup, connection, now
        config, posts = setup.config, frozenset(postal_partners(setup.config))
        index = frozenset(setup.kpi.partners) & config.partners.keys()
        speak = {name for name, row in config.partners.items() if "StatusChanged" in row.sends}
        self.roles = Roles(index, posts, frozenset(speak - posts - index - config.replicas))
        self._silences = Silences(setup, connection, widest)

    def one(self, code: str) -> Delay:
        """With all its proofs. Raises `NotFound`."""
        journeys = [(one, measure) for one in self._journeys([code]) if (measure := self._measure(one)) is not None]
        if not journeys:
            words = f"cổng không có hồ sơ {code}", f"the gateway knows no dossier {code}"
            raise NotFound([Fault("", "unknown-dossier", *words)])
        return self._closely(journeys)[code]

    def roughly(self, codes: Sequence[str]) -> Sequence[Delay]:
        """Right as to what was late, and where; not yet as to what waited here and what the partner did not take."""
        return [self._cut(one, measure) for one in self._journeys(codes) if (measure := self._measure(one)) is not None]

    def late(self, codes: Sequence[str]) -> Sequence[Delay]:
        """Each of these dossiers; those that are late with all their proofs."""
        journeys = [(one, measure) for one in self._journeys(codes) if (measure := self._measure(one)) is not None]
        rough = {one.code: self._cut(one, measure) for one, measure in journeys}
        late = [(one, measure) for one, measure in journeys if rough[one.code].verdict.late]
        return list((rough | self._closely(late)).values())

    def _measure(self, journey: Journey) -> Measure | None:
        """None for what was never submitted here."""
        clocks = self.setup.reckoner.reckon(journey.told, self.now)
        if clocks is None:
            return None
        calendar = self.setup.reckoner.calendar
        rules = calendar.rules(clocks.kpi.start or self.now)
        near, work = timedelta(hours=rules.day_hours), calendar.worktime(rules.legal_hours)
        return Measure(clocks.kpi, frozenset(rules.kpi_pauses), work, near)

    def _cut(self, journey: Journey, measure: Measure) -> Delay:
        return explain_delay(journey, self.roles, measure, self.setup.config.statuses, self.now)

    def _closely(self, journeys: Sequence[tuple[Journey, Measure]]) -> dict[str, Delay]:
        """By code. With the attempts; and where something waited here, with what the partner did to all calls meanwhile."""
        calls: dict[int, list[Attempt]] = {}
        for row in ledger.tried(self.connection, [way.id for journey, _ in journeys for way in journey.ways]):
            calls.setdefault(row.delivery, []).append(
                Attempt(row.id, row.started_at, row.ended_at, row.outcome, row.code)
            )
        found: dict[str, Delay] = {}
        for journey, measure in journeys:
            tried = replace(journey, ways=[replace(way, attempts=calls.get(way.id, ())) for way in journey.ways])
            delay = self._cut(tried, measure)
            away = self._away(delay)
            found[journey.code] = self._cut(replace(tried, away=away), measure) if away else delay
        return found

    def _away(self, delay: Delay) -> dict[str, Sequence[Away]]:
        """By partner: what it left without an answer while something waited here to go to it, and until that had arrived."""
        found: dict[str, dict[int, Away]] = {}
        for towards, stretches in groupby(delay.stretches, key=lambda one: one.towards):
            way = list(stretches)
            if towards and any(one.owner.kind == "gateway" and one.end - one.begin >= SHORTEST for one in way):
                aways = self._silences.of(towards, way[0].begin, way[-1].end)
                found.setdefault(towards, {}).update({away.first: away for away in aways})
        return {towards: list(aways.values()) for towards, aways in found.items() if aways}

    def _journeys(self, codes: Sequence[str]) -> list[Journey]:
        told = histories(self.connection, codes)
        ways: dict[str, list[Way]] = {}
        for row in ledger.ways_of(self.connection, codes):
            way = Way(row.id, row.message_seq, row.destination, row.state, row.created_at, row.ended_at)
            ways.setdefault(row.dossier, []).append(way)
        lost: dict[str, list[Lost]] = {}
        for row in ledger.lost_of(self.connection, codes, LOST):
            lost.setdefault(row.dossier, []).append(Lost(row.id, row.system, row.found_at, row.ended_at))
        return [
            Journey(
                row.code, row.organisation, row.owner, told.get(row.code, []), ways.get(row.code, []), lost.get(row.code, [])
            )
            for row in ledger.rows_of(self.connection, codes)
        ]  # fmt: skip


def policy_of(setup: Setup, destination: str) -> Delivery:
    """How a destination is served; one whose partner file is gone as `gateway.toml` has it."""
    known = destination in setup.config.partners
    return setup.config.delivery(destination) if known else setup.config.settings.delivery


def over_statuses(setup: Setup) -> list[int]:
    """The statuses at which a dossier has ended."""
    return [code for code, row in setup.config.statuses.items() if row.clock == "ends"]


def explain(setup: Setup, books: Ledger, code: str, now: datetime) -> Delay:
    """One dossier, with its proofs. Raises `NotFound`."""
    with books.read() as connection:
        return Explainer(setup, connection, now).one(code)


# ── what turns late today ───────────────────────────────────────────────────────────────────────────────────────

Why = Literal["desk", "citizen", "away", "parked", "doubt", "queue", "told", "lost"]
WHY: Mapping[Why, tuple[str, str]] = {
    "desk": ("còn trên bàn", "still on a desk"),
    "citizen": ("chờ người dân, đồng hồ vẫn chạy", "waits for the citizen, and its clock runs on"),
    "away": ("đối tác không trả lời", "the partner does not answer"),
    "parked": ("lượt gửi chờ người xử lý", "its delivery is parked for a person"),
    "doubt": ("chưa rõ đối tác đã nhận chưa", "whether it arrived is not known"),
    "queue": ("còn chờ gửi", "still waiting to be sent"),
    "told": ("bên gửi báo chậm", "its sender is slow to tell"),
    "lost": ("đối tác đánh mất", "the partner has lost it"),
}

BLOCKED: tuple[Why, ...] = ("away", "parked", "doubt")


@dataclass(frozen=True, slots=True)
class Risk:
    """An open dossier that turns late today, at `due`, unless `waits_for` (an agency's code, a partner, or ``citizen``) has acted by `needed_by`.

    `why` is ``desk`` or ``citizen``, or what keeps it on the wire. `over`: it has ended in time, and the index does not know.
    `stuck`: of one on a desk, the index's partner to which nothing of it goes just now: ended today, it would be known too late.
    """

    dossier: str
    agency: str
    due: datetime
    why: Why
    waits_for: str
    needed_by: datetime
    over: bool = False
    stuck: str = ""

    @property
    def on_the_wire(self) -> bool:
        return self.why not in ("desk", "citizen")


def forecast(gateway: Gateway, now: datetime) -> list[Risk]:
    """What turns late today, in Vietnam: what is due later today by the index's clock, and is neither ended, as the index knows, nor waits
    for the citizen. The earliest need first."""
    return foresee(gateway, gateway.ledger, now)


def foresee(setup: Setup, books: Ledger, now: datetime) -> list[Risk]:
    """As `forecast`, without a gateway."""
    night = midnight(now.astimezone(HANOI).date() + timedelta(days=1))
    ends, found = over_statuses(setup), []
    with books.read() as connection:
        explainer = Explainer(setup, connection, now)
        index = explainer.roles.index
        for codes in ledger.unfinished(connection, ends=ends, index=index, due_before=night):
            turning = [(one, due) for one in explainer.roughly(codes) if (due := _turns(one, now, night)) is not None]
            heads = ledger.heads_of(connection, [one.code for one, _ in turning])
            found += [_risk(setup, connection, one, due, heads) for one, due in turning]
    return sorted(found, key=lambda risk: (risk.needed_by, risk.dossier))


def _turns(delay: Delay, now: datetime, night: datetime) -> datetime | None:
    """When it is late today, if nothing happens. One whose clock stands still is not."""
    if delay.due is None or not now < delay.due < night or not delay.stretches or delay.known is not None:
        return None
    return delay.due if delay.stretches[-1].runs and not delay.verdict.late else None


def _risk(setup: Setup, connection: Any, delay: Delay, due: datetime, heads: Mapping[tuple[str, str], Any]) -> Risk:
    last = delay.stretches[-1]
    if not last.owner.on_the_wire:
        why: Why = "citizen" if last.owner.kind == "citizen" else "desk"
        blocked = (name for name in setup.kpi.partners if _why("to", heads.get((delay.code, name))) in BLOCKED)
        return Risk(delay.code, delay.organisation, due, why, last.owner.who or why, due, stuck=next(blocked, ""))
    partner = last.towards or last.owner.who
    head = heads.get((delay.code, partner))
    needs = timedelta(0) if head is None else _needs(setup, connection, partner, head)
    return Risk(
        delay.code, delay.organisation, due, _why(last.owner.kind, head), partner, due - needs, delay.ended is not None
    )


def _why(kind: str, head: Any) -> Why:
    if head is None:
        return "lost" if kind == "lost" else "told"
    if head.state == "parked":
        return "parked"
    if head.breaker != "closed":
        return "away"
    return "doubt" if head.state == "in_doubt" else "queue"


def _needs(setup: Setup, connection: Any, partner: str, head: Any) -> timedelta:
    """What the lane needs once the partner is back: until its return is noticed, for the lanes before it, and for what stands in it."""
    policy = policy_of(setup, partner)
    call = ledger.seconds_a_call(connection, partner) or 0.0
    before = ledger.ahead_of(connection, partner, head.urgency)
    seconds = call * (before / (policy.calls or policy.concurrency) + head.open)
    if policy.rate:
        seconds = max(seconds, (before + head.open) / policy.rate)
    return timedelta(seconds=seconds + (policy.breaker_most if head.breaker != "closed" else 0))


def midnight(day: date) -> datetime:
    """When that day begins in Vietnam."""
    return datetime.combine(day, time(), HANOI)


def every_delay(
    explainer: Explainer, connection: Any, pages: Iterable[Sequence[str]], since: datetime, until: datetime
) -> Iterator[Delay]:
    """Those that were received and are due in that time, by the clock; a promised one by its promise, which the pages went by."""
    for codes in pages:
        promised = {row.code for row in ledger.rows_of(connection, codes) if row.due_at is not None}
        for one in explainer.late(codes):
            if one.due is not None and one.start is not None and (one.code in promised or since <= one.due < until):
                yield one


__all__ = ["Explainer", "Risk", "every_delay", "explain", "forecast", "foresee", "midnight", "over_statuses"]
