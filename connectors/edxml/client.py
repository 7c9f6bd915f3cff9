"""Speaks with the trunk: send, list, fetch, acknowledge. Knows neither what a document says nor any message of ours."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from connectors.edxml.settings import Settings
from connectors.edxml.transports import ProvinceTransport, Transport, VxpTransport, read_object
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Reply
from gateway.outcomes import Outcomes, Verdict

NOT_JSON = "not-json"
NO_DOCUMENT = "no-document"
ENDED = {"done", "fail"}  # of a row in the mailbox: it was acknowledged
KINDS = ("edoc", "status")
_MARK = b"edXML"  # what a document has and a page of some proxy has not


class Client:
    """One mailbox. Used by several threads at once. Every call raises what outcomes.toml says."""

    def __init__(self, settings: Settings, outcomes: Outcomes, transport: Transport | None = None) -> None:
        self._outcomes = outcomes
        self._transport = transport or _transport(settings, outcomes)

    def send(self, kind: str, document: bytes, *, again: bool = False) -> tuple[Verdict, str, Reply]:
        """Hand in an edXML document. Returns what the answer means, the trunk's number of it, and the answer."""
        reply = self._transport.send(kind, document)
        verdict = self._settle("send", reply, again=again)
        return verdict, str(_field(read_object(reply) or {}, "docId") or ""), reply

    @property
    def lists_by_days(self) -> bool:
        """Is the mailbox asked for day by day?"""
        return self._transport.lists_by_days

    def received(self, kind: str, now: datetime, since: date | None = None) -> list[dict[str, Any]]:
        """The rows of the mailbox that nobody has acknowledged; by days, at least from the day `since`. Raises `Unclassified` for another
        shape."""
        rows = self._rows("list", lambda: self._transport.received(kind, now, since))
        return [row for row in rows if row.get("status") not in ENDED]

    def is_sent(self, document_id: str) -> bool | None:
        """Does the trunk have a document of ours with this DocumentId? None: it cannot tell."""
        if not self._transport.tells_sent:
            return None
        sent, whole = self.sent()
        if document_id in sent:
            return True
        return False if whole else None

    def sent(self) -> tuple[set[str], bool]:
        """The DocumentIds in the trunk's list of what we sent, and whether that names every document. Only of a trunk that tells."""
        rows = self._rows("list", self._transport.sent)
        named = {str(row["documentId"]) for row in rows if row.get("documentId")}
        return named, all(row.get("documentId") for row in rows)

    def fetch(self, number: str) -> bytes:
        """The document, as its sender wrote it. A JSON object is never one, whatever it speaks of: the trunk says something of its own."""
        reply = self._asked("get", lambda: self._transport.fetch(number))
        answer = read_object(reply)
        code = "0" if answer is None and _MARK in reply.body else _code(answer)
        if answer is not None and code == "0":
            code = NO_DOCUMENT
        self._outcomes.settle("get", http=reply.status, code=code, retry_after=reply.retry_after())
        return reply.body

    def acknowledge(self, number: str, status: str) -> None:
        """``done`` or ``fail``. May be said again."""
        self._settle("ack", self._asked("ack", lambda: self._transport.acknowledge(number, status)))

    def agencies(self) -> int:
        """How many organisations the trunk knows. Changes nothing."""
        return len(self._rows("list", self._transport.agencies))

    def _rows(self, call: str, ask: Any) -> list[dict[str, Any]]:
        reply = self._asked(call, ask)
        self._settle(call, reply)
        answer = read_object(reply) or {}
        rows = answer.get("data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unclassified(f"{call}: no list in data", code="list-shape", answer=reply.excerpt(500))
        return rows

    def _asked(self, call: str, ask: Any) -> Reply:
        """These calls may be made again: no doubt to clear up."""
        try:
            reply: Reply = ask()
        except AskFirst as fault:
            raise TryLater(f"{call}: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        return reply

    def _settle(self, call: str, reply: Reply, *, again: bool = False) -> Verdict:
        answer = read_object(reply)
        words = _field(answer or {}, "errorDesc") or (answer or {}).get("message")
        return self._outcomes.settle(
            call,
            http=reply.status,
            code=_code(answer),
            text=words if isinstance(words, str) else "",
            answer=reply.excerpt(),
            again=again,
            retry_after=reply.retry_after(),
        )


def _transport(settings: Settings, outcomes: Outcomes) -> Transport:
    if settings.vxp is not None:
        return VxpTransport(settings.vxp, settings)
    assert settings.province is not None  # noqa: S101 - the settings have one of the two
    return ProvinceTransport(settings.province, settings, outcomes)


def _code(answer: Mapping[str, Any] | None) -> str:
    """errorCode, wherever it stands; without one ``0`` for success and ``failed`` for the contrary; `not-json` without an answer."""
    if answer is None:
        return NOT_JSON
    code = _field(answer, "errorCode")
    if code not in (None, ""):
        return str(code)
    success = answer.get("success", answer.get("status"))
    return "0" if success in (True, "OK") else "failed"


def _field(answer: Mapping[str, Any], name: str) -> Any:
    data = answer.get("data")
    return answer.get(name, data.get(name) if isinstance(data, dict) else None)
