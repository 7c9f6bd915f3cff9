"""The daily minutes of reconciliation (biên bản đối soát): what was asked, what differed and what became of it, signed, as JSON, CSV and PDF.

They lie in `data/minutes/<partner>/`: `<day>.json`, `<day>.csv`, `<day>.pdf`, and `<day>.sign.json` with their digests and our signature over them.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections import Counter
from collections.abc import Mapping
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
from gateway.flow.reconcile import Reconciler
from gateway.flow.sheets import write_csv
from gateway.ledger import facts
from gateway.ledger import reconciling as ledger

log = structlog.get_logger("minutes")

COLUMNS = (
    "number", "dossier", "kind", "kind_vi", "told", "theirs", "state", "found_at", "ended_at", "seen", "rounds", "messages",
)  # fmt: skip
NIGHT = timedelta(hours=12)  # the night that closes a day ends at noon


class Night:
    """A partner's rounds, by day and by night: after the night's round the minutes of the day before are written, and at noon at the latest.

    What a dossier answers later takes the place of what it answered then, so minutes that wait for longer would leave it out.
    """

    def __init__(self, gateway: Gateway, partner: str) -> None:
        self.gateway, self.partner = gateway, partner
        self.reconciler = Reconciler(gateway, partner)
        self._begun: datetime | None = None  # the night's round, whose end the minutes follow on
        self._days_at = gateway.now()  # when the days just now are compared next

    def step(self) -> int:
        """As `Reconciler.step`."""
        now, last = self.gateway.now(), self._last()
        try:
            if _day(last) < _day(now - NIGHT):
                self._close_days(now - NIGHT)
            self._begin(now, last)
        finally:  # minutes that cannot be written keep no question from being put
            count = self.reconciler.step()
        if self._begun is not None and not self.reconciler.night:
            self._close_days(self._begun)
            self._begun = None
        return count

    def _begin(self, now: datetime, last: datetime) -> None:
        """The night's round, or the days just now, if their time has come."""
        rules = self.reconciler.rules
        if self._begun is None and is_due(rules.at, last, now):
            self._begun = now
            self.reconciler.begin_night(now - timedelta(days=rules.days))
            self._compare_days(_day(now) - timedelta(days=1), rules.days)
        elif now >= self._days_at:
            self._days_at = ledger.later(now, rules.every_seconds)
            self._compare_days(_day(now), 1, rules.sure)

    def _close_days(self, until: datetime) -> None:
        """The minutes of every day that has ended since the last ones: a night's round may take longer than a day, and a gateway may be off."""
        day = _day(self._last())
        while day < _day(until):
            file = write_minutes(self.gateway, self.partner, day)
            log.info("minutes_written", partner=self.partner, file=str(file))
            day += timedelta(days=1)
        self._note(max(until, self._last()))

    def _compare_days(self, until: date, days: int, sure: int = 1) -> None:
        if not can_count(self.reconciler):
            return
        try:
            compare_days(self.reconciler, until - timedelta(days=days), until, sure)
        except DeliveryError as error:  # the questions about each dossier go on
            log.warning("days_not_compared", partner=self.partner, code=error.code, reason=error.reason)

    def _note(self, now: datetime) -> None:
        with self.gateway.ledger.write() as connection:
            facts.set_cursor(connection, self._cursor, write_instant(now), now)

    @property
    def _cursor(self) -> str:
        return f"{self.partner} minutes"

    def _last(self) -> datetime:
        """When the round of the last minutes began; from its first day on a partner has some of each day that ends."""
        with self.gateway.ledger.read() as connection:
            found = facts.cursor(connection, self._cursor)
        if found is None:
            self._note(self.gateway.now())
        return datetime.fromisoformat(found) if found else self.gateway.now()


def _day(now: datetime) -> date:
    return now.astimezone(HANOI).date()


def folder_of(gateway: Gateway, partner: str) -> Path:
    return gateway.config.data / "minutes" / partner


def gather(gateway: Gateway, partner: str, day: date) -> dict[str, Any]:
    """The minutes of one day, Vietnam's, and of the night that closes it (until noon), as they are known now."""
    begin = datetime(day.year, day.month, day.day, tzinfo=HANOI)
    end = begin + timedelta(days=1) + NIGHT
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
        "until": write_instant(end),
        "mode": row.reconcile.mode,
        "made_at": write_instant(gateway.now()),
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


def write_minutes(gateway: Gateway, partner: str, day: date) -> Path:
    """Written anew, whole, each time; the JSON file's path, the others lie beside it."""
    from gateway.flow.paper import draw_minutes  # a process that draws none does not carry the library

    folder = folder_of(gateway, partner)
    told = gather(gateway, partner, day)
    text = (json.dumps(told, ensure_ascii=False, indent=1) + "\n").encode()
    files = {
        f"{day}.json": text,
        f"{day}.csv": _as_csv(told).encode(),
        f"{day}.pdf": draw_minutes(told, _digest(text)),
    }
    for name, content in files.items():
        write_whole(folder / name, content)
    signed = _sign(gateway, partner, {name: _digest(content) for name, content in files.items()})
    write_whole(folder / f"{day}.sign.json", (json.dumps(signed, ensure_ascii=False, indent=1) + "\n").encode())
    return folder / f"{day}.json"


def check_minutes(gateway: Gateway, file: Path) -> list[str]:
    """The names of the files of that day that were changed since they were signed; empty when all are as they were.

    `file` is any of them. Raises `Misconfigured` when there is no signature, or when it is none of ours.
    """
    day, partner = file.name.split(".")[0], file.resolve().parent.name
    place = file.with_name(f"{day}.sign.json")
    try:
        told = json.loads(place.read_text(encoding="utf-8"))
        digests, sign = dict(told["sha256"]), str(told["hmac_sha256"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        words = "không đọc được chữ ký · its signature cannot be read"
        raise Misconfigured(f"{place}: {words}: {type(error).__name__}") from error
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
    """With a byte-order mark: a spreadsheet would otherwise read Vietnamese as something else."""
    lines = [[line[name] for name in COLUMNS] for line in told["differences"]]
    return "\ufeff" + write_csv([COLUMNS, *lines], "\r\n")
