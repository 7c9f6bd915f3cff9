"""Messages out to a partner that speaks SOAP, as its file says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.soap.calling import Calls, Said
from connectors.soap.client import Client
from connectors.soap.settings import Deliver, Settings
from gateway.dialect.asking import Question
from gateway.dialect.calling import fields_of
from gateway.dialect.reading import Meaning
from gateway.dialect.template import Fields, sending
from gateway.errors import AskFirst, DeliveryError, Rejected, TryLater
from gateway.outcomes import Outcomes, Verdict
from gateway.ports import Found, Health, Parcel, Receipt

_WELL = ("delivered", "duplicate")


class Soap:
    """Delivers the document ``message`` of a partner's mapping; without a mapping the canonical body."""

    def __init__(self, client: Client, settings: Settings, own: Outcomes, place: str) -> None:
        """`own` is the connector's table, `place` names the partner's file. Raises `Misconfigured`."""
        self._client = client
        self._settings = settings
        finds = [find for find in (settings.find, *(row.find for row in settings.call)) if find is not None]
        checks = [settings.check] if settings.check is not None else []
        feeds = [feed.ask for feed in settings.poll]  # looked up with the rest, so that `check` tells of them all
        self._calls = Calls(client, settings, [*settings.call, *finds, *checks, *feeds])
        rows = [
            {"why": f"{place}: settings, rule {number}", **row} for number, row in enumerate(settings.rule, start=1)
        ]
        self._meaning = Meaning(rows, own, f"{place}: settings")
        # A fault ends well only by a row that names its code: "không thành công" holds "thành công".
        careful = [row for row in rows if row.get("outcome") not in _WELL or row.get("code")]
        self._faults = Meaning(careful, own, f"{place}: settings, faults")

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. A document that its mapping left null is not for this partner."""
        document = _document(parcel)
        if document is None:
            return Receipt("nothing-to-send", "Ánh xạ không tạo ra gì để gửi · the mapping made nothing to send")
        with sending():
            call = self._row(parcel)
            send = self._calls.make(
                call,
                fields_of(parcel, document),
                key=parcel.key,
                trace=parcel.message.trace,
                read_file=parcel.read_file,
            )
        said = send()
        told, verdict = said.told, self._settle("send", said, again=parcel.in_doubt)
        return Receipt(
            told.code or str(told.http), told.body, reference=told.reference, duplicate=verdict.outcome == "duplicate"
        )

    def find(self, parcel: Parcel) -> Found:
        """What the partner says; ABSENT where sending again doubles nothing; UNKNOWN where nothing can be asked."""
        document = _document(parcel)
        if document is None:
            return Found.ABSENT
        with sending():
            call = self._row(parcel)
        find = call.find or (self._settings.find if call.repeat_is_harmless is None else None)
        if find is None:
            harmless = self._settings.repeat_is_harmless if call.repeat_is_harmless is None else call.repeat_is_harmless
            return Found.ABSENT if harmless else Found.UNKNOWN
        try:
            with sending():
                ask = self._calls.make(find, fields_of(parcel, document))
            said = ask()
        except AskFirst as fault:  # reading changes nothing: the question failed
            raise TryLater(f"find: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        # Of a fault, too, only rows that name its code can tell anything.
        rows = [row for row in find.rows if row.code] if said.fault else find.rows
        if not any(row.found is not Found.UNKNOWN for row in rows):
            raise TryLater(f"find: {said.told.code}: {said.told.text}", code=said.told.code, answer=said.told.body)
        return Question(rows, "find").found("find", said.told)

    def check(self) -> Sequence[Health]:
        """The declared question, or only whether somebody answers at the address. Changes nothing there."""
        there = "Đối tác có trả lời không? · Does the partner answer?"
        known = "Đối tác có nhận tài khoản của cổng không? · Does the partner know our account?"
        question = known if self._settings.check is not None else there
        try:
            return [Health(question, True, self._checked())]
        except DeliveryError as fault:
            return [Health(question, False, fault.reason)]

    def _checked(self) -> str:
        """Raises a `DeliveryError`."""
        renewed = self._client.caller.renew()
        if self._settings.check is None:
            reply = self._client.caller.call("GET", self._settings.url)
            if reply.status >= 500:
                raise TryLater(f"HTTP {reply.status}", code=str(reply.status), answer=reply.excerpt())
            return f"HTTP {reply.status}" + (" · có mã truy cập · a token came" if renewed else "")
        with sending():
            ask = self._calls.make(self._settings.check, Fields(None, {}))
        self._settle("check", ask())
        return "có · yes"

    def _row(self, parcel: Parcel) -> Deliver:
        kind = parcel.message.type
        for row in self._settings.call:
            if not row.type or kind in row.type:
                return row
        raise Rejected(
            f"không có dòng [[settings.call]] cho {kind} · no [[settings.call]] row takes {kind}", code="no-call"
        )

    def _settle(self, call: str, said: Said, *, again: bool = False) -> Verdict:
        return (self._faults if said.fault else self._meaning).settle(call, said.told, again=again)


def _document(parcel: Parcel) -> Any:
    return parcel.documents.get("message", parcel.message.body)
