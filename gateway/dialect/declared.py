"""Deliveries as a partner's file declares them, over any protocol: which row takes a message, what its answer means, how a doubt is ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Annotated, Any, Generic, Protocol, TypeVar

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.canonical import TYPES
from gateway.dialect.auth import Caller
from gateway.dialect.reading import Told
from gateway.dialect.template import sending
from gateway.errors import AskFirst, DeliveryError, Rejected, TryLater
from gateway.outcomes import Verdict
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
        find = row.find or (self._settings.find if row.repeat_is_harmless is None else None)
        if find is None:
            harmless = self._settings.repeat_is_harmless if row.repeat_is_harmless is None else row.repeat_is_harmless
            return Found.ABSENT if harmless else Found.UNKNOWN
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


def _document(parcel: Parcel) -> Any:
    return parcel.documents.get("message", parcel.message.body)
