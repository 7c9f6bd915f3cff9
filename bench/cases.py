"""A scenario's dossiers, invented so that they add up to its published figures; nothing is sent yet."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta

from bench.figures import Scenario, count_of
from gateway.canonical.scalars import HANOI

MARGIN = 28  # days before the end by which a dossier must have come in to be settled on its day, or late
OFFICE = (time(7, 0), time(11, 30), time(13, 30), time(17, 0))


@dataclass(slots=True)
class Case:
    """One dossier's fate. `fate`: early, on_time, late, open or overdue. `home`: the result goes home by post."""

    agency: str
    received: datetime
    fate: str = "early"
    channel: int = 1
    home: bool = False
    supplement: bool = False
    due: datetime = field(init=False)
    ended: datetime | None = None


def invent(scenario: Scenario) -> list[Case]:
    """In order of reception; the same for ever. Raises ValueError when the figures do not fit together."""
    return _Draft(scenario).cases


class _Draft:
    """Drawn by lot within the published counts, one after another: agency and day, fate, channel, post, dates."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario, self.told, self.free = scenario, scenario.published, scenario.invented
        self.dice = random.Random(self.free.seed)
        self.end = datetime.combine(scenario.last, OFFICE[3], HANOI)
        self.cases = self._receive()
        self._settle()
        self._go_online()
        self._go_by_post()
        for case in self.cases:
            self._date(case)
        ripe = [c for c in self.cases if c.ended is not None and c.ended - c.received > timedelta(days=3)]
        for case in self._draw(ripe, len(self.cases) * self.free.supplement_percent // 100, "supplements"):
            case.supplement = True

    def _draw(self, among: Sequence[Case], many: int, what: str) -> list[Case]:
        if many > len(among):
            raise ValueError(f"{what}: {many} wanted, but only {len(among)} dossiers can be so")
        return self.dice.sample(list(among), many)

    def _receive(self) -> list[Case]:
        """As many as were published on each side of the part's first day, spread over working hours and agencies."""
        part, whole = self.told.part, self.told.received
        if part is None:
            return self._spread(self.scenario.first, self.scenario.last, whole)
        if part.last != self.scenario.last:
            raise ValueError("the part must end where the scenario ends")
        before = self._spread(self.scenario.first, part.first - timedelta(days=1), whole - self.free.part_received)
        return before + self._spread(part.first, part.last, self.free.part_received)

    def _spread(self, first: date, last: date, many: int) -> list[Case]:
        days = [d for d in _days(first, last) if d.weekday() < 5]
        agencies = [name for name, count in apportion(many, self.free.agencies).items() for _ in range(count)]
        self.dice.shuffle(agencies)
        at = sorted(self._office(days[i * len(days) // many]) for i in range(many))
        return [Case(agency, when) for agency, when in zip(agencies, at, strict=True)]

    def _office(self, day: date) -> datetime:
        """Some moment in office hours, with half an hour left to begin the work."""
        morning = self.dice.random() < 0.6
        start, stop = OFFICE[0:2] if morning else OFFICE[2:4]
        minutes = (stop.hour - start.hour) * 60 + stop.minute - start.minute - 31
        return datetime.combine(day, start, HANOI) + timedelta(seconds=self.dice.randrange(60 * minutes))

    def _settle(self) -> None:
        """The newest are still open. Late are none of the agencies that had none late."""
        counts = self._fates()
        settled = len(self.cases) - counts["open"]
        for case in self.cases[settled:]:
            case.fate = "open"
        ripe = [c for c in self.cases[:settled] if self.end - c.received > timedelta(days=MARGIN)]
        for fate in ("late", "overdue", "on_time"):
            can = [
                c for c in ripe if c.fate == "early" and (fate == "on_time" or c.agency not in self.told.all_in_time)
            ]
            for case in self._draw(can, counts[fate], fate):
                case.fate = fate

    def _fates(self) -> Mapping[str, int]:
        told, shares = self.told, self.told.percent
        if told.judged is not None:
            early, on_time, late = (count_of(shares[name], told.judged) for name in ("early", "on_time", "late"))
            overdue = told.judged - early - on_time - late
        else:
            in_time, late, overdue = told.in_time or 0, told.late or 0, 0
            early = in_time * self.free.early_percent // 100
            on_time = in_time - early
        going = told.received - early - on_time - late - overdue
        return {"early": early, "on_time": on_time, "late": late, "overdue": overdue, "open": going}

    def _go_online(self) -> None:
        named = self.told.online_by_agency
        for agency, count in named.items():
            self._make_online([c for c in self.cases if c.agency == agency], count, agency)
        others = [c for c in self.cases if c.agency not in named]
        self._make_online(others, self.told.online - sum(named.values()), "others")

    def _make_online(self, among: Sequence[Case], many: int, what: str) -> None:
        for case in self._draw(among, many, f"online, {what}"):
            case.channel = 2

    def _go_by_post(self) -> None:
        part, whole = self.told.part, self.told.postal
        if whole is None:
            whole = self.told.received * self.free.postal_percent // 100
        if part is None:
            self._post(self.cases, whole, "all")
            return
        inside = [c for c in self.cases if c.received.date() >= part.first]
        for agency, count in part.postal_by_agency.items():
            self._post([c for c in inside if c.agency == agency], count, agency)
        unnamed = [c for c in inside if c.agency not in part.postal_by_agency]
        self._post(unnamed, part.postal - sum(part.postal_by_agency.values()), "others")
        self._post([c for c in self.cases if c.received.date() < part.first], whole - part.postal, "before")

    def _post(self, among: Sequence[Case], many: int, what: str) -> None:
        """By post comes what was handed in there, or what goes home; a dossier filed online and still open does neither yet."""
        settled = ("early", "on_time", "late")
        for case in self._draw([c for c in among if c.channel != 2 or c.fate in settled], many, f"postal, {what}"):
            if case.channel != 2 and (case.fate not in settled or self.dice.random() < 0.3):
                case.channel = 3
            case.home = case.fate in settled

    def _date(self, case: Case) -> None:
        """When it was promised and when it ended; 17:00 of a working day is promised."""
        day, dice = case.received.date(), self.dice
        most, since = (15, max(day, self.scenario.last)) if case.fate == "open" else (12, day)
        promised = _working(since, dice.randrange(2, most))
        case.due = datetime.combine(promised, OFFICE[3], HANOI)
        if case.fate == "on_time":
            case.ended = self._in_the_afternoon(promised)
        elif case.fate == "late":
            case.ended = self._in_the_afternoon(_working(promised, dice.randrange(1, 5)))
        elif case.fate == "early":
            last = min(promised - timedelta(days=1), self.scenario.last)
            between = [d for d in _days(day, last) if d.weekday() < 5]
            ended = dice.choice(between)
            case.ended = case.received + timedelta(minutes=20) if ended == day else self._in_the_afternoon(ended)

    def _in_the_afternoon(self, day: date) -> datetime:
        return datetime.combine(day, OFFICE[2], HANOI) + timedelta(seconds=self.dice.randrange(3 * 3600))


def apportion(many: int, weights: Mapping[str, int]) -> dict[str, int]:
    """`many` by weight, whole numbers that add up: what is left over goes to the largest remainders."""
    total = sum(weights.values())
    counts = {name: many * weight // total for name, weight in weights.items()}
    rest: Callable[[str], int] = lambda name: many * weights[name] % total  # noqa: E731
    for name in sorted(weights, key=rest, reverse=True)[: many - sum(counts.values())]:
        counts[name] += 1
    return counts


def _days(first: date, last: date) -> list[date]:
    return [first + timedelta(days=i) for i in range((last - first).days + 1)]


def _working(day: date, many: int) -> date:
    """So many weekdays later. Holidays are not the generator's business: what was promised is what was promised."""
    while many:
        day += timedelta(days=1)
        many -= day.weekday() < 5
    return day
