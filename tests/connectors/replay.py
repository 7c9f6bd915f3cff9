"""Samples of real shapes, read from a connector's folder and played back over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from gateway.errors import AskFirst, DeliveryError, Rejected, TryLater, Unclassified
from gateway.http import Reply
from gateway.message import Message
from gateway.outcomes import NO_RULE, Outcomes, Verdict
from gateway.ports import Parcel, Receipt
from gateway.simulation import Request, Response, Twin

DOSSIER = "000.00.01.H99-260105-0001"
NOON = datetime(2026, 1, 5, 5, 0, tzinfo=UTC)
_WORDS = {TryLater: "try_later", AskFirst: "ask_first", Rejected: "rejected", Unclassified: "unclassified"}


@dataclass(frozen=True)
class Sample:
    """``request.json``, ``answer.json``, ``answer.xml`` or ``answer.html``, and ``expected.json``: call, http, outcome, rule."""

    name: str
    request: Any
    reply: Reply
    expected: dict[str, Any]


def read_samples(folder: Path) -> Sequence[Sample]:
    return [_read(place) for place in sorted((folder / "samples").iterdir())]


def _read(place: Path) -> Sample:
    expected = json.loads((place / "expected.json").read_text(encoding="utf-8"))
    [answer] = place.glob("answer.*")
    kind = {".json": "application/json", ".html": "text/html", ".xml": "text/xml"}[answer.suffix]
    headers = {"content-type": kind, **{k.lower(): v for k, v in expected.get("headers", {}).items()}}
    request = json.loads((place / "request.json").read_text(encoding="utf-8"))
    return Sample(place.name, request, Reply(expected["http"], headers, answer.read_bytes()), expected)


class Recorded(Twin):
    """Gives the sample's answer to one kind of call, and keeps the request; `others` answers the rest."""

    name = "recorded"

    def __init__(self, sample: Sample, path: str, others: Callable[[Request], Response]) -> None:
        super().__init__()
        self._sample = sample
        self._path = path
        self._others = others
        self.asked: list[Request] = []

    def answer(self, request: Request) -> Response:
        if request.path != self._path:
            return self._others(request)
        self.asked.append(request)
        return Response(self._sample.reply.status, self._sample.reply.body, self._sample.reply.headers)


class Watched(Outcomes):
    """A table that keeps the rows which decided, by their `why`."""

    def __init__(self, rules: Sequence[Any]) -> None:
        super().__init__(rules)
        self.decided: list[str] = []

    def judge(self, call: str, *, http: int, code: str | int = "", text: str = "", again: bool = False) -> Verdict:
        verdict = super().judge(call, http=http, code=code, text=text, again=again)
        self.decided.append(verdict.rule)
        return verdict


def words_of(outcomes: Outcomes, why: str) -> str:
    """What the row with this `why` says to people, as it ends a reason; "" is the row that is missing."""
    [row] = [verdict for verdict in [*outcomes.verdicts, NO_RULE] if verdict.rule == why]
    return f": {row.say} · {row.say_en}"


def outcome_of(deliver: Callable[[], Receipt | None]) -> tuple[str, str]:
    """How it ended, in the table's word, and the reason given."""
    try:
        receipt = deliver()
    except DeliveryError as fault:
        return _WORDS[type(fault)], fault.reason
    return ("duplicate" if receipt and receipt.duplicate else "delivered"), ""


def parcel(kind: str, documents: dict[str, Any], body: dict[str, Any] | None = None, **more: Any) -> Parcel:
    key = more.pop("key", "0199aa00-0000-7000-8000-000000000001")
    message = Message(1, key, "one-stop", "mc-1", kind, DOSSIER, NOON, NOON, body or {}, trace=more.pop("trace", None))
    return Parcel(1, key, message, documents, **more)
