"""The daily minutes of reconciliation (biên bản đối soát): what was asked, what differed and what became of it, signed, as JSON, CSV and PDF.

They lie in `data/minutes/<partner>/`: `<day>.json`, `<day>.csv`, `<day>.pdf`, and `<day>.sign.json` with their digests and our signature over them.
What a person asks for before the night is over is called `<day>.provisional.…`, and is not signed.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import structlog

from gateway.canonical.counting import day_of, digest_of
from gateway.canonical.scalars import HANOI, write_instant
from gateway.codes.changes import write_whole
from gateway.dossiers.differences import KINDS
from gateway.errors import DeliveryError, Misconfigured
from gateway.flow.catalogue import is_due
from gateway.flow.counting import can_count, compare_days
from gateway.flow.gateway import Gateway
from gateway.flow.reconcile import Reconciler, require_telling
from gateway.flow.sheets import write_csv
from gateway.ledger import facts
from gateway.ledger import reconciling as ledger

log = structlog.get_logger("minutes")

COLUMNS = (
    "number", "dossier", "kind", "kind_vi", "told", "theirs", "state", "found_at", "ended_at", "seen", "rounds", "messages",
)  # fmt: skip
NIGHT = timedelta(hours=12)  # the night that closes a day ends at noon
PROVISIONAL = ".provisional"
REPLACED = ".replaced-"  # of the name of a folder: signed files that were written anew, as they were


class Night:
    """A partner's rounds, by day and by night, and the minutes of each day once its night is over, at noon of the next.

    What a dossier answers later takes the place of what it answered then, so minutes that wait for longer would leave it out.
    """

    def __init__(self, gateway: Gateway, partner: str) -> None:
        self.gateway, self.partner = gateway, partner
        self.reconciler = Reconciler(gateway, partner)
        self._begun: datetime | None = None  # when the night's round began that is under way
        self._days_at = gateway.now()  # when the days just now are compared next
        self._noted: dict[
            str, datetime
        ] = {}  # as `_last` has it: asked at every question, and written by nobody else meanwhile

    def step(self) -> int:
        """As `Reconciler.step`."""
        now = self.gateway.now()
        try:
            self._close_days(now - NIGHT)
            self._begin(now)
        finally:  # minutes that cannot be written keep no question from being put
            count = self.reconciler.step()
        if self._begun is not None and not self.reconciler.night:
            self._note("night", self._begun)
            self._begun = None
        return count

    def _begin(self, now: datetime) -> None:
        """The night's round, or the days just now, if their time has come."""
        rules = self.reconciler.rules
        if self._begun is None and is_due(rules.at, self._last("night"), now):
            self._begun = now
            self.reconciler.begin_night(now - timedelta(days=rules.days))
            self._compare_days(_day(now) - timedelta(days=1), rules.days)
        elif now >= self._days_at:
            self._days_at = ledger.later(now, rules.every_seconds)
            self._compare_days(_day(now), 1, rules.sure)

    def _close_days(self, until: datetime) -> None:
        """The minutes of every day that has ended since the last ones: a gateway may be off. A person may have had them written just before."""
        day = first = _day(self._last("minutes"))
        while day < _day(until):
            if not _files(self.gateway, self.partner, day)[-1].exists():
                file = write_minutes(self.gateway, self.partner, day)
                log.info("minutes_written", partner=self.partner, file=str(file))
            day += timedelta(days=1)
        if day > first:
            self._note("minutes", until)

    def _compare_days(self, until: date, days: int, sure: int = 1) -> None:
        if not can_count(self.reconciler):
            return
        try:
            compare_days(self.reconciler, until - timedelta(days=days), until, sure)
        except DeliveryError as error:  # the questions about each dossier go on
            log.warning("days_not_compared", partner=self.partner, code=error.code, reason=error.reason)

    def _note(self, what: str, at: datetime) -> None:
        with self.gateway.ledger.write() as connection:
            facts.set_cursor(connection, f"{self.partner} {what}", write_instant(at), self.gateway.now())
        self._noted[what] = at

    def _last(self, what: str) -> datetime:
        """``night``: when the last night's round began · ``minutes``: a moment of the first day that has none yet. From its first day on a partner
        has some of each day that ends."""
        if what not in self._noted:
            with self.gateway.ledger.read() as connection:
                found = facts.cursor(connection, f"{self.partner} {what}")
            if found is None:
                self._note(what, self.gateway.now())
            else:
                self._noted[what] = datetime.fromisoformat(found)
        return self._noted[what]


def _day(now: datetime) -> date:
    return now.astimezone(HANOI).date()


def folder_of(gateway: Gateway, partner: str) -> Path:
    return gateway.config.data / "minutes" / partner


def end_of(day: date) -> datetime:
    """When the night is over that closes the day: noon of the next."""
    return datetime(day.year, day.month, day.day, tzinfo=HANOI) + timedelta(days=1) + NIGHT


def _files(gateway: Gateway, partner: str, day: date) -> list[Path]:
    """The signed files of a day; the signature, which is written last, is the last."""
    return [folder_of(gateway, partner) / f"{day}.{ending}" for ending in ("json", "csv", "pdf", "sign.json")]


def gather(gateway: Gateway, partner: str, day: date) -> dict[str, Any]:
    """The minutes of one day, Vietnam's, and of the night that closes it (until noon), as they are known now: provisional until then."""
    begin, end, now = datetime(day.year, day.month, day.day, tzinfo=HANOI), end_of(day), gateway.now()
    with gateway.ledger.read() as connection:
        found = ledger.answered(connection, partner, begin, end)
        rows = ledger.differences_between(connection, partner, begin, end)
        days = _count_days(
            connection, partner, day - timedelta(days=gateway.config.partners[partner].reconcile.days), day
        )
    row, statuses = gateway.config.partners[partner], gateway.config.statuses
    return {
        "partner": partner,
        "name": row.name,
        "gateway": gateway.config.settings.public_url,
        "day": str(day),
        "since": write_instant(begin),
        "until": write_instant(min(end, now)),
        "provisional": now < end,
        "mode": row.reconcile.mode,
        "made_at": write_instant(now),
        "asked": sum(found.values()),
        "agree": found.get("agrees", 0),
        "by_kind": dict(sorted(Counter(r.kind for r in rows).items())),
        "by_state": dict(sorted(Counter(r.state for r in rows).items())),
        "statuses": {str(code): statuses[code].name for code in sorted({r.told for r in rows} & statuses.keys())},
        "differences": [_line(r) for r in rows],
        "days": days,
    }


def _count_days(connection: Any, partner: str, since: date, until: date) -> list[dict[str, Any]]:
    """Of each agency and day (the one in the codes) how many dossiers the partner was told of, or told us of, and the digest of how they stand:
    what its own system is compared with. The day after `since` is the first."""
    recent: dict[str, tuple[date, int]] = {}
    for row in ledger.believed_by(connection, partner):
        made = day_of(row.dossier)
        if made is not None and since < made <= until:
            recent[row.dossier] = made, row.status
    handled = ledger.organisations_of(connection, list(recent))
    stands: dict[tuple[date, str], dict[str, int]] = {}
    for code, (made, status) in recent.items():
        stands.setdefault((made, handled.get(code, "")), {})[code] = status
    return [
        {"day": str(made), "agency": agency, "count": len(found), "digest": digest_of(found)}
        for (made, agency), found in sorted(stands.items())
    ]


def _line(row: Any) -> dict[str, Any]:
    return {
        "number": row.id, "dossier": row.dossier, "kind": row.kind, "kind_vi": KINDS[row.kind][0], "told": row.told, "theirs": row.theirs,
        "state": row.state, "found_at": write_instant(row.found_at), "ended_at": write_instant(row.ended_at) if row.ended_at else None,
        "seen": row.seen, "rounds": row.rounds, "messages": len(json.loads(row.plan)),
    }  # fmt: skip


def write_minutes(gateway: Gateway, partner: str, day: date, *, again: bool = False) -> Path:
    """The JSON file's path, the others lie beside it. Before the night is over they are provisional, and not signed.

    Signed ones are written anew only `again`, and the former ones kept. Raises `Misconfigured` otherwise, of a day that has not begun, and of a
    partner that cannot be asked.
    """
    from gateway.flow.paper import draw_minutes  # a process that draws none does not carry the library

    require_telling(gateway, partner)
    folder, now = folder_of(gateway, partner), gateway.now()
    if day > _day(now):
        raise Misconfigured(f"{day}: ngày này chưa đến · this day has not begun")
    told = gather(gateway, partner, day)
    if not told["provisional"]:
        _keep_signed(_files(gateway, partner, day), now, again=again)
    name = f"{day}{PROVISIONAL}" if told["provisional"] else str(day)
    text = (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()
    files = {
        f"{name}.json": text,
        f"{name}.csv": _as_csv(told).encode(),
        f"{name}.pdf": draw_minutes(told, _digest(text)),
    }
    for file, content in files.items():
        write_whole(folder / file, content)
    if told["provisional"]:
        return folder / f"{name}.json"
    signed = _sign(gateway, partner, {name: _digest(content) for name, content in files.items()})
    write_whole(folder / f"{day}.sign.json", (json.dumps(signed, ensure_ascii=False, indent=1) + "\n").encode())
    for file in files:  # what was provisional is so no longer
        (folder / file.replace(str(day), f"{day}{PROVISIONAL}", 1)).unlink(missing_ok=True)
    return folder / f"{day}.json"


def _keep_signed(files: Sequence[Path], now: datetime, *, again: bool) -> None:
    """Both sides may have signed the former ones on paper."""
    if not files[-1].exists():
        return
    if not again:
        words = "đã lập và ký; lập lại, giữ bản cũ bên cạnh: --again"
        raise Misconfigured(
            f"{files[0]}: {words} · written and signed already; anew, the former kept beside it: --again"
        )
    kept = files[0].with_name(f"{files[0].stem}{REPLACED}{now.astimezone(HANOI):%Y%m%dT%H%M%S}")
    kept.mkdir(exist_ok=True)
    for file in files:
        if file.exists():
            write_whole(kept / file.name, file.read_bytes())


def check_minutes(gateway: Gateway, file: Path) -> list[str]:
    """The names of the files of that day that were changed since they were signed; empty when all are as they were.

    `file` is any of them. Raises `Misconfigured` when there is no signature, or when it is none of ours.
    """
    day, folder = file.name.split(".")[0], file.resolve().parent
    partner = (folder.parent if REPLACED in folder.name else folder).name
    place = file.with_name(f"{day}.sign.json")
    if PROVISIONAL in file.name:
        raise Misconfigured(f"{file}: bản tạm lập, chưa ký · provisional, and not signed")
    if not place.is_file():
        words = "không phải biên bản đối soát đã ký: không có tệp"
        raise Misconfigured(f"{file}: {words} {place.name} · no signed minutes: there is no {place.name} beside it")
    try:
        told = json.loads(place.read_text(encoding="utf-8"))
        digests, sign = dict(told["sha256"]), str(told["hmac_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        words = "không đọc được chữ ký · its signature cannot be read"
        raise Misconfigured(f"{place}: {words}") from error
    if not hmac.compare_digest(_sign(gateway, partner, digests)["hmac_sha256"].encode(), sign.encode()):
        raise Misconfigured(f"{place}: chữ ký không phải của cổng này · the signature is none of this gateway's")
    return [
        name
        for name, digest in digests.items()
        if not file.with_name(name).is_file() or _digest(file.with_name(name).read_bytes()) != digest
    ]


def _sign(gateway: Gateway, partner: str, digests: Mapping[str, str]) -> dict[str, Any]:
    over = json.dumps([partner, sorted(digests.items())], ensure_ascii=False)
    return {"partner": partner, "sha256": dict(digests), "hmac_sha256": gateway.sign("minutes", over)}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _as_csv(told: Mapping[str, Any]) -> str:
    lines = [[line[name] for name in COLUMNS] for line in told["differences"]]
    return write_csv([COLUMNS, *lines], "\r\n")
