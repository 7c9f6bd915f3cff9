"""The morning digest: what is down, what waits, what turns late today because of the wire, what differs, what ends soon, and yesterday.

Plain text that a telephone shows, Vietnamese first. Of dossiers only their codes are told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any, TypeVar

import structlog

from gateway.canonical.scalars import HANOI, write_instant
from gateway.flow.delays import WHY, Explainer, Risk, every_delay, forecast, over_statuses
from gateway.flow.expiring import Expiring
from gateway.flow.gateway import Gateway
from gateway.flow.herald import GIVEN_UP_SHOWN
from gateway.flow.signs import Words, all_expiring, at, length, name_of, read_kept, titles
from gateway.flow.troubles import ENDING, OPERATOR
from gateway.ledger import delays as ledger_delays
from gateway.ledger import incidents as ledger
from gateway.ledger import watching
from gateway.ledger.opening import LedgerAway
from gateway.ledger.queries import Reader
from gateway.ledger.watching import Work

log = structlog.get_logger("digest")

T = TypeVar("T")
WEEKDAYS = ("thứ Hai", "thứ Ba", "thứ Tư", "thứ Năm", "thứ Sáu", "thứ Bảy", "Chủ nhật")
MOST = 10  # lines of a section; the rest is counted


@dataclass(frozen=True, slots=True)
class Down:
    """An open incident; those of what ends soon have a place of their own."""

    incident: int
    trouble: str
    owner: str
    name: Words
    what: Words
    since: datetime


@dataclass(frozen=True, slots=True)
class Over:
    """An incident that was well at the last look, and not yet for long enough to be closed."""

    incident: int
    trouble: str
    owner: str
    name: Words
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Waiting:
    """What has not reached a partner: how many, since when the oldest; of them in doubt, and waiting for a person."""

    partner: str
    name: Words
    count: int
    oldest: datetime
    in_doubt: int
    parked: int


@dataclass(frozen=True, slots=True)
class Figures:
    """A day's: dossiers submitted, messages of all kinds, deliveries that ended well; of the dossiers due that day, those late on a desk and on
    the wire (None: it could not be reckoned)."""

    day: date
    dossiers: int
    messages: int
    delivered: int
    late: Mapping[str, int] | None


@dataclass(frozen=True, slots=True)
class Digest:
    """`risks`: what turns late today (None: it could not be reckoned); `drift`: open differences by partner; `unsent`: notices that fail or
    were given up; `names`: of those that `risks` and `drift` tell of."""

    at: datetime
    down: Sequence[Down]
    over: Sequence[Over]
    waiting: Sequence[Waiting]
    risks: Sequence[Risk] | None
    drift: Mapping[str, int]
    held: int
    expiring: Sequence[Expiring]
    yesterday: Figures
    unsent: int
    names: Mapping[str, Words]

    def as_json(self) -> dict[str, Any]:
        return {
            "at": write_instant(self.at),
            "down": [
                {
                    "incident": one.incident, "trouble": one.trouble, "owner": one.owner, "name": one.name[0], "name_en": one.name[1],
                    "what": one.what[0], "what_en": one.what[1], "since": write_instant(one.since),
                }
                for one in self.down
            ],
            "over": [
                {
                    "incident": one.incident, "trouble": one.trouble, "owner": one.owner, "name": one.name[0], "name_en": one.name[1],
                    "since": write_instant(one.since), "until": write_instant(one.until),
                }
                for one in self.over
            ],
            "waiting": [
                {
                    "partner": one.partner, "name": one.name[0], "name_en": one.name[1], "count": one.count,
                    "oldest": write_instant(one.oldest), "in_doubt": one.in_doubt, "parked": one.parked,
                }
                for one in self.waiting
            ],
            "risks": None if self.risks is None else [_plain_risk(one) for one in self.risks],
            "drift": dict(self.drift),
            "held": self.held,
            "expiring": [
                {"trouble": one.trouble, "owner": one.owner, "what": one.what, "until": write_instant(one.until)} for one in self.expiring
            ],
            "yesterday": {
                "day": self.yesterday.day.isoformat(), "dossiers": self.yesterday.dossiers, "messages": self.yesterday.messages,
                "delivered": self.yesterday.delivered, "late": self.yesterday.late,
            },
            "unsent": self.unsent,
        }  # fmt: skip


def _plain_risk(risk: Risk) -> dict[str, Any]:
    return {
        "dossier": risk.dossier, "agency": risk.agency, "due": write_instant(risk.due), "why": risk.why, "waits_for": risk.waits_for,
        "needed_by": write_instant(risk.needed_by), "on_the_wire": risk.on_the_wire,
    }  # fmt: skip


def gather_digest(gateway: Gateway, now: datetime) -> Digest:
    """As of `now`. Raises `LedgerAway`."""
    today = now.astimezone(HANOI).date()
    midnight = datetime.combine(today, time(), HANOI)
    since = midnight - timedelta(days=1)
    with gateway.ledger.read() as connection:
        work = watching.open_work(connection)
        differences = watching.differences_by_system(connection)
        held, kept = watching.held_count(connection), read_kept(connection)
        rows = ledger.open_incidents(connection)
        failing = ledger.count_notices(connection, now - GIVEN_UP_SHOWN)
        received = watching.received_between(connection, since, midnight)
        delivered = watching.delivered_between(connection, since, midnight)
    rows = [row for row in rows if row.trouble not in ENDING]
    risks = _reckoned(lambda: forecast(gateway, now))
    named = {*differences, *(risk.waits_for for risk in risks or () if risk.on_the_wire)}
    return Digest(
        at=now,
        down=[Down(r.id, r.trouble, r.owner, name_of(gateway, r.owner), (r.what, r.what_en), r.since) for r in rows if r.well_at is None],
        over=[Over(r.id, r.trouble, r.owner, name_of(gateway, r.owner), r.since, r.well_at) for r in rows if r.well_at is not None],
        waiting=sorted(_waiting(gateway, work), key=lambda one: one.oldest),
        risks=risks,
        drift={owner: count for owner, (count, _) in sorted(differences.items())},
        held=held,
        expiring=sorted(all_expiring(gateway, kept, now), key=lambda one: one.until),
        yesterday=Figures(
            since.date(), received.get("DossierSubmitted", 0), sum(received.values()), sum(delivered.values()),
            _reckoned(lambda: _late(gateway, since, midnight, now)),
        ),
        unsent=failing["failing"] + failing["given_up"],
        names={owner: name_of(gateway, owner) for owner in sorted(named)},
    )  # fmt: skip


def _reckoned(reckon: Callable[[], T]) -> T | None:
    """None when it cannot be reckoned, which the digest says: one odd dossier does not keep the rest from being told."""
    try:
        return reckon()
    except LedgerAway:
        raise
    except Exception:
        log.exception("digest_incomplete")
        return None


def _late(gateway: Gateway, since: datetime, until: datetime, now: datetime) -> Mapping[str, int]:
    """Of the dossiers due in that time: how many are late, by place."""
    found = {"desk": 0, "wire": 0}
    with gateway.ledger.read() as connection:
        pages = ledger_delays.due_between(
            connection, Reader(OPERATOR, "all"), since=since, until=until, ends=over_statuses(gateway)
        )
        for one in every_delay(Explainer(gateway, connection, now), connection, pages, since, until):
            if one.verdict.late and one.verdict.place:
                found[one.verdict.place] += 1
    return found


def _waiting(gateway: Gateway, work: Sequence[Work]) -> Iterator[Waiting]:
    """Copies for a system on trial are left out."""
    for owner in dict.fromkeys(one.destination for one in work):
        if owner in gateway.config.replicas:
            continue
        mine = [one for one in work if one.destination == owner]
        counts = {state: sum(one.count for one in mine if one.state == state) for state in ("in_doubt", "parked")}
        oldest = min(one.oldest for one in mine)
        yield Waiting(owner, name_of(gateway, owner), sum(one.count for one in mine), oldest, **counts)


# ── its text ────────────────────────────────────────────────────────────────────────────────────────────────────


def write_digest(digest: Digest) -> Words:
    """The subject and the text."""
    here = digest.at.astimezone(HANOI)
    waiting = sum(one.count for one in digest.waiting)
    late = sum(one.on_the_wire for one in digest.risks or ())
    counts = ((len(digest.down), "sự cố"), (waiting, "lượt chờ"), (late, "hồ sơ sắp trễ"))
    short = ", ".join(f"{count} {words}" for count, words in counts if count) or "không có sự cố"
    subject = f"[Liên thông] Sáng {here:%d/%m}: {short}"
    vietnamese = _text(f"LIÊN THÔNG, {WEEKDAYS[here.weekday()]} {here:%d/%m/%Y %H:%M}", digest, 0)
    english = _text(f"LIENTHONG, {here:%A %d/%m/%Y %H:%M}", digest, 1)
    return subject, f"{vietnamese}\n— English —\n\n{english}"


def _text(title: str, digest: Digest, language: int) -> str:
    blocks = [title]
    *news, yesterday = _sections(digest, language)
    if not any(lines for _, lines in news):
        blocks.append(("Mọi thứ đều ổn.", "All is well.")[language])
    for heading, lines in (*news, yesterday):
        shown = [f"• {line}" for line in lines[:MOST]]
        if len(lines) > MOST:
            shown.append(f"• {('và {} nữa', 'and {} more')[language].format(len(lines) - MOST)}")
        if lines:
            blocks.append("\n".join([heading, *shown]))
    return "\n\n".join(blocks) + "\n"


def _sections(digest: Digest, language: int) -> Iterator[tuple[str, list[str]]]:
    """Heading and lines, the most urgent first, yesterday last. A section without lines is not shown."""
    yield (
        ("ĐANG CÓ SỰ CỐ", "DOWN")[language],
        [f"{one.name[language]}: {titles(one.trouble)[language]}: {one.what[language]}" for one in digest.down],
    )
    yield (
        ("VỪA HẾT SỰ CỐ", "JUST OVER")[language],
        [_tell_over(one, language) for one in digest.over],
    )
    yield (
        ("SẼ TRỄ HÔM NAY VÌ ĐƯỜNG TRUYỀN", "LATE TODAY BECAUSE OF THE WIRE")[language],
        _tell_risks(digest, language),
    )
    yield (
        ("SẼ TRỄ HÔM NAY, KHÔNG DO ĐƯỜNG TRUYỀN", "LATE TODAY, NOT BECAUSE OF THE WIRE")[language],
        _count_others(digest.risks or (), language),
    )
    yield (
        ("CHƯA ĐẾN NƠI", "NOT YET DELIVERED")[language],
        [_tell_waiting(one, digest.at, language) for one in digest.waiting],
    )
    drift = ("lệch {} hồ sơ", "{} dossiers differ")[language]
    yield (
        ("CHÊNH LỆCH ĐỐI SOÁT", "RECONCILIATION")[language],
        [f"{digest.names[owner][language]}: {drift.format(count)}" for owner, count in digest.drift.items()],
    )
    yield ("CẦN NGƯỜI XEM", "FOR A PERSON")[language], _for_a_person(digest, language)
    yield (
        ("SẮP HẾT HẠN", "ENDING SOON")[language],
        [
            f"{titles(one.trouble)[language]}: {one.what}, {one.until.astimezone(HANOI):%d/%m/%Y}"
            for one in digest.expiring
        ],
    )
    yield ("HÔM QUA", "YESTERDAY")[language] + f" {digest.yesterday.day:%d/%m}", _yesterday(digest.yesterday, language)


def _tell_waiting(one: Waiting, now: datetime, language: int) -> str:
    age = length(now - one.oldest)[language]
    words = ("{name}: {count} lượt, lâu nhất {age} (từ {since})", "{name}: {count}, the oldest {age} (since {since})")[
        language
    ]
    return words.format(name=one.name[language], count=one.count, age=age, since=at(one.oldest))


def _tell_over(one: Over, language: int) -> str:
    words = ("từ {}, hết lúc {}", "since {}, over at {}")[language].format(at(one.since), at(one.until))
    return f"{one.name[language]}: {titles(one.trouble)[language]}: {words}"


def _tell_risks(digest: Digest, language: int) -> list[str]:
    if digest.risks is None:
        return [("không tính được, xem nhật ký", "could not be reckoned: see the log")[language]]
    words = (
        "{r.dossier}: {why}; trừ khi {who} trở lại trước {by} (hạn {due})",
        "{r.dossier}: {why}; unless {who} is back by {by} (due {due})",
    )[language]
    return [
        words.format(
            r=risk, why=WHY[risk.why][language], who=digest.names[risk.waits_for][language],
            by=f"{risk.needed_by.astimezone(HANOI):%H:%M}", due=f"{risk.due.astimezone(HANOI):%H:%M}",
        )
        for risk in digest.risks
        if risk.on_the_wire
    ]  # fmt: skip


def _count_others(risks: Sequence[Risk], language: int) -> list[str]:
    """No line for each: there may be hundreds on the desks, and their officers have lists of their own."""
    counts = Counter(risk.why for risk in risks if not risk.on_the_wire)
    return [f"{WHY[why][language]}: {count} (lienthong delays --forecast)" for why, count in counts.items()]


def _for_a_person(digest: Digest, language: int) -> list[str]:
    counts = (
        (sum(one.parked for one in digest.waiting), "chờ người xử lý", "parked", "lienthong parked list"),
        (sum(one.in_doubt for one in digest.waiting), "chưa rõ kết quả", "in doubt", "lienthong doubts list"),
        (digest.held, "bản tin bị giữ", "messages held", "lienthong held list"),
        (digest.unsent, "thông báo chưa gửi được", "notices that could not be sent", "lienthong incidents"),
    )
    return [f"{(vi, en)[language]}: {count} ({command})" for count, vi, en, command in counts if count]


def _yesterday(figures: Figures, language: int) -> list[str]:
    late = figures.late
    return [
        (
            f"nhận {figures.dossiers} hồ sơ, {figures.messages} bản tin; đã gửi {figures.delivered} lượt",
            f"received: {figures.dossiers} dossiers, {figures.messages} messages; delivered: {figures.delivered}",
        )[language],
        ("trễ: không tính được, xem nhật ký", "late: could not be reckoned, see the log")[language]
        if late is None
        else (
            f"hồ sơ đến hạn bị trễ: tại bàn {late['desk']}, trên đường truyền {late['wire']}",
            f"late of those due: on a desk {late['desk']}, on the wire {late['wire']}",
        )[language],
    ]
