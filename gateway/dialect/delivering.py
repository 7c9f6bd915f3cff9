"""Messages out over declared REST calls: which call for which message, what its answers mean, and how to ask whether it arrived."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gateway.canonical import TYPES
from gateway.dialect import asking
from gateway.dialect.asking import FoundRows
from gateway.dialect.auth import Caller
from gateway.dialect.calling import Call, Line, Question, ask, fields_of, inlined, make
from gateway.dialect.reading import Meaning, Reading, Rules
from gateway.dialect.template import Fields, sending
from gateway.errors import AskFirst, DeliveryError, Rejected, TryLater
from gateway.outcomes import Outcomes
from gateway.ports import Found, Health, Parcel, Receipt


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _known(types: list[str]) -> list[str]:
    for one in types:
        if one not in TYPES:
            raise ValueError(
                f"{one!r}: không có loại bản tin này; có · no such message type; known: {', '.join(TYPES)}"
            )
    return types


class Find(Question):
    """Did it arrive? `rows` say what the answer means; an answer that none of them knows is asked for again."""

    rows: Annotated[FoundRows, Field(min_length=1)]


class Deliver(Call):
    """`[[settings.call]]`: for which messages; without `type` for all that no row above it took. `find` and `repeat_is_harmless` go before
    those of the whole partner."""

    type: Annotated[list[str], BeforeValidator(_listed), AfterValidator(_known)] = Field(default=[])
    find: Find | None = None
    repeat_is_harmless: bool | None = None

    @model_validator(mode="after")
    def _one_way_to_find(self) -> Self:
        _check_one_way(self.find, self.repeat_is_harmless)
        return self


class Partnership(Line):
    """What is declared of one partner: the connection, the calls, and what its answers mean."""

    answer: Reading = Reading()
    call: list[Deliver] = Field(default=[])
    rule: Rules = Field(default=[])
    find: Find | None = None
    repeat_is_harmless: bool = False
    check: Question | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        open_rows = [number for number, row in enumerate(self.call, start=1) if not row.type]
        if open_rows and open_rows[0] < len(self.call):
            words = "dòng không có type phải đứng cuối · a row without `type` takes all: put it last"
            raise ValueError(f"call {open_rows[0]}: {words}")
        self.check_places([*self.call, *(row.find for row in self.call), self.find, self.check])
        _check_one_way(self.find, self.repeat_is_harmless)
        return self


class Rest:
    """Delivers the document ``message`` of a partner's mapping; without a mapping the canonical body."""

    def __init__(self, caller: Caller, settings: Partnership, own: Outcomes, place: str) -> None:
        """`own` is the connector's table, `place` names the partner's file. Raises `Misconfigured`."""
        self._caller = caller
        self._settings = settings
        self._meaning = Meaning(settings.rule, own, f"{place}: settings")

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. A document that its mapping left null is not for this partner."""
        document = _document(parcel)
        if document is None:
            return Receipt("nothing-to-send", "Ánh xạ không tạo ra gì để gửi · the mapping made nothing to send")
        with sending():
            call = self._row(parcel)
            whole = inlined(document, call.inline, parcel.read_file)
            send = make(call, self._caller, fields_of(parcel, whole), parcel.message.trace, parcel.original)
        told = (call.answer or self._settings.answer).read(send())
        verdict = self._meaning.settle("send", told, again=parcel.in_doubt)
        code = told.code or str(told.http)
        return Receipt(code, told.body, reference=told.reference, duplicate=verdict.outcome == "duplicate")

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
                told = ask(find, self._caller, fields_of(parcel, document), self._settings.answer)
        except AskFirst as fault:  # reading changes nothing: the question failed
            raise TryLater(f"find: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        return asking.Question(find.rows, "find").found("find", told)

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
        renewed = self._caller.renew()
        if self._settings.check is None:
            reply = self._caller.call("GET", "")
            if reply.status >= 500:
                raise TryLater(f"HTTP {reply.status}", code=str(reply.status), answer=reply.excerpt())
            return f"HTTP {reply.status}" + (" · có mã truy cập · a token came" if renewed else "")
        with sending():
            told = ask(self._settings.check, self._caller, Fields(), self._settings.answer)
        self._meaning.settle("check", told)
        return "có · yes"

    def _row(self, parcel: Parcel) -> Deliver:
        kind = parcel.message.type
        for row in self._settings.call:
            if not row.type or kind in row.type:
                return row
        words = f"không có dòng [[settings.call]] cho {kind} · no [[settings.call]] row takes {kind}"
        raise Rejected(words, code="no-call")


def _document(parcel: Parcel) -> Any:
    return parcel.documents.get("message", parcel.message.body)


def _check_one_way(find: Find | None, harmless: bool | None) -> None:
    if find is not None and harmless:
        words = "ghi find hoặc repeat_is_harmless, một trong hai · give find or repeat_is_harmless, one of them"
        raise ValueError(words)
