"""A partner that shows its dossiers as they stand now, in a list by days: what of it is news.

The list is read in windows that overlap, so a dossier comes again and again. It is known by its content, never by its code alone: what is
unchanged says nothing, what is changed amends the dossier, and moves it when the partner's own status is another than it was.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from gateway.canonical.scalars import HANOI, write_instant
from gateway.errors import DeliveryError, Fault, Refused
from gateway.ports import Desk, Page, Submission

_PLACES = {1: 0, 2: 1, 5: 1, 6: 1, 8: 1, 4: 2, 9: 3, 10: 4}
_LINE = (1, 2, 4, 9, 10)
_NOT_RECEIVED = (1, 3)
_MAY_BE_RECEIVED = (5, 6, 7)
_NEVER = "never"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One dossier of the list. `content` is all that came of it, as JSON; `told` the partner's own status; `received`: it says when it was.

    `document` is what the mappings read. Added to it: `id`; `status`; `at`, when we learnt of it (None for a new dossier); and for a step
    `since`, when what it follows on happened, `passing`, whether it lies between two readings, and `received_before`.
    """

    code: str
    told: str
    received: bool
    content: Any
    document: Mapping[str, Any]


class Snapshots:
    """Makes the messages of one partner. `name` begins every id; `statuses` turns the partner's status into ours; `fact` is the name
    under which the dossier's mapping keeps the partner's status among the facts: what it was last time is read there."""

    def __init__(
        self, name: str, desk: Desk, mappings: tuple[str, str], statuses: Mapping[str, int], fact: str
    ) -> None:
        self._name = name
        self._desk = desk
        self._dossier_mapping, self._status_mapping = mappings
        self._statuses = statuses
        self._fact = fact

    def unchanged(self, code: str, content: Any) -> bool:
        """This is what the partner said last."""
        known = self._desk.dossier(code)
        return known is not None and known["dossier"]["id"].startswith(self._first_id(code, content))

    def news(self, snapshot: Snapshot) -> list[Submission]:
        """The dossier, new or amended, and its moves since; nothing when it is unchanged. What cannot be read is handed on with its faults."""
        if self.unchanged(snapshot.code, snapshot.content):
            return []
        try:
            return self._told(snapshot)
        except Refused as refused:
            return [self.unread(snapshot.code, snapshot.content, refused.faults)]

    def unread(self, code: str, content: Any, faults: Sequence[Fault]) -> Submission:
        """Under a name of its own, so that the dossier's name is free for the day when it can be read."""
        digest = _digest([content, [fault.pointer + fault.code for fault in faults]])
        name = f"{self._name}-{code}-unread-{digest}"
        return Submission(name, None, _written(content), mapping=self._dossier_mapping, problem=tuple(faults))

    def _told(self, snapshot: Snapshot) -> list[Submission]:
        goal = self._statuses.get(snapshot.told)
        if goal is None:
            words = f"trạng thái {snapshot.told} không có trong bảng", f"the status {snapshot.told} is not in the table"
            raise Refused.of("", "unlisted", *words)
        known = self._desk.dossier(snapshot.code)
        dossier = self._dossier(snapshot, known, goal)
        told_before = known["dossier"].get("facts", {}).get(self._fact) if known else None
        moves = self._moves(snapshot, known, dossier, goal) if told_before != snapshot.told else ()
        original = _written(snapshot.content)
        made = [(self._dossier_mapping, dossier), *((self._status_mapping, move) for move in moves)]
        return [Submission(body["id"], body, original, mapping=mapping) for mapping, body in made]

    def _dossier(self, snapshot: Snapshot, known: Mapping[str, Any] | None, goal: int) -> dict[str, Any]:
        name = self._first_id(snapshot.code, snapshot.content)
        more = {"id": name, "status": _first_status(goal, snapshot.received), "at": None}
        if known:  # the same content may come back after another: the submission that it follows on tells them apart
            name += f"-{known['dossier']['event_time']}"
            more = {"id": name, "status": known["status"], "at": self._moment(known)}
        return self._made(self._dossier_mapping, snapshot, more)

    def _moves(
        self, snapshot: Snapshot, known: Mapping[str, Any] | None, dossier: Mapping[str, Any], goal: int
    ) -> Iterator[dict[str, Any]]:
        since = known["status_time"] if known else dossier["event_time"]
        received = known["received_at"] is not None if known else dossier["status"] != 1
        more = {"at": self._moment(known), "received_before": received}
        for status in steps(dossier["status"], goal):
            more |= {"id": f"{dossier['id']}-{status}", "status": status, "since": since, "passing": status != goal}
            body = self._made(self._status_mapping, snapshot, more)
            since = body["event_time"]
            yield body

    def _made(self, mapping: str, snapshot: Snapshot, more: Mapping[str, Any]) -> dict[str, Any]:
        body: dict[str, Any] = self._desk.translate(mapping, {**snapshot.document, **more})
        return body

    def _moment(self, known: Mapping[str, Any] | None) -> str:
        """Now, and no earlier than what it follows on."""
        earlier = [known["status_time"], known["dossier"]["event_time"]] if known else []
        return write_instant(max([self._desk.now(), *map(datetime.fromisoformat, earlier)]))

    def _first_id(self, code: str, content: Any) -> str:
        return f"{self._name}-{code}-{_digest(content)}"


class SnapshotFeed:
    """Reads the list in rounds, a page at a time; `more` until every row was looked at once. A row's trouble holds up no other.

    Each round reads the last `days`; the first of a day reads `long_days` back from the last day of which a round came to its end without
    trouble, which is the cursor. So a dossier that changes late is seen the next day, and an outage of any length leaves no gap.
    `read(first, last)` gives the rows of these days, both included; `news(code, row)` what is new of one, whose code stands under
    `code_name`; both raise `DeliveryError`.
    """

    def __init__(
        self,
        desk: Desk,
        snapshots: Snapshots,
        read: Callable[[date, date], Sequence[Any]],
        news: Callable[[str, dict[str, Any]], Sequence[Submission]],
        code_name: str,
        *,
        days: int,
        long_days: int,
        page_size: int,
    ) -> None:
        self._desk = desk
        self._snapshots = snapshots
        self._read = read
        self._news = news
        self._code_name = code_name
        self._days, self._long_days, self._page_size = days, long_days, page_size
        self._round: _Round | None = None

    def poll(self, cursor: str | None) -> Page:
        """The next rows of this round. The place in it is kept here: after a restart, or when another process read on, a round begins anew,
        and doubles nothing.

        The first trouble of a round is raised when all the rest of it is committed.
        """
        last = (cursor or _NEVER).partition("+")[0]
        if self._round is None or self._round.cursor != cursor:
            self._round = self._begin(last)
        now = self._round
        rows = now.rows[now.place : now.place + self._page_size]
        if not rows:
            self._round = None
            if now.trouble is not None:
                raise now.trouble
            return Page([], now.today.isoformat(), more=False)
        items = [item for row in rows for item in self._looked_at(row, now)]
        now.place += len(rows)
        now.cursor = f"{last}+{now.name}+{now.place}"
        return Page(items, now.cursor, more=True)

    def _begin(self, last: str) -> _Round:
        at = self._desk.now().astimezone(HANOI)
        today = at.date()
        if last == today.isoformat():
            first = today - timedelta(days=self._days)
        else:
            through = today if last == _NEVER else min(today, date.fromisoformat(last))
            first = through - timedelta(days=self._long_days)
        return _Round(list(self._read(first, today)), today, at.isoformat(timespec="microseconds"))

    def _looked_at(self, row: Any, now: _Round) -> Sequence[Submission]:
        code = row.get(self._code_name) if isinstance(row, dict) else None
        if not isinstance(code, str) or not code:
            words = f"dòng danh sách thiếu {self._code_name}", f"the row has no {self._code_name}"
            return [self._snapshots.unread(_digest(row), row, [Fault("", "list-row", *words)])]
        if now.seen.setdefault(code, row) != row:  # one of the two would undo the other at every reading
            words = "hồ sơ có hai dòng khác nhau trong một danh sách", "two different rows of one dossier in one list"
            return [self._snapshots.unread(code, row, [Fault("", "listed-twice", *words)])]
        try:
            return self._news(code, row)
        except DeliveryError as trouble:
            now.trouble = now.trouble or trouble
            return ()


@dataclass(slots=True)
class _Round:
    """One reading of the list. `name` is a round's own, `cursor` what was given out last."""

    rows: Sequence[Any]
    today: date
    name: str
    place: int = 0
    cursor: str | None = None
    seen: dict[str, Any] = field(default_factory=dict)
    trouble: DeliveryError | None = None


def read_statuses(folder: Path) -> Mapping[str, int]:
    """The partner's status → ours, from the connector's statuses.toml."""
    table = tomllib.loads((folder / "statuses.toml").read_text(encoding="utf-8"))
    return {row["theirs"]: row["ours"] for row in table["status"]}


def steps(start: int, goal: int) -> Sequence[int]:
    """The moves from where a dossier stands to where the partner has it. Of 2, 4 and 9 those are added that lie between: a list read by
    the hour does not show every step. Where no way leads, the goal alone: the status algebra holds it."""
    if start == goal:
        return ()
    if goal in _LINE and start in _PLACES and _PLACES[goal] > _PLACES[start]:
        return _LINE[_PLACES[start] + 1 : _PLACES[goal] + 1]
    return (goal,)


def _first_status(goal: int, received: bool) -> int:
    """A dossier seen for the first time begins at 2, if it was received. One that must have been and does not say when begins there too:
    accept then asks for the moment, and holds it."""
    return 1 if goal in _NOT_RECEIVED or (goal in _MAY_BE_RECEIVED and not received) else 2


def _written(content: Any) -> bytes:
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, ensure_ascii=False, sort_keys=True).encode()).hexdigest()[:12]
