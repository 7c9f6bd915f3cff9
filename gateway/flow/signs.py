"""Signs of trouble: what is not as it should be, seen at one look, as the limits of `config/notices.toml` say.

Words are for people outside the gateway: counts, names of systems and short codes; never a partner's own words, which may name a citizen.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gateway.canonical.scalars import HANOI
from gateway.flow.expiring import Expiring, expiring_certificates, expiring_codes, expiring_keys, unreviewed_years
from gateway.flow.gateway import Gateway
from gateway.flow.served import KEPT, expiring_servers
from gateway.flow.troubles import OPERATOR, OPERATOR_NAMES, TROUBLES
from gateway.ledger import facts, queries, watching
from gateway.ledger.keys import Key, list_keys
from gateway.ledger.sharedtime import SharedTime
from gateway.ledger.watching import Heard, Work
from gateway.signals import mask

Words = tuple[str, str]
"""Vietnamese, English."""

AWAY = re.compile(
    r"connect|timeout|no-answer|too-large|ledger|translation|no-envelope|not-json|429|5[0-9][0-9]"
)  # codes that tell nothing of credentials
_SHORT = re.compile(r"[\w.:-]{1,40}", re.ASCII)
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Sign:
    """One trouble of one owner. `count`: how many things it concerns; `since`: when it began, as far as is known."""

    trouble: str
    owner: str
    words: Words
    count: int
    since: datetime


class Lookout:
    """Looks. It remembers between two looks only what no table tells: who was heard from, and since when something is seen."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._heard = Heard()
        self._first: dict[tuple[str, str], datetime] = {}

    def absence(self, trouble: str, since: datetime, until: datetime) -> list[Sign]:
        """Something was away and is back, or nobody looked: a sign, if it lasted long enough."""
        limit = self._limit(trouble, OPERATOR)
        if limit is None or until - since < timedelta(minutes=limit):
            return []
        words = f"từ {at(since)} đến {at(until)}", f"from {at(since)} to {at(until)}"
        return [Sign(trouble, OPERATOR, words, 1, since)]

    def look(self) -> list[Sign]:
        """Every trouble that is there now. Raises `LedgerAway`."""
        now = self.gateway.now()
        with self.gateway.ledger.read() as connection:
            work = watching.open_work(connection)
            breakers = queries.breaker_rows(connection)
            doubts = watching.doubts_since(connection)
            differences = watching.differences_by_system(connection)
            feeds, kept = watching.read_at(connection), read_kept(connection)
            if any(row.silent_minutes for row in self.gateway.config.partners.values()):
                self._heard.learn(connection)
        copies = self.gateway.config.replicas  # a system on trial: what does not reach it harms nobody
        by_owner: dict[str, list[Work]] = defaultdict(list)
        for one in work:
            if one.destination not in copies:
                by_owner[one.destination].append(one)
        found = [sign for owner, works in by_owner.items() for sign in self._deliveries(owner, works, breakers, now)]
        found += self._in_doubt({k: v for k, v in doubts.items() if k not in copies}, now)
        found += self._differences(differences)
        found += self._sources(feeds, now)
        found += self._expiring(kept, now)
        found += self._engines(now)
        self._forget({(sign.trouble, sign.owner) for sign in found})
        return self._lasting(found, now)

    def _limit(self, trouble: str, owner: str) -> float | None:
        return self.gateway.notices.limit(trouble, owner)

    # ── towards partners ────────────────────────────────────────────────────────────────────────────────────────

    def _deliveries(
        self, owner: str, works: Sequence[Work], breakers: Mapping[str, Any], now: datetime
    ) -> Iterator[Sign]:
        waiting = [one for one in works if one.state != "parked"]
        count = sum(one.count for one in waiting)
        told = f"; {count} lượt gửi đang chờ", f"; deliveries waiting: {count}"
        refused = [one for one in works if self._is_refused(owner, one)]
        breaker = breakers.get(owner)
        if refused:
            since = self._first.setdefault(("refused", owner), now)
            yield self._sign("refused", owner, _by(refused, "từ {since}", "since {since}"), told, count, since)
        elif breaker is not None and breaker.state != "closed" and breaker.opened_at is not None:
            words = _by(waiting, "từ {since}", "since {since}")
            if self._is_over("breaker-open", owner, breaker.opened_at, now):
                yield self._sign("breaker-open", owner, words, told, count, breaker.opened_at)
        if waiting and self._is_over("undelivered", owner, oldest := min(one.oldest for one in waiting), now):
            age = length(now - oldest)
            words = f"lượt cũ nhất đã chờ {age[0]}, từ {{since}}", f"the oldest has waited {age[1]}, since {{since}}"
            yield self._sign("undelivered", owner, words, told, count, oldest)
        parked = [one for one in works if one.state == "parked"]
        number, limit = sum(one.count for one in parked), self._limit("parked", owner)
        if limit is not None and number >= limit and number:
            words = _by(parked, f"{number} lượt", f"deliveries: {number}")
            yield self._sign("parked", owner, words, ("", ""), number, self._first.setdefault(("parked", owner), now))

    def _is_refused(self, owner: str, work: Work) -> bool:
        if work.state == "parked":
            return False
        if work.code in self.gateway.notices.refused_codes(owner):
            return True
        return work.signing_in and AWAY.fullmatch(work.code) is None

    def _in_doubt(self, doubts: Mapping[str, tuple[int, datetime]], now: datetime) -> Iterator[Sign]:
        for owner, (count, since) in doubts.items():
            if self._is_over("in-doubt", owner, since, now):
                words = (
                    f"{count} lượt, lâu nhất từ {{since}}",
                    f"deliveries: {count}, the oldest since {{since}}",
                )
                yield self._sign("in-doubt", owner, words, ("", ""), count, since)

    def _differences(self, differences: Mapping[str, tuple[int, datetime]]) -> Iterator[Sign]:
        for owner, (count, since) in differences.items():
            limit = self._limit("differences", owner)
            if limit is not None and count >= limit:
                words = (
                    f"{count} hồ sơ lệch, cũ nhất từ {{since}}",
                    f"dossiers that differ: {count}, the oldest since {{since}}",
                )
                yield self._sign("differences", owner, words, ("", ""), count, since)

    # ── from partners ───────────────────────────────────────────────────────────────────────────────────────────

    def _sources(self, feeds: Mapping[str, datetime], now: datetime) -> Iterator[Sign]:
        for owner, row in self.gateway.config.partners.items():
            last = feeds.get(owner)
            if row.poll_seconds is not None and last is not None and self._is_over("feed-unread", owner, last, now):
                words = "từ {since}", "since {since}"
                yield self._sign("feed-unread", owner, words, ("", ""), 1, last)
            if row.silent_minutes is not None and self._limit("silent", owner) is not None:
                yield from self._silent(owner, row.silent_minutes, now)

    def _silent(self, owner: str, minutes: int, now: datetime) -> Iterator[Sign]:
        """By working minutes: a source that is silent at night is none."""
        last = self._heard.at.get(owner) or self._heard.begin
        if last is None:
            return
        calendar = self.gateway.reckoner.calendar
        worked = calendar.worktime(calendar.hours_of()).between(last, now)
        if worked >= timedelta(minutes=minutes):
            silent = length(worked)
            words = (
                f"không gửi gì từ {{since}} ({silent[0]} làm việc)",
                f"nothing came since {{since}} ({silent[1]} of working time)",
            )
            yield self._sign("silent", owner, words, ("", ""), 1, last)

    # ── what ends, and what we stand on ─────────────────────────────────────────────────────────────────────────

    def _expiring(self, kept: Kept, now: datetime) -> Iterator[Sign]:
        found: dict[tuple[str, str], list[Expiring]] = defaultdict(list)
        for one in all_expiring(self.gateway, kept, now):
            found[one.trouble, one.owner].append(one)
        for (trouble, owner), several in found.items():
            several.sort(key=lambda one: one.until)
            named = "; ".join(f"{one.what}: {one.until.astimezone(HANOI):%d/%m/%Y}" for one in several[:MOST_NAMED])
            more = len(several) - MOST_NAMED
            words = named + (f" và {more} nữa" if more > 0 else ""), named + (f" and {more} more" if more > 0 else "")
            yield Sign(trouble, owner, words, len(several), self._first.setdefault((trouble, owner), now))

    def _engines(self, now: datetime) -> Iterator[Sign]:
        broker = self.gateway.broker
        if broker is not None and not (state := broker.state()).connected:
            since = self._first.setdefault(("broker-away", OPERATOR), min(now, state.since))
            words = f"{state.address}: không trả lời từ {{since}}", f"{state.address}: no answer since {{since}}"
            if self._is_over("broker-away", OPERATOR, since, now):
                yield self._sign("broker-away", OPERATOR, words, ("", ""), 1, since)
        limit = self._limit("clock-differs", OPERATOR)
        if isinstance(self.gateway.now, SharedTime) and limit is not None:
            off = self.gateway.now.off.total_seconds()
            if abs(off) >= limit:
                words = (
                    f"máy đang dẫn lệch {off:+.0f} giây so với cơ sở dữ liệu",
                    f"the leading host is {off:+.0f} seconds off the database's time",
                )
                yield Sign(
                    "clock-differs", OPERATOR, words, 1, self._first.setdefault(("clock-differs", OPERATOR), now)
                )

    def _sign(self, trouble: str, owner: str, words: Words, told: Words, count: int, since: datetime) -> Sign:
        whole = (words[0].format(since=at(since)) + told[0], words[1].format(since=at(since)) + told[1])
        return Sign(trouble, owner, whole, count, since)

    def _is_over(self, trouble: str, owner: str, since: datetime, now: datetime) -> bool:
        limit = self._limit(trouble, owner)
        return limit is not None and now - since >= timedelta(minutes=limit)

    def _lasting(self, found: Sequence[Sign], now: datetime) -> list[Sign]:
        """A refusal counts once it lasted: one expired session is none."""
        return [s for s in found if s.trouble != "refused" or self._is_over("refused", s.owner, s.since, now)]

    def _forget(self, there: set[tuple[str, str]]) -> None:
        """What is gone begins anew when it comes back. A broker that is away is remembered before it counts."""
        broker = self.gateway.broker
        away = {("broker-away", OPERATOR)} if broker is not None and not broker.state().connected else set()
        self._first = {key: since for key, since in self._first.items() if key in there | away}


@dataclass(frozen=True, slots=True)
class Kept:
    """What the ledger knows of things that end: keys, and the certificates that servers showed."""

    keys: Sequence[Key]
    served: str | None


def read_kept(connection: Any) -> Kept:
    return Kept(list_keys(connection), facts.cursor(connection, KEPT))


def all_expiring(gateway: Gateway, kept: Kept, now: datetime) -> Iterator[Expiring]:
    """What ends soon, or has ended: certificates, keys, codes, calendar years; each within the days that its owner's limit says."""
    several = (
        expiring_certificates(gateway.config, gateway.notices.settings),
        expiring_servers(kept.served),
        expiring_keys(kept.keys, now),
        expiring_codes(gateway.codes, now),
        unreviewed_years(gateway.reckoner.calendar, now),
    )
    for found in several:
        for one in found:
            days = gateway.notices.limit(one.trouble, one.owner)
            if days is not None and one.until <= now + timedelta(days=days):
                yield one


def name_of(gateway: Gateway, owner: str) -> Words:
    row = gateway.config.partners.get(owner)
    if row is not None:
        return row.name, row.name_en
    return OPERATOR_NAMES if owner == OPERATOR else (owner, owner)


def cure_of(trouble: str, owner: str) -> Words:
    known = TROUBLES.get(trouble)
    return (known.cure.format(owner=owner), known.cure_en) if known else ("", "")


def titles(trouble: str) -> Words:
    """Of a trouble that an earlier version of the program knew, its key."""
    known = TROUBLES.get(trouble)
    return (known.name, known.name_en) if known else (trouble, trouble)


def at(moment: datetime) -> str:
    """In Vietnam's time, to the minute."""
    return f"{moment.astimezone(HANOI):%H:%M %d/%m/%Y}"


def length(amount: timedelta) -> Words:
    """3 giờ 05 phút, 3 h 05 min."""
    minutes = max(0, int(amount.total_seconds() // 60))
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days} ngày {hours} giờ", f"{days} d {hours} h"
    if hours:
        return f"{hours} giờ {rest:02d} phút", f"{hours} h {rest:02d} min"
    return f"{rest} phút", f"{rest} min"


def _by(works: Sequence[Work], words: str, words_en: str) -> Words:
    """With the code that most of them ended with, if it is a code and no sentence."""
    counts: Counter[str] = Counter()
    for one in works:
        if _SHORT.fullmatch(one.code):
            counts[one.code] += one.count
    code = mask(counts.most_common(1)[0][0]) if counts else ""
    return (f"{words} (mã {code})", f"{words_en} (code {code})") if code else (words, words_en)
