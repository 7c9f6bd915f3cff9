"""Did it arrive? Declared as rows over the answer to a question, or as the partner's word that sending twice changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator

from gateway.dialect.reading import UNREADABLE, Told
from gateway.dialect.row import Row
from gateway.errors import Misconfigured, TryLater
from gateway.outcomes import Outcomes
from gateway.ports import Found


class FoundRow(Row):
    """`{ http = [404], found = "absent" }`: conditions as in an outcome row, and what they mean."""

    http: list[int | str] | None = None
    code: list[int | str] | None = None
    text: str | None = None
    found: Found


def _checked_rows(rows: list[FoundRow]) -> list[FoundRow]:
    try:
        Question(rows, "rows")
    except Misconfigured as wrong:
        raise ValueError(str(wrong)) from None
    return rows


FoundRows = Annotated[list[FoundRow], AfterValidator(_checked_rows)]


class Question:
    """A table of `FoundRow`. Raises `Misconfigured` naming `place` and the row."""

    def __init__(self, rows: Sequence[FoundRow], place: str) -> None:
        if not any(row.found is not Found.UNKNOWN for row in rows):
            words = "cần ít nhất một dòng arrived hoặc absent · wants a row that says arrived or absent"
            raise Misconfigured(f"{place}: {words}")
        self._table = Outcomes.of([_as_rule(row, f"{place}, row {n}") for n, row in enumerate(rows, start=1)], place)
        careful = [row for row in rows if row.code is not None and UNREADABLE in row.code]
        self._unreadable = Outcomes.of(
            [_as_rule(row, f"{place}, row {rows.index(row) + 1}") for row in careful], place, may_be_empty=True
        )

    def found(self, call: str, told: Told) -> Found:
        """What the answer says. Raises `TryLater` when no row knows it, and for a page that no row names ``unreadable``: the question failed."""
        table = self._table if told.readable else self._unreadable
        verdict = table.judge(call, http=told.http, code=told.code, text=told.text)
        if verdict.then is None:
            words = "câu trả lời không có trong các dòng của find · no row of find knows this answer"
            raise TryLater(
                f"{call}: HTTP {told.http} {told.code}: {words}",
                code=told.code or str(told.http),
                answer=told.body,
                retry_after=told.retry_after,
            )
        return Found(verdict.then)


def _as_rule(row: FoundRow, why: str) -> dict[str, Any]:
    words = f"{why}: {row.found}"[:120]
    conditions = row.model_dump(include={"http", "code", "text"}, exclude_none=True)
    return {**conditions, "outcome": "delivered", "then": str(row.found), "why": why, "say": words, "say_en": words}
