"""Dates that are taken, but that the law or the calendar makes doubtful: told to their sender, who can still mend them. Nothing is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, time
from typing import Any

from gateway.canonical.scalars import HANOI
from gateway.dossiers.calendar import Calendar
from gateway.dossiers.worktime import day_of
from gateway.errors import Fault

DATES = {
    "DossierSubmitted": "/deadlines/due_at",
    "StatusChanged": "/due_at",
    "SupplementProvided": "/new_due_at",
}
"""Where a message promises a return."""
LAST_MINUTE = time(23, 59)  # a day's end, by article 148.6 of the Civil Code of 2015: no hour of the day is meant


def doubtful_dates(
    body: Mapping[str, Any], dossier: Mapping[str, Any], calendar: Calendar, hours: Callable[[], str]
) -> Iterator[Fault]:
    """What is doubtful of a canonical message's dates. `dossier`: the newest submission's body; `hours` tells those of the unit that handles it.

    Codes: ``calendar-not-reviewed``, ``day-undecided``, ``promise-before-reception``, ``promise-on-day-off``, ``promise-outside-hours``.
    """
    place = DATES.get(body["type"], "")
    due = _instant(_at(body, place)) if place else None
    happened, received = _instant(body["event_time"]), _instant(_at(dossier, "/deadlines/received_at"))
    told = {"/event_time": happened, place: due}
    if body["type"] == "DossierSubmitted":
        told["/deadlines/received_at"] = received
    yield from _unreviewed(told, calendar)
    if due is not None:
        if received is not None and due < received:
            words = "ngày hẹn trả trước ngày tiếp nhận", "the promised return lies before the reception"
            yield Fault(place, "promise-before-reception", *words)
        yield from _when_closed(place, due, calendar, hours())


def _unreviewed(told: Mapping[str, datetime | None], calendar: Calendar) -> Iterator[Fault]:
    """Each year once, at the first place that touches it."""
    years: set[int] = set()
    for place, moment in told.items():
        if moment is None:
            continue
        day = day_of(moment)
        if day.year not in calendar.reviewed and day.year not in years:
            years.add(day.year)
            doubt = calendar.doubt(day.year)
            yield Fault(place, "calendar-not-reviewed", doubt.words, doubt.words_en)
        for doubt in calendar.undecided:
            if doubt.first <= day <= doubt.last:
                yield Fault(place, "day-undecided", doubt.words, doubt.words_en)


def _when_closed(place: str, due: datetime, calendar: Calendar, hours: str) -> Iterator[Fault]:
    local = due.astimezone(HANOI)
    day, clock = local.date(), local.time()
    sessions = calendar.sessions(hours, day)
    if not sessions:
        mark = calendar.mark(day)
        why = f": {mark.name}" if mark is not None else ""
        words = (
            f"ngày hẹn trả {day:%d/%m/%Y} là ngày nghỉ{why}; hạn rơi vào ngày nghỉ thì kết thúc cùng ngày làm việc kế tiếp "
            "(Bộ luật Dân sự, khoản 5 Điều 148)",
            f"the promised return {day} is a day off; a term that ends on one ends with the next working day (Civil Code, article 148.5)",
        )
        yield Fault(place, "promise-on-day-off", *words)
    elif clock < LAST_MINUTE and not any(opens <= clock <= closes for opens, closes in sessions):
        told = ", ".join(f"{opens:%H:%M}–{closes:%H:%M}" for opens, closes in sessions)
        words = (
            f"giờ hẹn trả {clock:%H:%M} ngoài giờ làm việc của đơn vị ({told})",
            f"the promised hour {clock:%H:%M} lies outside the unit's office hours ({told})",
        )
        yield Fault(place, "promise-outside-hours", *words)


def _at(body: Mapping[str, Any], place: str) -> Any:
    found: Any = body
    for name in place.strip("/").split("/"):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _instant(told: str | None) -> datetime | None:
    return datetime.fromisoformat(told) if told else None
