"""A partner's answers as data: HTTP status, code and text to an outcome, the first matching row wins.

A row of ``outcomes.toml``; every condition may be left out, `outcome` and the three sentences may not::

    [[rule]]
    call = ["order"]            # the connector's name of the call
    http = [200, "5xx"]         # statuses or classes of them
    code = ["100", 101]         # the partner's code, compared as text
    text = "đã tồn tại"         # regular expression, any case, composed letters (NFC)
    again = true                # only when an earlier attempt may have arrived; false: only when none may
    outcome = "delivered"       # delivered | duplicate | try_later | ask_first | rejected | unclassified
    then = "update"             # a word of the connector's own: it goes on from here instead of ending
    wait = 3600                 # try_later: seconds, unless the partner names its own
    say = "Nghĩa là gì và phải làm gì, cho người xử lý; nhiều nhất 120 ký tự."
    say_en = "What it means and what to do, for the person who must act; at most 120 characters."
    why = "For developers: one sentence, with its source and how sure it is; unique in the file."

An answer that no row knows is `unclassified`: kept, parked and counted, so that someone adds a row.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from gateway.errors import AskFirst, DeliveryError, Misconfigured, Rejected, TryLater, Unclassified

_RAISED: dict[str, type[DeliveryError]] = {
    "try_later": TryLater,
    "ask_first": AskFirst,
    "rejected": Rejected,
    "unclassified": Unclassified,
}
OUTCOMES = ("delivered", "duplicate", *_RAISED)
_KEYS = {"call", "http", "code", "text", "again", "outcome", "then", "wait", "say", "say_en", "why"}
_SAY_MOST = 120
_ANSWER_SHOWN = 160
_UNREAD = ("no-envelope", "not-json", "no-token")  # the connectors' own words for an answer without the partner's
_STATUS_CLASS = re.compile(r"[1-5]xx")


@dataclass(frozen=True, slots=True)
class Verdict:
    """What an answer means. `rule` is the `why` of the row that decided, "" when none did; `say` and `say_en` are for people."""

    outcome: str
    then: str | None = None
    rule: str = ""
    wait: float | None = None
    say: str = ""
    say_en: str = ""


NO_RULE = Verdict(
    "unclassified",
    say="Chưa có quy tắc nào cho câu trả lời này; cán bộ xem lại và báo quản trị bổ sung quy tắc.",
    say_en="No rule knows this answer; look at it, and have the operator add a rule.",
)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One row. None means: whatever it is."""

    verdict: Verdict
    call: frozenset[str] | None
    http: frozenset[int] | None
    code: frozenset[str] | None
    text: re.Pattern[str] | None
    again: bool | None

    def fits(self, call: str, http: int, code: str, text: str, again: bool) -> bool:
        return (
            (self.call is None or call in self.call)
            and (self.http is None or http in self.http)
            and (self.code is None or code in self.code)
            and (self.again is None or again == self.again)
            and (self.text is None or self.text.search(text) is not None)
        )

    def covers(self, other: _Rule) -> bool:
        """Everything that fits `other` fits this too, so `other` behind it is never reached."""
        return (
            _wider(self.call, other.call)
            and _wider(self.http, other.http)
            and _wider(self.code, other.code)
            and self.again in (None, other.again)
            and (self.text is None or (other.text is not None and self.text.pattern == other.text.pattern))
        )


class Outcomes:
    """One connector's table."""

    def __init__(self, rules: Sequence[_Rule]) -> None:
        self._rules = tuple(rules)

    @classmethod
    def load(cls, file: Path) -> Self:
        """Read and check the table. Raises `Misconfigured` with file and row."""
        try:
            table = tomllib.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as fault:
            raise Misconfigured(f"{file}: {fault}") from fault
        rows = table.pop("rule", None)
        if table or not isinstance(rows, list):
            raise Misconfigured(f"{file}: only [[rule]] rows, and at least one; found {sorted(table)}")
        return cls.of(rows, str(file))

    @classmethod
    def of(cls, rows: Sequence[Any], place: str, *, may_be_empty: bool = False) -> Self:
        """Rows that were read elsewhere. Raises `Misconfigured` with `place` and row."""
        if not rows and not may_be_empty:
            raise Misconfigured(f"{place}: only [[rule]] rows, and at least one; found none")
        rules: list[_Rule] = []
        for number, row in enumerate(rows, start=1):
            where = f"{place}, rule {number}"
            rule = _read(row, where)
            for earlier, known in enumerate(rules, start=1):
                if known.verdict.rule == rule.verdict.rule:
                    raise Misconfigured(f"{where}: the same `why` as rule {earlier}")
                if known.covers(rule):
                    raise Misconfigured(f"{where}: never reached, rule {earlier} takes everything it would take")
            rules.append(rule)
        return cls(rules)

    def before(self, other: Outcomes) -> Self:
        """One table: these rows, then those of `other`."""
        return type(self)([*self._rules, *other._rules])

    @property
    def verdicts(self) -> Sequence[Verdict]:
        """Every row's verdict, in order: what samples are counted against."""
        return [rule.verdict for rule in self._rules]

    def judge(self, call: str, *, http: int, code: str | int = "", text: str = "", again: bool = False) -> Verdict:
        """The first matching row's verdict; without one, `NO_RULE`."""
        code, text = str(code), unicodedata.normalize("NFC", text)
        for rule in self._rules:
            if rule.fits(call, http, code, text, again):
                return rule.verdict
        return NO_RULE

    def settle(
        self,
        call: str,
        *,
        http: int,
        code: str | int = "",
        text: str = "",
        answer: str = "",
        again: bool = False,
        retry_after: float | None = None,
    ) -> Verdict:
        """As `judge`, but raises `TryLater`, `AskFirst`, `Rejected` or `Unclassified` for those outcomes.

        A verdict with `then` is returned whatever its outcome: the connector goes on. `answer` is the excerpt
        kept with the attempt, `retry_after` what the partner asked for in seconds; it goes before the row's
        `wait`. The reason is for people: the call, the partner's own words shortened, `say` and `say_en`. The error's
        code is the partner's, or the HTTP status where the answer has none: a page with 503 is known by its 503.
        """
        verdict = self.judge(call, http=http, code=code, text=text, again=again)
        error = _RAISED.get(verdict.outcome)
        if error is None or verdict.then is not None:
            return verdict
        said = " ".join(part for part in (f"HTTP {http}" if http else "", str(code), _shorten(text)) if part)
        unread = str(code) == "" or (code in _UNREAD and http >= 300)
        raise error(
            f"{call}: {said}: {verdict.say} · {verdict.say_en}",
            code=str(http) if unread else str(code),
            answer=answer,
            retry_after=verdict.wait if retry_after is None else retry_after,
        )


def _shorten(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= _ANSWER_SHOWN else f"{text[: _ANSWER_SHOWN - 1].rstrip()}…"


def _wider(mine: frozenset[Any] | None, theirs: frozenset[Any] | None) -> bool:
    return mine is None or (theirs is not None and mine >= theirs)


def _read(row: Any, place: str) -> _Rule:
    if not isinstance(row, dict) or row.keys() - _KEYS:
        raise Misconfigured(f"{place}: unknown key {sorted(row.keys() - _KEYS)}; known: {sorted(_KEYS)}")
    outcome, why = row.get("outcome"), row.get("why")
    if outcome not in OUTCOMES:
        raise Misconfigured(f"{place}: outcome {outcome!r} is none of {', '.join(OUTCOMES)}")
    if not isinstance(why, str) or not why.strip():
        raise Misconfigured(f"{place}: `why` must be a sentence")
    again, then = row.get("again"), row.get("then")
    if not isinstance(again, bool | None) or not isinstance(then, str | None) or then == "":
        raise Misconfigured(f"{place}: `again` is true or false, `then` a word")
    say, say_en = _read_say(row, "say", place), _read_say(row, "say_en", place)
    verdict = Verdict(outcome, then, why, _read_wait(row.get("wait"), outcome, place), say, say_en)
    http = _read_list(row, "http", place)
    return _Rule(
        verdict,
        call=_texts(_read_list(row, "call", place)),
        http=None if http is None else frozenset(s for item in http for s in _read_http(item, place)),
        code=_texts(_read_list(row, "code", place)),
        text=_read_text(row.get("text"), place),
        again=again,
    )


def _read_say(row: dict[str, Any], key: str, place: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip() or len(value) > _SAY_MOST:
        raise Misconfigured(f"{place}: `{key}` must be a sentence of at most {_SAY_MOST} characters")
    return value


def _read_list(row: dict[str, Any], key: str, place: str) -> list[str | int] | None:
    value = row.get(key)
    if value is None:
        return None
    right = isinstance(value, list) and value and len(set(value)) == len(value)
    if not right or not all(isinstance(item, str | int) and not isinstance(item, bool) for item in value):
        raise Misconfigured(f"{place}: `{key}` must be a list of different texts or whole numbers")
    return list(value)


def _texts(values: list[str | int] | None) -> frozenset[str] | None:
    return None if values is None else frozenset(map(str, values))


def _read_http(item: str | int, place: str) -> range:
    if isinstance(item, int) and 100 <= item <= 599:
        return range(item, item + 1)
    if isinstance(item, str) and _STATUS_CLASS.fullmatch(item):
        return range(int(item[0]) * 100, int(item[0]) * 100 + 100)
    raise Misconfigured(f'{place}: http {item!r} is neither a status such as 200 nor a class such as "5xx"')


def _read_text(pattern: Any, place: str) -> re.Pattern[str] | None:
    if pattern is None:
        return None
    if not isinstance(pattern, str) or not pattern:
        raise Misconfigured(f"{place}: `text` must be a regular expression")
    try:
        return re.compile(unicodedata.normalize("NFC", pattern), re.IGNORECASE)
    except re.error as fault:
        raise Misconfigured(f"{place}: text {pattern!r} is no regular expression: {fault}") from fault


def _read_wait(wait: Any, outcome: str, place: str) -> float | None:
    if wait is None:
        return None
    if outcome != "try_later" or isinstance(wait, bool) or not isinstance(wait, int | float) or not 0 < wait <= 86400:
        raise Misconfigured(f"{place}: `wait` belongs to try_later and is a number of seconds up to 86400")
    return float(wait)
