"""Incidents: what is seen at each look becomes one opening and one close for each trouble and owner, and a notice of both to whom it concerns.

All of it is in the ledger: a restart, another leader, two that look at once open nothing twice. A trouble that comes and goes is one
incident until it was well for `well_seconds`.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import structlog

from gateway.canonical.scalars import HANOI, write_instant
from gateway.flow.digest import gather_digest, write_digest
from gateway.flow.gateway import Gateway
from gateway.flow.herald import Herald
from gateway.flow.signs import Lookout, Sign, at, cure_of, length, name_of, titles
from gateway.ledger import facts
from gateway.ledger import incidents as ledger

log = structlog.get_logger("incidents")

LOOKED = "clock looked"  # the cursor that says when somebody looked last
DIGEST_AGAIN = timedelta(minutes=10)  # after a digest that could not be made


class Notice(NamedTuple):
    """What is told: to people, and to a machine."""

    subject: str
    text: str
    data: dict[str, Any]


class Watch:
    """The clock's part in it. Only the process that leads looks and sends."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.lookout = Lookout(gateway)
        self.herald = Herald(gateway)
        self._away_since: datetime | None = None  # the ledger
        self._absences: list[tuple[datetime, datetime]] = []  # from, to
        self._next_look = self._next_digest = datetime.min.replace(tzinfo=HANOI)
        self._digest_of: date | None = None  # the day whose digest is written

    def note_ledger(self, *, there: bool) -> None:
        """Whether it answers just now. What it did not answer is told once it is back, for it keeps the incidents too."""
        if not there:
            self._away_since = self._away_since or self.gateway.now()
        elif self._away_since is not None:
            self._absences.append((self._away_since, self.gateway.now()))
            self._away_since = None

    def look_if_due(self) -> None:
        """Raises `LedgerAway`."""
        now = self.gateway.now()
        if now >= self._next_look:
            self._next_look = now + timedelta(seconds=self.gateway.notices.settings.look_seconds)
            self.look()

    def look(self) -> None:
        """Look, and write down what changed with the notices of it, in one transaction. Raises `LedgerAway`."""
        now, rules = self.gateway.now(), self.gateway.notices.settings
        absences = list(self._absences)  # the clock's own thread may note one more meanwhile
        signs = [*self.lookout.look(), *self._absence(absences, now)]
        well_since = now - timedelta(seconds=rules.well_seconds)
        with self.gateway.ledger.write() as connection:
            for sign in signs:
                number = ledger.note_seen(
                    connection, sign.trouble, sign.owner, what=sign.words[0], what_en=sign.words[1], count=sign.count,
                    since=sign.since, now=now,
                )  # fmt: skip
                if number is not None:
                    self._tell(
                        connection,
                        "opened",
                        number,
                        sign.trouble,
                        sign.owner,
                        tell_opened(self.gateway, sign, number, now),
                    )
            seen = {(sign.trouble, sign.owner) for sign in signs}
            for row in ledger.note_well(connection, seen, now=now, well_since=well_since):
                self._tell(connection, "closed", row.id, row.trouble, row.owner, tell_closed(self.gateway, row))
            facts.set_cursor(connection, LOOKED, write_instant(now), now)
        del self._absences[: len(absences)]

    def _absence(self, absences: Sequence[tuple[datetime, datetime]], now: datetime) -> list[Sign]:
        """When the ledger was away, or nobody looked, since the last look of any process."""
        with self.gateway.ledger.read() as connection:
            found = facts.cursor(connection, LOOKED)
        looked = datetime.fromisoformat(found) if found else None
        away = [(since, until) for since, until in absences if looked is None or looked < until]
        if away:
            return self.lookout.absence("ledger-away", away[0][0], away[-1][1])
        return self.lookout.absence("unwatched", looked, now) if looked else []

    def _tell(self, connection: Any, kind: str, number: int, trouble: str, owner: str, notice: Notice) -> None:
        log.warning(f"incident_{kind}", kind=trouble, partner=owner, count=notice.data["count"])
        for channel in self.gateway.notices.channels_for(trouble, owner):
            ledger.add_notice(
                connection, f"incident {number} {kind}", channel, kind=kind, subject=notice.subject, text=notice.text, data=notice.data,
                now=self.gateway.now(), incident=number,
            )  # fmt: skip

    # ── the digest ──────────────────────────────────────────────────────────────────────────────────────────────

    def digest_if_due(self) -> None:
        """Once a day, whoever leads then. Raises `LedgerAway`."""
        now, rule = self.gateway.now(), self.gateway.notices.settings.digest
        here = now.astimezone(HANOI)
        if not rule.channels or self._digest_of == here.date() or here.time() < rule.at or now < self._next_digest:
            return
        self._next_digest = now + DIGEST_AGAIN
        if rule.days == "all" or is_working(self.gateway, here.date()):
            self._write_digest(here.date(), rule.channels)
        self._digest_of = here.date()

    def _write_digest(self, day: date, channels: Sequence[str]) -> None:
        about = f"digest {day}"
        with self.gateway.ledger.read() as connection:
            untold = [name for name in channels if not ledger.is_told(connection, about, name)]
        if untold:
            add_digest(self.gateway, about, untold)

    def send_due(self) -> None:
        """Raises `LedgerAway`."""
        self.herald.send_due()


def add_digest(gateway: Gateway, about: str, channels: Sequence[str]) -> list[int]:
    """The digest as of now, to be sent: the numbers of the notices that were not there yet."""
    now = gateway.now()
    digest = gather_digest(gateway, now)
    subject, text = write_digest(digest)
    data = {"type": "digest", "subject": subject, "text": text, **digest.as_json()}
    with gateway.ledger.write() as connection:
        made = [
            ledger.add_notice(connection, about, name, kind="digest", subject=subject, text=text, data=data, now=now)
            for name in channels
        ]
    return [number for number in made if number is not None]


def is_working(gateway: Gateway, day: date) -> bool:
    calendar = gateway.reckoner.calendar
    return bool(calendar.sessions(calendar.hours_of(), day))


# ── what is told ────────────────────────────────────────────────────────────────────────────────────────────────


def tell_opened(gateway: Gateway, sign: Sign, number: int, now: datetime) -> Notice:
    name, title = name_of(gateway, sign.owner), titles(sign.trouble)
    cure = cure_of(sign.trouble, sign.owner)
    subject = f"[Liên thông] Sự cố: {title[0]}: {name[0]}"
    text = f"""SỰ CỐ {number}: {title[0]}
{name[0]} ({sign.owner}): {sign.words[0]}.
Việc cần làm: {cure[0]}.
Khi hết sẽ có đúng một tin nữa.

INCIDENT {number}: {title[1]}
{name[1]} ({sign.owner}): {sign.words[1]}.
What to do: {cure[1]}.
There will be exactly one more message, when it is over.
"""
    told = {"since": sign.since, "opened_at": now, "closed_at": None}
    return Notice(
        subject,
        text,
        _data(
            "incident.opened", number, sign.trouble, sign.owner, gateway, sign.words, sign.count, told, subject, text
        ),
    )


def tell_closed(gateway: Gateway, row: Any) -> Notice:
    name, title = name_of(gateway, row.owner), titles(row.trouble)
    lasted = length(row.well_at - row.since)
    subject = f"[Liên thông] Đã hết: {title[0]}: {name[0]}"
    back = f", trở lại {row.again} lần" if row.again else "", f", came back {row.again} times" if row.again else ""
    text = f"""ĐÃ HẾT, SỰ CỐ {row.id}: {title[0]}
{name[0]} ({row.owner}): từ {at(row.since)} đến {at(row.well_at)}, {lasted[0]}{back[0]}.
Lần thấy cuối: {row.what}.

OVER, INCIDENT {row.id}: {title[1]}
{name[1]} ({row.owner}): from {at(row.since)} to {at(row.well_at)}, {lasted[1]}{back[1]}.
Seen last: {row.what_en}.
"""
    told = {"since": row.since, "opened_at": row.opened_at, "closed_at": row.closed_at}
    words = (row.what, row.what_en)
    return Notice(
        subject,
        text,
        _data("incident.closed", row.id, row.trouble, row.owner, gateway, words, row.most, told, subject, text),
    )


def _data(
    type_: str, number: int, trouble: str, owner: str, gateway: Gateway, words: tuple[str, str], count: int,
    times: dict[str, datetime | None], subject: str, text: str,
) -> dict[str, Any]:  # fmt: skip
    name, cure = name_of(gateway, owner), cure_of(trouble, owner)
    moments = {key: write_instant(moment) if moment else None for key, moment in times.items()}
    return {
        "type": type_, "incident": number, "trouble": trouble, "owner": owner, "name": name[0], "name_en": name[1], "what": words[0],
        "what_en": words[1], "count": count, **moments, "cure": cure[0], "cure_en": cure[1], "subject": subject, "text": text,
    }  # fmt: skip
