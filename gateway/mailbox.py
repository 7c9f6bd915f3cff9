"""A partner's mailbox, read in rounds: list → fetch → commit → only then acknowledge.

The cursor is the list of what was committed with it; the next poll acknowledges that first: `done` for what was read, `fail` for what was
kept but could not be read, so that its sender hears of it. A process that dies in between fetches or acknowledges once more, which changes nothing.
Where the partner's list must be asked for by days, the cursor also holds up to which day it was read whole: ``{"left": […], "read_to": day}``.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

from gateway.errors import DeliveryError
from gateway.ports import Page, Submission

FOR_A_PERSON = "for-a-person"
"""The code of a fault that only a person can judge: what has it was read well."""
PATIENCE = 3  # rounds

Row = tuple[str, Any]
"""The number of something that waits, and its row of the list."""


class Mailbox(ABC):
    """One that cannot be fetched ends its round, for what follows may be about the same dossier and must not overtake it; after `PATIENCE`
    rounds the others go on without it. The trouble is raised at the end of the round."""

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size
        self._seen: set[str] = set()  # in this round
        self._failed: dict[str, int] = {}  # how often in a row
        self._ended = False  # the round, before its time
        self._trouble: DeliveryError | None = None
        self._read_to: str | None = None  # the day at which the last round ended in which nothing went wrong

    @abstractmethod
    def _waiting(self) -> Sequence[Row]:
        """All that waits there. Raises a `DeliveryError`."""

    @abstractmethod
    def _take(self, number: str, row: Any) -> tuple[Sequence[Submission], bool]:
        """The messages of one, and whether it is to be acknowledged. Raises a `DeliveryError` when it cannot be fetched now."""

    @abstractmethod
    def _acknowledge(self, number: str, how: str) -> None:
        """`done` or `fail`. Raises a `DeliveryError`."""

    def _day(self) -> str | None:
        """The last day of the list that `_waiting` gave last; None where the whole list comes."""
        return None

    def poll(self, cursor: str | None) -> Page:
        """The next of this round; `more` until every row of the list was looked at once."""
        stored, self._read_to = _read_cursor(cursor)
        left = [pair for pair in stored if not self._acknowledged(*pair)]
        rows = self._next_rows(skip=self._seen | {number for number, _ in left})
        items: list[Submission] = []
        for number, row in rows:
            self._seen.add(number)
            try:
                found, answered = self._take(number, row)
            except DeliveryError as trouble:
                self._trouble = self._trouble or trouble
                if self._must_wait(number):
                    break
                continue
            self._failed.pop(number, None)
            items += found
            if answered:
                left.append([number, "fail" if any(map(_is_unreadable, found)) else "done"])
        if not rows:
            self._end_round(progress=left != stored)
        return Page(items, _write_cursor(left, self._read_to), more=bool(rows))

    def _must_wait(self, number: str) -> bool:
        """Must the others wait for the one that has just failed?"""
        self._failed[number] = self._failed.get(number, 0) + 1
        self._ended = self._failed[number] <= PATIENCE
        return self._ended

    def _end_round(self, *, progress: bool) -> None:
        trouble, self._trouble = self._trouble, None
        if trouble is None:
            self._read_to = self._day() or self._read_to
        self._seen.clear()
        self._ended = False
        if trouble is not None and not progress:
            raise trouble

    def _acknowledged(self, number: str, how: str) -> bool:
        try:
            self._acknowledge(number, how)
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return False
        return True

    def _next_rows(self, skip: set[str]) -> Sequence[Row]:
        if self._ended:
            return []
        return [(number, row) for number, row in self._waiting() if number not in skip][: self._page_size]


def _read_cursor(cursor: str | None) -> tuple[list[list[str]], str | None]:
    """What is to be acknowledged, and the day; a cursor without a day is the list alone."""
    found = json.loads(cursor) if cursor else []
    return (found["left"], found["read_to"]) if isinstance(found, dict) else (found, None)


def _write_cursor(left: list[list[str]], read_to: str | None) -> str:
    return json.dumps(left if read_to is None else {"left": left, "read_to": read_to})


def written(kept: Any) -> bytes:
    """What is kept of one, the same for the same."""
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def digest(kept: Any) -> str:
    """Twelve characters that stand for it."""
    return hashlib.sha256(written(kept)).hexdigest()[:12]


def _is_unreadable(submission: Submission) -> bool:
    return submission.body is None and all(fault.code != FOR_A_PERSON for fault in submission.problem)
