"""A dossier's messages laid under the clocks: when it is due, and was it late? By the operator's calendar, rules and code lists."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from gateway.codes import CsvCodes
from gateway.codes.lists import key_of
from gateway.config import Config, StatusRow
from gateway.dossiers.calendar import Calendar
from gateway.dossiers.clocks import (
    APOLOGY,
    NO_FORM,
    Clocks,
    Event,
    Extension,
    History,
    Limit,
    Terms,
    first_run,
    legal_due,
    reckon,
)
from gateway.dossiers.promises import doubtful_dates
from gateway.errors import Fault, Misconfigured, Refused
from gateway.message import Message

LIMITS = ("hours", "local_hours")
"""Columns of the list `procedures`: working hours by law, and the province's own where it has them."""


class Reckoner:
    """Made once for a reading of the operator's files. Raises `Misconfigured` with every fault of the calendar and of the time limits."""

    def __init__(self, config: Config, codes: CsvCodes) -> None:
        self.calendar = Calendar(config.folder / "calendar")
        self.statuses = config.statuses
        self._codes = codes
        self._hours: Callable[..., str] = cache(self.calendar.hours_of)
        _check_limits(config, codes)

    def reckon(self, told: Sequence[Message], now: datetime) -> Clocks | None:
        """The three clocks of a dossier at `now`, by all its messages in any order.

        None when none of them, held ones left out, submits it, and where its reckoning leaves the years 1990 to 2100. A clock without a known
        time limit says so among its doubts and has no `due`; before the reception none has started.
        """
        moved = _moved(told)
        dossier = next((one.body for one in reversed(moved) if one.type == "DossierSubmitted"), None)
        if dossier is None:
            return None
        history = read_history(moved, self.statuses)
        since = first_run(history, self.statuses) or datetime.fromisoformat(dossier["submitted_at"])
        try:
            return reckon(history, self.terms(dossier, since), self.calendar, self.statuses, now)
        except Refused:  # beyond the calendar
            return None

    def terms(self, dossier: Mapping[str, Any], since: datetime) -> Terms:
        """What a dossier received at `since` is measured by, from its submission's body."""
        own = self._limit_of(dossier, since, "local_hours")
        return Terms(self._legal(dossier, since), self._hours(*self._unit(dossier, since)), own)

    def legal_due(
        self, dossier: Mapping[str, Any], moves: Iterable[tuple[int, datetime]], now: datetime
    ) -> datetime | None:
        """The legal date as it stands, from the newest submission's body and the status events; None without a known time limit.

        One that is not received yet is reckoned as if it had been when it was submitted: it may be urgent too.
        """
        since = _since(dossier)
        limit = self._legal(dossier, since)
        if limit is None:
            return None
        events = [Event(status, at) for status, at in moves]
        return legal_due(History(events, received_at=since), limit, self.calendar, self.statuses, now)

    def doubts(self, body: Mapping[str, Any], dossier: Mapping[str, Any]) -> list[Fault]:
        """What is doubtful of a message's dates; `dossier` is the newest submission's body, its own for a submission."""
        return list(
            doubtful_dates(body, dossier, self.calendar, lambda: self._hours(*self._unit(dossier, _since(dossier))))
        )

    def _legal(self, dossier: Mapping[str, Any], since: datetime) -> Limit | None:
        national, rule = key_of("procedures", dossier["procedure"]["code"]), self.calendar.rules(since).same_day
        if any(fnmatchcase(national, pattern) for pattern in rule.procedures):
            return Limit("same_day")
        return self._limit_of(dossier, since, "hours")

    def _limit_of(self, dossier: Mapping[str, Any], since: datetime, column: str) -> Limit | None:
        row = self._codes.find("procedures", dossier["procedure"]["code"], since)
        return _limit(row.get(column)) if row is not None else None

    def _unit(self, dossier: Mapping[str, Any], at: datetime) -> Sequence[str]:
        """The codes, in both systems, of the unit that handles it."""
        code = dossier["handled_by"]["code"]
        row = self._codes.find("organisations", code, at) or {}
        return [code, *(value for column, value in row.items() if column.startswith("code") and value)]


def read_history(told: Sequence[Message], statuses: Mapping[int, StatusRow]) -> History:
    """What the clocks ask of a dossier's messages, in any order; held ones do not count.

    The first date told is the promise. A date that comes with an apology is an extension by form 04. One that comes with a supplement, or with
    the event that ends a pause, follows from the pause, which the clocks reckon themselves. Any other new date is an extension by no form:
    also a first one after a pause, which holds its time already.
    """
    events: list[Event] = []
    extensions: list[Extension] = []
    received: datetime | None = None
    promised: datetime | None = None
    dates: set[datetime] = set()  # told without an apology
    runs = paused = False  # since the reception
    for one in _moved(told):
        body, follows = one.body, one.type == "SupplementProvided"
        if one.type == "DossierSubmitted":
            received = received or _instant(body.get("deadlines", {}).get("received_at"))
        if one.type == "StatusChanged" or (one.type == "DossierSubmitted" and not events):
            follows = bool(events) and statuses[events[-1].status].clock == "paused"
            clock = statuses[body["status"]].clock
            runs = runs or received is not None or clock == "runs"
            paused = paused or (runs and clock == "paused")
            events.append(Event(body["status"], one.event_time))
        due, apology = _due_of(one), bool(body.get("apology"))
        if due is None:
            continue
        if promised is None and not dates and not paused and not apology:
            promised = due
        elif apology or not dates or not (follows or due in dates or any(due == one.due for one in extensions)):
            extensions.append(Extension(one.event_time, due, APOLOGY if apology else NO_FORM, body.get("content", "")))
        if not apology:
            dates.add(due)
    return History(events, extensions, received, promised)


def _moved(told: Sequence[Message]) -> list[Message]:
    """Without those held, as they happened."""
    return sorted((one for one in told if one.held is None), key=lambda one: (one.event_time, one.seq))


def _due_of(one: Message) -> datetime | None:
    """The date of return that a message tells."""
    if one.type == "DossierSubmitted":
        return _instant(one.body.get("deadlines", {}).get("due_at"))
    if one.type == "StatusChanged":
        return _instant(one.body.get("due_at"))
    return _instant(one.body.get("new_due_at")) if one.type == "SupplementProvided" else None


def _since(dossier: Mapping[str, Any]) -> datetime:
    """The reception that a submission tells; before that, the moment it was filed."""
    return datetime.fromisoformat(dossier.get("deadlines", {}).get("received_at") or dossier["submitted_at"])


def _instant(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None


def _limit(hours: str | None) -> Limit | None:
    return Limit("hours", float(hours)) if hours else None


def _check_limits(config: Config, codes: CsvCodes) -> None:
    """Raises `Misconfigured` with every time limit of the list that is none."""
    file, faults = config.folder / "codelists" / "procedures.csv", []
    for row in codes.file("procedures").rows:
        for name in LIMITS:
            try:
                _limit(row.values.get(name))
            except ValueError:
                given = row.values[name]
                faults.append(
                    f"{file}:{row.line}: {name} = {given!r}: không phải số giờ làm việc · is no number of working hours"
                )
    if faults:
        raise Misconfigured("\n".join(faults))
