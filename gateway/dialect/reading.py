"""What an answer says: its code, its words, the partner's own reference; and what that means, by the partner's rows and then the connector's.

`code` for the tables: the partner's own · ``absent``, when the file says where a code or words stand and no code is there · ``unreadable``, when the
body is not what `unwrap` expects · empty, when the file names no place for either: then the HTTP status is all there is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from gateway.dialect.pointers import Pointer, at, text_at
from gateway.dialect.row import Row
from gateway.dialect.unwrap import InSteps, text_of_any, unwrap
from gateway.errors import Misconfigured, Refused
from gateway.http import Reply
from gateway.outcomes import Outcomes, Verdict

ABSENT = "absent"
UNREADABLE = "unreadable"
_WORDS_MOST = 2000

# What a row of the operator's says to people when it says nothing of its own.
_SAY = {
    "delivered": ("Bên nhận đã nhận; không phải làm gì.", "They took it; nothing to do."),
    "duplicate": (
        "Bên nhận đã có từ trước, không bị trùng; không phải làm gì.",
        "They had it already, nothing is doubled; nothing to do.",
    ),
    "try_later": (
        "Bên nhận chưa nhận; hệ thống tự gửi lại, chưa cần làm gì.",
        "They did not take it; sent again automatically, nothing to do yet.",
    ),
    "ask_first": (
        "Chưa rõ bên nhận đã nhận chưa; hệ thống tự hỏi lại. Nếu phải chờ người: hỏi bên nhận.",
        "They may or may not have it; asked automatically. If it comes to you: ask them.",
    ),
    "rejected": (
        "Bên nhận từ chối; cán bộ đọc lý do, sửa rồi gửi lại hoặc hủy lượt gửi.",
        "They refused it; read the reason, mend it, then send again or discard.",
    ),
    "unclassified": (
        "Câu trả lời chưa rõ nghĩa; cán bộ xem lại và báo quản trị bổ sung quy tắc.",
        "What this answer means is not known; look at it, and have the operator add a rule.",
    ),
}


@dataclass(frozen=True, slots=True)
class Told:
    """An answer, read. `document` is None when there is none or it could not be read; `body` is the whole as text, for a person."""

    http: int
    document: Any
    code: str
    text: str
    reference: str | None
    body: str
    retry_after: float | None = None

    @property
    def readable(self) -> bool:
        return self.code != UNREADABLE


class Reading(Row):
    """`[settings.answer]`. `unwrap`: the steps to the document; the pointers are places in it."""

    unwrap: InSteps = Field(default=["json"])
    code: Pointer | None = None
    text: Pointer | None = None
    reference: Pointer | None = None

    def read(self, reply: Reply) -> Told:
        """An HTTP answer. One without a body says nothing and can be read."""
        shown = reply.excerpt(_WORDS_MOST)
        try:
            document = unwrap(reply.body, self.unwrap) if reply.body.strip() else None
        except Refused:
            return Told(reply.status, None, UNREADABLE, shown, None, shown, reply.retry_after())
        return self.told(document, http=reply.status, body=shown, retry_after=reply.retry_after())

    def told(self, document: Any, *, http: int, body: str = "", retry_after: float | None = None) -> Told:
        """A document that was read elsewhere."""
        code = text_at(document, self.code) if self.code is not None else None
        silent = self.code is None and self.text is None
        text = _words(document, self.text) if self.text is not None else ""
        reference = text_at(document, self.reference) if self.reference is not None else None
        return Told(http, document, code or ("" if silent else ABSENT), text, reference, body, retry_after)


def _words(document: Any, pointer: str) -> str:
    value = at(document, pointer)
    return "" if value is None else text_of_any(value)[:_WORDS_MOST]


class Meaning:
    """The partner's rows, then the connector's own cautious table.

    A row of the partner's that ends well never takes an answer that could not be read, unless it names the code ``unreadable``: a proxy's page
    is no receipt. Raises `Misconfigured` naming `place` and the row.
    """

    def __init__(self, rows: Sequence[Mapping[str, Any]], own: Outcomes, place: str) -> None:
        spoken = [_with_words(row, f"{place}, rule {n}") for n, row in enumerate(rows, start=1)]
        careful = [row for row in spoken if not _ends_well(row) or UNREADABLE in _listed(row.get("code"))]
        self._readable = Outcomes.of(spoken, place, may_be_empty=True).before(own)
        self._unreadable = Outcomes.of(careful, place, may_be_empty=True).before(own)

    def settle(self, call: str, told: Told, *, again: bool = False) -> Verdict:
        """As `Outcomes.settle`."""
        table = self._readable if told.readable else self._unreadable
        return table.settle(
            call,
            http=told.http,
            code=told.code,
            text=told.text,
            answer=told.body,
            again=again,
            retry_after=told.retry_after,
        )


def _checked_rules(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    try:
        Outcomes.of([_with_words(row, f"rule {n}") for n, row in enumerate(rows, start=1)], "rule", may_be_empty=True)
    except Misconfigured as wrong:
        raise ValueError(str(wrong)) from None
    return rows


Rules = Annotated[list[dict[str, Any]], AfterValidator(_checked_rules)]
"""`[[settings.rule]]`: rows of an outcome table. `say`, `say_en` and `why` may be left out."""


def _with_words(row: Mapping[str, Any], why: str) -> dict[str, Any]:
    say, say_en = _SAY.get(str(row.get("outcome")), _SAY["unclassified"])
    return {"say": say, "say_en": say_en, "why": why, **row}


def _ends_well(row: Mapping[str, Any]) -> bool:
    return row.get("outcome") in ("delivered", "duplicate")


def _listed(value: Any) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
