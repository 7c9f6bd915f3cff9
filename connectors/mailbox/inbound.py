"""Boxes: list → fetch → commit → only then acknowledge.

The cursor holds what was committed with it and is not acknowledged yet: the next poll acknowledges that first. A process that dies in between
acknowledges once more; it never acknowledges what is not stored.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

from pydantic import TypeAdapter

from connectors.mailbox.settings import Box, Settings
from gateway.dialect.auth import Caller
from gateway.dialect.calling import Call, ask
from gateway.dialect.cursors import read_cursor
from gateway.dialect.pointers import put, text_at
from gateway.dialect.reading import Reading, Told
from gateway.dialect.taking import name_of, take, things_in
from gateway.dialect.template import Fields
from gateway.errors import AskFirst, DeliveryError, Misconfigured, Refused, TryLater, Unclassified
from gateway.ports import Desk, Page, Submission

AT_ONCE = 20  # things fetched and committed together


class Owed(NamedTuple):
    """An acknowledgement that is still to be given. `row`: the fields of the row that its templates name."""

    box: str
    item: str
    how: Literal["done", "failed"]
    row: Any


_OWED = TypeAdapter(list[Owed])


def boxes_of(settings: Settings, folder: Path, desk: Desk, place: str) -> Boxes:
    """Raises `Misconfigured` where there is nothing to read."""
    if not settings.box:
        raise Misconfigured(f"{place}: poll_seconds cần · wants at least one [[settings.box]]")
    return Boxes(settings.box, settings.open(folder, desk.now), settings.answer, desk)


class Boxes:
    """Empties boxes in rounds. What goes wrong with one thing holds up no other; it is raised at the end of the round."""

    def __init__(self, boxes: Sequence[Box], caller: Caller, answer: Reading, desk: Desk) -> None:
        self._boxes = {box.name: box for box in boxes}
        self._caller = caller
        self._answer = answer
        self._desk = desk
        self._seen: set[tuple[str, str]] = set()  # in this round
        self._trouble: DeliveryError | None = None
        self._owes_trouble = False

    def poll(self, cursor: str | None) -> Page:
        """Acknowledge what the last page stored, then the next things; `more` until every row of every list was looked at once."""
        if self._owes_trouble:
            self._tell_trouble()
        stored = read_cursor(_OWED, cursor, [])
        left = [owed for owed in stored if not self._acknowledged(owed)]
        waiting = {(owed.box, owed.item) for owed in left}
        items: list[Submission] = []
        rows = self._next_rows(waiting)
        for box, name, row in rows:
            self._seen.add((box.name, name))
            taken = self._fetched(box, name, row)
            items += taken
            how: Literal["done", "failed"] = "failed" if any(one.problem for one in taken) else "done"
            call = box.done if how == "done" else box.failed
            if taken and call is not None:
                left.append(Owed(box.name, name, how, _named(call, row)))
        if not rows:
            self._end_round(progress=left != stored)
        return Page(items, json.dumps(left, ensure_ascii=False), more=bool(rows) or self._owes_trouble)

    def _end_round(self, *, progress: bool) -> None:
        """The next round looks at everything again. What went wrong is told now, or, when there is a cursor to be stored, right after that."""
        self._seen.clear()
        self._owes_trouble = progress and self._trouble is not None
        if not progress:
            self._tell_trouble()

    def _tell_trouble(self) -> None:
        self._owes_trouble = False
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble

    def _acknowledged(self, owed: Owed) -> bool:
        """False: it is tried again with the next poll. A box that the file names no more wants no acknowledgement."""
        box = self._boxes.get(owed.box)
        call = None if box is None else box.done if owed.how == "done" else box.failed
        if box is None or call is None:
            return True
        try:
            told = self._asked(call, Fields(owed.row, {"item": owed.item}))
            if told.http not in box.gone:
                self._check(box, f"{owed.how} {owed.item}", told)
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return False
        return True

    def _next_rows(self, waiting: set[tuple[str, str]]) -> list[tuple[Box, str, Any]]:
        """Rows not looked at in this round, of the first box that has any."""
        for box in self._boxes.values():
            try:
                rows = self._rows(box, waiting)
            except DeliveryError as trouble:
                self._trouble = self._trouble or trouble
                continue
            if rows:
                return rows[:AT_ONCE]
        return []

    def _rows(self, box: Box, waiting: set[tuple[str, str]]) -> list[tuple[Box, str, Any]]:
        """Of the first page that has any. Raises a `DeliveryError`."""
        page = box.first_page
        turned: set[str] = set()  # names on the pages before
        while True:
            told = self._asked(box.list, Fields(None, {"page": str(page)}))
            self._check(box, "list", told)
            try:
                things = things_in(box, told.document)
            except Refused as refused:
                raise Unclassified(f"{box.name}: {refused}", code="list-shape") from refused
            named = [(box, name, row) for row in things if (name := name_of(box.id, row)) is not None]
            if len(named) < len(things):
                raise Unclassified(f"{box.name}: một dòng không có mã · a row without its id", code="list-shape")
            rows = [one for one in named if (box.name, one[1]) not in self._seen and (box.name, one[1]) not in waiting]
            if rows or box.page_size is None or len(things) < box.page_size:
                return rows
            names = {name for _, name, _ in named}
            if names <= turned:
                words = f"trang {page} không có gì mới: danh sách không chia trang · page {page} shows nothing new"
                raise Unclassified(f"{box.name}: {words}", code="list-stuck")
            turned |= names
            page += 1

    def _fetched(self, box: Box, name: str, row: Any) -> list[Submission]:
        """The messages of one thing; none when it could not be fetched, or when its mapping leaves it out: then it stays in the box."""
        content = row
        try:
            if box.fetch is not None:
                told = self._asked(box.fetch, Fields(row, {"item": name, "now": self._desk.now()}))
                self._check(box, f"fetch {name}", told)
                if told.document is None:  # nothing is no content: acknowledged, the thing would be lost
                    raise TryLater(f"{box.name}: fetch {name}: trả lời trống · an empty answer", code="empty")
                content = told.document
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return []
        if box.row_as is not None and isinstance(content, dict):
            content = {**content, box.row_as: row}
        return take(box, content, self._desk, box.name, known=name)

    def _asked(self, call: Call, fields: Fields) -> Told:
        """Raises a `DeliveryError`: nothing that a box is asked leaves a doubt behind."""
        try:
            return ask(call, self._caller, fields, self._answer)
        except AskFirst as fault:
            raise TryLater(fault.reason, code=fault.code, answer=fault.answer) from fault
        except Refused as refused:
            raise Unclassified(str(refused), code="template") from refused

    def _check(self, box: Box, what: str, told: Told) -> None:
        if 200 <= told.http < 300 and told.readable and (not box.ok or told.code in box.ok):
            return
        said = told.text[:160] if told.readable else ""  # a page that nobody could read may name anybody
        words = f"{box.name}: {what}: HTTP {told.http} {told.code} {said}".strip()
        raise TryLater(words, code=told.code or str(told.http), retry_after=told.retry_after)


def _named(call: Call, row: Any) -> Any:
    """The fields of the row that the call names, and nothing else: a cursor is no place for people's data."""
    kept: Any = {}
    for pointer in sorted(call.pointers):
        kept = put(kept, pointer, text_at(row, pointer))
    return kept
