"""Deliveries as a partner's file declares them, over any protocol: which row takes a message, what its answer means, how a doubt is ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Protocol, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.canonical import TYPES
from gateway.dialect.auth import Caller
from gateway.dialect.reading import Told
from gateway.dialect.template import sending, templates_in
from gateway.errors import AskFirst, DeliveryError, Rejected, TryLater
from gateway.outcomes import Verdict
from gateway.ports import Found, Heal, Health, Parcel, Receipt, Standing


def _listed(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _known(types: list[str]) -> list[str]:
    for one in types:
        if one not in TYPES:
            raise ValueError(
                f"{one!r}: không có loại bản tin này; có · no such message type; known: {', '.join(TYPES)}"
            )
    return types


Types = Annotated[list[str], BeforeValidator(_listed), AfterValidator(_known), Field(default=[])]
"""Message types of a row; none: every type that no row above it took."""


class Row(Protocol):
    """What a `[[settings.call]]` of any protocol has."""

    @property
    def type(self) -> Sequence[str]: ...
    @property
    def find(self) -> Any: ...
    @property
    def repeat_is_harmless(self) -> bool | None: ...


def check_order(rows: Sequence[Row]) -> None:
    """Raises `ValueError` for a row that takes everything and is not the last."""
    open_rows = [number for number, row in enumerate(rows, start=1) if not row.type]
    if open_rows and open_rows[0] < len(rows):
        words = "dòng không có type phải đứng cuối · a row without `type` takes all: put it last"
        raise ValueError(f"call {open_rows[0]}: {words}")


def check_one_way(find: Any, harmless: bool | None) -> None:
    """Raises `ValueError` when both ways out of a doubt are given."""
    if find is not None and harmless:
        words = "ghi find hoặc repeat_is_harmless, một trong hai · give find or repeat_is_harmless, one of them"
        raise ValueError(words)


A = TypeVar("A")


class Declared(ABC, Generic[A]):
    """Delivers the document ``message`` of a partner's mapping; without a mapping the canonical body. `A` is an answer, read."""

    def __init__(self, settings: Any, caller: Caller) -> None:
        """`settings`: call, find, repeat_is_harmless, check and url, as both protocols have them."""
        self._settings = settings
        self._caller = caller

    @abstractmethod
    def _call(self, row: Any, parcel: Parcel, document: Any) -> Callable[[], A]:
        """The call of a row, ready to go. Raises `Refused`."""

    @abstractmethod
    def _question(self, find: Any, parcel: Parcel | None, document: Any) -> Callable[[], A]:
        """A question of the file, ready to be asked. Raises `Refused`."""

    @abstractmethod
    def _told(self, answer: A) -> Told:
        """What it says."""

    @abstractmethod
    def _settle(self, call: str, answer: A, *, again: bool = False) -> Verdict:
        """What it means. Raises a `DeliveryError`."""

    @abstractmethod
    def _found(self, find: Any, answer: A) -> Found:
        """What it says about an arrival. Raises `TryLater` when it says nothing."""

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. A document that its mapping left null is not for this partner."""
        document = _document(parcel)
        if document is None:
            return Receipt("nothing-to-send", "Ánh xạ không tạo ra gì để gửi · the mapping made nothing to send")
        with sending():
            send = self._call(self._row(parcel), parcel, document)
        answer = send()
        verdict = self._settle("send", answer, again=parcel.in_doubt)
        told = self._told(answer)
        code = told.code or str(told.http)
        return Receipt(code, told.body, reference=told.reference, duplicate=verdict.outcome == "duplicate")

    def find(self, parcel: Parcel) -> Found:
        """What the partner says; ABSENT where sending again doubles nothing; UNKNOWN where nothing can be asked."""
        document = _document(parcel)
        if document is None:
            return Found.ABSENT
        with sending():
            row = self._row(parcel)
        find = self._question_of(row)
        if find is None:
            harmless = self._settings.repeat_is_harmless if row.repeat_is_harmless is None else row.repeat_is_harmless
            return Found.ABSENT if harmless else Found.UNKNOWN
        return self._ask(find, parcel, document)

    def _question_of(self, row: Any) -> Any:
        """The `find` of a row, or None."""
        return row.find or (self._settings.find if row.repeat_is_harmless is None else None)

    def _ask(self, find: Any, parcel: Parcel, document: Any) -> Found:
        """Raises a `DeliveryError` when the question failed."""
        try:
            with sending():
                ask = self._question(find, parcel, document)
            answer = ask()
        except AskFirst as fault:  # reading changes nothing: the question failed
            raise TryLater(f"find: {fault.reason}", code=fault.code, answer=fault.answer) from fault
        return self._found(find, answer)

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
            ask = self._question(self._settings.check, None, None)
        self._settle("check", ask())
        return "có · yes"

    def _row(self, parcel: Parcel) -> Any:
        kind = parcel.message.type
        for row in self._settings.call:
            if not row.type or kind in row.type:
                return row
        words = f"không có dòng [[settings.call]] cho {kind} · no [[settings.call]] row takes {kind}"
        raise Rejected(words, code="no-call")


class Asked(Declared[A]):
    """Whose partner can be asked how a dossier stands: a `find` is declared that is really asked."""

    def state(self, told: Sequence[Parcel]) -> Standing | None:
        """Each message's own question, from the newest back to the first that they have: one put back from an older copy lost the newest.

        The answers tell of messages, or, where the question does not name the message (`{$key}`), of the dossier. Never of a status.
        """
        lacking: list[str] = []
        gone = False
        for parcel in reversed(told):
            document = _document(parcel) if parcel.documents else None
            find = self._question_of(self._row(parcel)) if document is not None else None
            found = self._ask(find, parcel, document) if find is not None else Found.UNKNOWN
            if found is Found.ARRIVED:
                return Standing(True, lacking=lacking, heal=_AGAIN)
            if found is Found.ABSENT:
                lacking.append(parcel.key)
                gone = gone or not _names_message(find)
        return Standing(not gone, lacking=lacking, heal=_AGAIN) if lacking else None


_AGAIN = Heal(step=("message",))  # the whole message, under the key that it had


def asks(settings: Any) -> bool:
    """Does a partner's file declare any question about what was delivered?"""
    return settings.find is not None or any(row.find is not None for row in settings.call)


def _names_message(find: Any) -> bool:
    parts = [getattr(find, name) for name in type(find).model_fields]
    return any("$key" in template.sources for template in templates_in(parts))


def _document(parcel: Parcel) -> Any:
    return parcel.documents.get("message", parcel.message.body)
