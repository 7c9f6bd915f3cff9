"""Statistics of a period: what came in, what was settled and whether in time, by agency, procedure, channel or level.

Shares are of whole numbers and rounded half up to two places, as the field prints them. What each figure counts: docs/statistics.md.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime, time, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from gateway.canonical.scalars import HANOI
from gateway.codes import CsvCodes
from gateway.codes.lists import key_of
from gateway.config import Config
from gateway.dossiers.deadlines import judge_deadline
from gateway.ledger import Ledger
from gateway.ledger.lives import Life, lives, ratings
from gateway.ledger.queries import Reader

BY = ("agency", "procedure", "channel", "level")
CHANNELS = {1: ("Trực tiếp", "In person"), 2: ("Trực tuyến", "Online"), 3: ("Bưu chính công ích", "Public post")}
LEVELS = {
    "ministry": ("Bộ, ngành", "Ministry"),
    "province": ("Cấp tỉnh", "Province"),
    "commune": ("Cấp xã", "Commune"),
    "": ("Chưa rõ cấp", "Level not known"),
}
CONTENT, UNHAPPY = 4, 2  # of five: a score from 4 up is satisfied, up to 2 dissatisfied


@dataclass(slots=True)
class Tally:
    """Counts. What is received is counted in the period of its first reception, what is resolved in that of its end."""

    received: int = 0
    online: int = 0
    postal: int = 0
    supplemented: int = 0
    resolved: int = 0
    early: int = 0
    on_time: int = 0
    late: int = 0
    unpromised: int = 0
    closed: int = 0
    open: int = 0
    overdue: int = 0
    ratings: int = 0
    satisfied: int = 0
    dissatisfied: int = 0

    @property
    def in_time(self) -> int:
        return self.early + self.on_time

    @property
    def judged(self) -> int:
        """What was to be settled: settled under a promise, or open although the promise has gone by."""
        return self.early + self.on_time + self.late + self.overdue

    def add(self, other: Tally) -> None:
        for one in fields(self):
            setattr(self, one.name, getattr(self, one.name) + getattr(other, one.name))

    def as_json(self) -> dict[str, Any]:
        """The counts, and `shares` in percent; a share of nothing is None."""
        counts = {one.name: getattr(self, one.name) for one in fields(self)}
        shares = {name: percent(part(self), whole(self)) for name, (part, whole) in SHARES.items()}
        return {**counts, "in_time": self.in_time, "judged": self.judged, "shares": shares}


SHARES: Mapping[str, tuple[Callable[[Tally], int], Callable[[Tally], int]]] = {
    "online": (lambda t: t.online, lambda t: t.received),
    "postal": (lambda t: t.postal, lambda t: t.received),
    "supplemented": (lambda t: t.supplemented, lambda t: t.received),
    "early": (lambda t: t.early, lambda t: t.judged),
    "on_time": (lambda t: t.on_time, lambda t: t.judged),
    "in_time": (lambda t: t.in_time, lambda t: t.judged),
    "late": (lambda t: t.late, lambda t: t.judged),
    "overdue": (lambda t: t.overdue, lambda t: t.judged),
    "satisfied": (lambda t: t.satisfied, lambda t: t.ratings),
}
"""Share → part and whole."""


def percent(part: int, whole: int) -> float | None:
    """In percent, two places, half up."""
    if whole == 0:
        return None
    return float((Decimal(100 * part) / Decimal(whole)).quantize(Decimal("0.01"), ROUND_HALF_UP))


@dataclass(frozen=True, slots=True)
class Group:
    """One line: an agency, a procedure, a channel or a level."""

    key: str
    name: str
    name_en: str
    tally: Tally

    def as_json(self) -> dict[str, Any]:
        return {"key": self.key, "name": self.name, "name_en": self.name_en, **self.tally.as_json()}


@dataclass(frozen=True, slots=True)
class Statistics:
    """`first` and `last`: days in Vietnam, both included. `as_of`: the instant at which what had not ended counts as open."""

    first: date
    last: date
    by: str
    as_of: datetime
    groups: list[Group]
    total: Tally

    def as_json(self) -> dict[str, Any]:
        return {
            "from": self.first.isoformat(),
            "to": self.last.isoformat(),
            "by": self.by,
            "as_of": self.as_of,
            "groups": [group.as_json() for group in self.groups],
            "total": self.total.as_json(),
        }


def gather_statistics(
    ledger: Ledger, config: Config, codes: CsvCodes, reader: Reader, first: date, last: date, by: str, now: datetime
) -> Statistics:
    """Of what the reader may know of. One reading of the ledger."""
    since, until = _midnight(first), _midnight(last + timedelta(days=1))
    at = min(until, now)
    key = _KEYS[by](codes)
    tallies: dict[str, Tally] = {}
    with ledger.read() as connection:
        for life in lives(connection, reader, since=since, until=until, post=postal_partners(config)):
            reception = key(life._replace(organisation=life.received_by))
            if since <= life.received_at < until:
                count_reception(tallies.setdefault(reception, Tally()), life)
            count_fate(tallies.setdefault(key(life), Tally()), life, since, at)
        for row in ratings(connection, reader, since=since, until=until):
            _rate(tallies.setdefault(key(row), Tally()), json.loads(row.body)["score"])
    groups = [Group(one, *_NAMES[by](codes, one), tally) for one, tally in tallies.items()]
    groups.sort(key=lambda group: (-group.tally.received, group.key))
    return Statistics(first, last, by, at, groups, sum_up(tallies.values()))


def postal_partners(config: Config) -> list[str]:
    """To whom postal orders go."""
    routes = [route for route in config.routes if "PostalOrdered" in route.when.type and route.mode == "translate"]
    return sorted({partner for route in routes for partner in route.to})


def sum_up(tallies: Iterable[Tally]) -> Tally:
    total = Tally()
    for one in tallies:
        total.add(one)
    return total


def count_life(tally: Tally, life: Life, since: datetime, until: datetime, at: datetime) -> None:
    """Counts one life that began before `until`; whether it has ended is asked as of `at`."""
    if since <= life.received_at < until:
        count_reception(tally, life)
    count_fate(tally, life, since, at)


def count_reception(tally: Tally, life: Life) -> None:
    """Of a life that began in the period: at the agency that it began with."""
    tally.received += 1
    tally.online += life.channel == 2
    tally.postal += life.by_post or life.channel == 3
    tally.supplemented += life.asked > 0


def count_fate(tally: Tally, life: Life, since: datetime, at: datetime) -> None:
    """Closed, open or resolved as of `at`: at the agency that ended it, or has it."""
    if life.closed_at is not None and life.closed_at < at:
        tally.closed += life.closed_at >= since
        return
    judgement = judge_deadline(life, at)
    if judgement in ("open", "overdue"):
        tally.open += 1
        tally.overdue += judgement == "overdue"
    elif life.ended_at is not None and life.ended_at >= since:
        tally.resolved += 1
        setattr(tally, judgement, getattr(tally, judgement) + 1)


def _rate(tally: Tally, score: int) -> None:
    tally.ratings += 1
    tally.satisfied += score >= CONTENT
    tally.dissatisfied += score <= UNHAPPY


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), HANOI)


# ── groups and their names ──────────────────────────────────────────────────────────────────────────────────────


def _remembered(find: Callable[[str], str]) -> Callable[[str], str]:
    """Few codes, many dossiers: each code is looked up once."""
    known: dict[str, str] = {}

    def ask(code: str) -> str:
        if code not in known:
            known[code] = find(code)
        return known[code]

    return ask


def _row(codes: CsvCodes, listname: str, code: str) -> Mapping[str, str]:
    """The newest row that this code ever had; empty for one that no list holds."""
    rows = codes.history(listname, code)
    return max(rows, key=lambda row: row.last).values if rows else {}


def _by_agency(codes: CsvCodes) -> Callable[[Any], str]:
    """A unit has codes in two systems: both are one agency."""
    find = _remembered(lambda code: _row(codes, "organisations", code).get("code", code))
    return lambda life: find(life.organisation)


def _by_level(codes: CsvCodes) -> Callable[[Any], str]:
    find = _remembered(lambda code: _row(codes, "organisations", code).get("level", ""))
    return lambda life: find(life.organisation)


_KEYS: Mapping[str, Callable[[CsvCodes], Callable[[Any], str]]] = {
    "agency": _by_agency,
    "level": _by_level,
    "procedure": lambda _codes: lambda life: key_of("procedures", life.procedure),
    "channel": lambda _codes: lambda life: str(life.channel),
}


def _listed(listname: str) -> Callable[[CsvCodes, str], tuple[str, str]]:
    def name(codes: CsvCodes, code: str) -> tuple[str, str]:
        row = _row(codes, listname, code)
        return row.get("name") or code, row.get("name_en") or row.get("name") or code

    return name


_NAMES: Mapping[str, Callable[[CsvCodes, str], tuple[str, str]]] = {
    "agency": _listed("organisations"),
    "procedure": _listed("procedures"),
    "channel": lambda _codes, key: CHANNELS[int(key)],
    "level": lambda _codes, key: LEVELS.get(key, (key, key)),
}
