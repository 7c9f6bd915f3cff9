"""Of some days' dossiers: which were late, of those how many on the wire, and whose minutes they were. Words for people and programs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from gateway.canonical.scalars import write_instant
from gateway.dossiers.delays import Delay, Stretch
from gateway.dossiers.statistics import percent
from gateway.dossiers.ways import Kind, Owner
from gateway.flow.delays import Explainer, every_delay, midnight, over_statuses
from gateway.flow.gateway import Setup
from gateway.ledger import Ledger
from gateway.ledger import delays as ledger
from gateway.ledger.queries import Reader

BY = ("owner", "agency", "destination")
WORST = 20  # dossiers told one by one
OWNERS: Mapping[Kind, tuple[str, str]] = {
    "desk": ("{}", "{}"),
    "citizen": ("Người dân", "The citizen"),
    "post": ("Bưu chính: {}", "The post: {}"),
    "gateway": ("Cổng liên thông", "This gateway"),
    "to": ("Đường tới {}", "On the way to: {}"),
    "from": ("{} báo chậm", "Told late by: {}"),
    "lost": ("{} đánh mất", "Lost at: {}"),
}
"""An owner's words, Vietnamese and English; `{}` is the agency's or partner's name."""
PLACES = {"desk": ("trễ tại bàn", "late on a desk"), "wire": ("trễ trên đường truyền", "late on the wire")}


@dataclass(slots=True)
class Line:
    """Of an owner, an agency or a destination (of these one line, `OFF_WIRE`, of what was on the way to none): `late` dossiers in which it has
    minutes (of an agency: of all), those late on a `desk` and on the `wire` that are put down to it, its `minutes` and working minutes in them,
    and how many of both were on the wire. `due`: of an agency, all that were due."""

    key: str
    name: str
    name_en: str
    due: int = 0
    late: int = 0
    desk: int = 0
    wire: int = 0
    minutes: int = 0
    worked: int = 0
    wire_minutes: int = 0
    wire_worked: int = 0

    def blame(self, delay: Delay) -> None:
        self.wire += delay.verdict.place == "wire"
        self.desk += delay.verdict.place == "desk"

    def add_all(self, delay: Delay) -> None:
        """A dossier in which all owners' minutes count here."""
        self.due += 1
        if delay.verdict.late:
            self.late += 1
            self.blame(delay)
            for owner, (minutes, worked) in delay.minutes(counted=True).items():
                self.add(minutes, worked, on_the_wire=owner.on_the_wire)

    def add(self, minutes: int, worked: int, *, on_the_wire: bool) -> None:
        self.minutes += minutes
        self.worked += worked
        self.wire_minutes += minutes if on_the_wire else 0
        self.wire_worked += worked if on_the_wire else 0


@dataclass(slots=True)
class Lateness:
    """Days in Vietnam, both included. `total`: of all dossiers whose due date lies in them; `index_only`: ended in time, and only the index learned
    of it too late; `near`: not late, with a working day left or less."""

    first: date
    last: date
    by: str
    as_of: datetime
    index_only: int = 0
    near: int = 0
    total: Line = field(default_factory=lambda: Line("", "Tổng cộng", "Total"))
    lines: list[Line] = field(default_factory=list)
    worst: list[Delay] = field(default_factory=list)

    @property
    def wire_percent(self) -> float | None:
        """Of those late, how many were late on the wire."""
        return percent(self.total.wire, self.total.late)


class Names:
    """Of agencies by their codes, and of partners."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._known: dict[str, tuple[str, str]] = {}

    def of(self, who: str) -> tuple[str, str]:
        if who not in self._known:
            self._known[who] = self._find(who)
        return self._known[who]

    def owner(self, owner: Owner) -> tuple[str, str]:
        name, name_en = self.of(owner.who)
        words, words_en = OWNERS[owner.kind]
        return words.format(name), words_en.format(name_en)

    def agency(self, code: str) -> str:
        """A unit has codes in two systems: both are one agency."""
        return self._row(code).get("code", code)

    def _find(self, who: str) -> tuple[str, str]:
        if who == "citizen":
            return OWNERS["citizen"]
        partner = self.setup.config.partners.get(who)
        if partner is not None:
            return partner.name, partner.name_en
        row = self._row(who)
        return row.get("name") or who, row.get("name_en") or row.get("name") or who

    def _row(self, code: str) -> Mapping[str, str]:
        """The newest row that this code ever had."""
        rows = self.setup.codes.history("organisations", code)
        return max(rows, key=lambda row: row.last).values if rows else {}


def gather_lateness(
    setup: Setup, books: Ledger, reader: Reader, first: date, last: date, by: str, now: datetime
) -> Lateness:
    """Of what the reader may know of. One reading of the ledger, page by page."""
    since, until = midnight(first), midnight(last + timedelta(days=1))
    found, names = Lateness(first, last, by, now), Names(setup)
    lines: dict[str, Line] = {}
    with books.read() as connection:
        explainer = Explainer(setup, connection, now, widest=(since, until))
        pages = ledger.due_between(connection, reader, since=since, until=until, ends=over_statuses(setup))
        for delay in every_delay(explainer, connection, pages, since, until):
            _count(found, delay)
            _KEYS[by](lines, names, delay)
            if delay.verdict.late:
                found.worst = sorted([*found.worst, delay], key=_lateness, reverse=True)[:WORST]
    found.lines = sorted(lines.values(), key=lambda line: (-line.wire, -line.late, -line.minutes, line.key))
    return found


def _lateness(delay: Delay) -> tuple[timedelta, str]:
    return delay.verdict.over, delay.code


def _count(found: Lateness, delay: Delay) -> None:
    verdict = delay.verdict
    found.near += verdict.near
    found.index_only += verdict.late and not verdict.at_source
    found.total.add_all(delay)


# ── lines ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _by_owner(lines: dict[str, Line], names: Names, delay: Delay) -> None:
    if not delay.verdict.late:
        return
    for owner, (minutes, worked) in delay.minutes(counted=True).items():
        if minutes or owner == delay.verdict.blamed:
            key = f"{owner.kind}:{owner.who}".rstrip(":")
            line = lines.setdefault(key, Line(key, *names.owner(owner)))
            line.late += 1
            line.add(minutes, worked, on_the_wire=owner.on_the_wire)
            if owner == delay.verdict.blamed:
                line.blame(delay)


def _by_agency(lines: dict[str, Line], names: Names, delay: Delay) -> None:
    code = names.agency(delay.organisation)
    lines.setdefault(code, Line(code, *names.of(code))).add_all(delay)


def _by_destination(lines: dict[str, Line], names: Names, delay: Delay) -> None:
    """The wire to each partner, and what waited here to go to it; what a partner told late is its own. A last line has all that was not the wire,
    so that the lines' minutes add up."""
    if not delay.verdict.late:
        return
    parts: dict[str, list[Stretch]] = {}
    for one in delay.stretches:
        if delay.known is None or one.begin < delay.known:
            towards = one.towards or one.owner.who or "gateway"
            parts.setdefault(towards if one.owner.on_the_wire else OFF_WIRE, []).append(one)
    guilty = OFF_WIRE
    if delay.verdict.place == "wire":
        blamed, wire = delay.verdict.blamed, [who for who in parts if who != OFF_WIRE]
        guilty = max(
            wire, key=lambda who: sum(one.minutes for one in parts[who] if one.owner == blamed), default=OFF_WIRE
        )
    for who, stretches in {guilty: [], **parts}.items():
        minutes = sum(one.minutes for one in stretches)
        if minutes or who == guilty:
            line = lines.setdefault(who, Line(who, *(_NO_PARTNERS.get(who) or names.of(who))))
            line.late += 1
            line.add(minutes, sum(one.worked for one in stretches), on_the_wire=who != OFF_WIRE)
            if who == guilty:
                line.blame(delay)


OFF_WIRE = "off-wire"
_NO_PARTNERS = {OFF_WIRE: ("Ngoài đường truyền", "Not on the wire"), "gateway": OWNERS["gateway"]}


_KEYS: Mapping[str, Callable[[dict[str, Line], Names, Delay], None]] = {
    "owner": _by_owner,
    "agency": _by_agency,
    "destination": _by_destination,
}


# ── as JSON ─────────────────────────────────────────────────────────────────────────────────────────────────────


def lateness_json(found: Lateness, names: Names) -> dict[str, Any]:
    total = found.total
    return {
        "from": found.first.isoformat(), "to": found.last.isoformat(), "by": found.by, "as_of": found.as_of,
        "due": total.due, "late": total.late, "desk": total.desk, "wire": total.wire, "wire_percent": found.wire_percent,
        "index_only": found.index_only, "near": found.near, "total": asdict(total), "lines": [asdict(line) for line in found.lines],
        "worst": [summary_json(delay, names) for delay in found.worst],
    }  # fmt: skip


def summary_json(delay: Delay, names: Names) -> dict[str, Any]:
    """A dossier in short: without its stretches."""
    return {
        "dossier": delay.code, "agency": delay.organisation, "received_at": delay.start, "due_at": delay.due, "ended_at": delay.ended,
        "viewer": delay.viewer or None, "known_at": delay.known, "verdict": _verdict_json(delay, names),
        "owners": [
            {**_owner_json(owner, names), "minutes": minutes, "worked": worked} for owner, (minutes, worked) in delay.minutes(counted=True).items()
        ],
    }  # fmt: skip


def delay_json(delay: Delay, names: Names, now: datetime) -> dict[str, Any]:
    """With its stretches and their proofs."""
    seen = {system: write_instant(at) if at else None for system, at in delay.seen.items()}
    return {
        **summary_json(delay, names), "as_of": now, "clock": "kpi", "seen": seen,
        "doubts": [
            {"from": d.first.isoformat(), "until": d.last.isoformat(), "detail": d.words, "detail_en": d.words_en} for d in delay.doubts
        ],
        "stretches": [
            {
                **_owner_json(one.owner, names), "towards": one.towards or None, "begin": one.begin, "end": one.end, "minutes": one.minutes,
                "worked": one.worked, "runs": one.runs, "proofs": [proof.as_json() for proof in one.proofs],
            }
            for one in delay.stretches
        ],
    }  # fmt: skip


def _owner_json(owner: Owner, names: Names) -> dict[str, Any]:
    name, name_en = names.owner(owner)
    return {
        "owner": owner.kind,
        "who": owner.who or None,
        "name": name,
        "name_en": name_en,
        "on_the_wire": owner.on_the_wire,
    }


def _verdict_json(delay: Delay, names: Names) -> dict[str, Any]:
    verdict = delay.verdict
    words, words_en = verdict_words(delay, names)
    return {
        "late": verdict.late, "near": verdict.near, "place": verdict.place, "index_only": verdict.late and not verdict.at_source,
        "over": minutes_of(verdict.over), "wire": minutes_of(verdict.wire),
        "blamed": None if verdict.blamed is None else _owner_json(verdict.blamed, names), "words": words, "words_en": words_en,
    }  # fmt: skip


def minutes_of(time: timedelta) -> int:
    return time // timedelta(minutes=1)


def verdict_words(delay: Delay, names: Names) -> tuple[str, str]:
    """The verdict as people say it."""
    verdict = delay.verdict
    if verdict.place is None:
        if verdict.near:
            return "chưa trễ, còn không quá một ngày làm việc", "not late, with a working day left or less"
        return "không trễ", "not late"
    words, words_en = PLACES[verdict.place]
    if not verdict.at_source:
        name, name_en = names.of(delay.viewer)
        words += f": xong đúng hạn, nhưng {name} biết khi đã quá hạn"
        words_en += f": ended in time, and learned of too late by: {name_en}"
    elif verdict.place == "wire":
        words += ": không kể thời gian trên đường truyền thì đúng hạn"
        words_en += ": without its time on the wire it would have been in time"
    if verdict.blamed is not None:
        name, name_en = names.owner(verdict.blamed)
        words, words_en = f"{words}; nhiều nhất là: {name}", f"{words_en}; most of it: {name_en}"
    return words, words_en


__all__ = [
    "BY",
    "Lateness",
    "Line",
    "Names",
    "delay_json",
    "gather_lateness",
    "lateness_json",
    "minutes_of",
    "summary_json",
    "verdict_words",
]
