"""Days compared as a whole, for a partner that counts: only a day whose count or digest differs is looked at dossier by dossier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Any, cast

import structlog

from gateway.canonical.counting import day_of, digest_of
from gateway.dossiers.differences import Finding, side_of
from gateway.flow.reconcile import Asked, Reconciler
from gateway.ledger import reconciling as ledger
from gateway.ports import Counting, Standing

log = structlog.get_logger("reconcile")

FEW = timedelta(days=7)  # up to so many days are looked for by name


def can_count(reconciler: Reconciler) -> bool:
    return hasattr(reconciler.outbound, "days")


def compare_days(reconciler: Reconciler, since: date, until: date, sure: int = 1) -> list[Asked]:
    """Every difference in the days from `since` to `until`: dossiers that only one side has, and statuses that differ.

    Nothing heals these by itself: what a partner has and the gateway does not only the partner can send. A person is asked to look once
    `sure` comparisons in a row have found the same: of today's dossiers a message may be on its way. Raises a `DeliveryError`.
    """
    outbound = cast(Counting, reconciler.outbound)
    ours = _ours(reconciler, since, until)
    told = {one.day: one for one in outbound.days(since, until)}
    found: list[Asked] = []
    checked: dict[str, int] = {}
    for day in sorted(told.keys() | ours.keys()):
        there, here = told.get(day), ours.get(day, {})
        if there is not None and (there.count, there.digest) == (len(here), digest_of(here)):
            checked |= here
            continue
        theirs = outbound.list_day(day) if there is not None and there.count else {}
        found += _differing(reconciler, here, theirs)
        checked |= {code: status for code, status in theirs.items() if here.get(code) == status}
    found = _stood_still(reconciler, found)
    if not reconciler.dry:
        _note(reconciler, found, checked, (since, until), sure)
    return found


def _stood_still(reconciler: Reconciler, found: Sequence[Asked]) -> list[Asked]:
    """Without those of which something was said or delivered while the partner was asked."""
    with reconciler.gateway.ledger.read() as connection:
        now = ledger.believed_of(connection, reconciler.partner, [one.dossier for one in found])
    return [one for one in found if now.get(one.dossier) == one.finding.expected]


def _ours(reconciler: Reconciler, since: date, until: date) -> dict[date, dict[str, int]]:
    """What the partner believes by our ledger, by the day in the code."""
    days: dict[date, dict[str, int]] = defaultdict(dict)
    few = [since + timedelta(days=n) for n in range((until - since).days + 1)] if until - since < FEW else ()
    with reconciler.gateway.ledger.read() as connection:
        for row in ledger.believed_by(connection, reconciler.partner, few):
            day = day_of(row.dossier)
            if day is not None and since <= day <= until:
                days[day][row.dossier] = row.status
    return days


def _differing(reconciler: Reconciler, here: Mapping[str, int], theirs: Mapping[str, int]) -> list[Asked]:
    table = reconciler.gateway.config.statuses
    found = []
    for code in sorted(here.keys() | theirs.keys()):
        told, status = here.get(code), theirs.get(code)
        if told == status:
            continue
        if told is None:
            kind = "missing-here"
        elif status is None:
            kind = "missing-there"
        else:
            kind = side_of(told, status, table) if status in table else "unclassified"
        says = Standing(status is not None, str(status) if status is not None else None)
        found.append(Asked(code, says, Finding(kind, told, careful=True), "person"))
    return found


def _note(
    reconciler: Reconciler, found: Sequence[Asked], checked: Mapping[str, int], days: tuple[date, date], sure: int
) -> None:
    """Each difference written down for a person, and those of the days compared (first and last) that are no more ended."""
    now = reconciler.gateway.now()
    for one in found:
        with reconciler.gateway.ledger.write() as connection:
            row = ledger.open_difference(connection, reconciler.partner, one.dossier)
            values: dict[str, Any] = {"kind": one.finding.kind, "told": one.finding.expected, "theirs": one.says.theirs}
            if row is None:
                log.warning("difference_found", partner=reconciler.partner, dossier=one.dossier, kind=one.finding.kind)
                state = "person" if sure <= 1 else "open"
                more = {"state": state, "seen": 1, "rounds": 0, "plan": "[]", "found_at": now, "again_at": None}
                ledger.add_difference(
                    connection, values | more | {"system": reconciler.partner, "dossier": one.dossier}
                )
            elif row.plan == "[]" and row.kind != "missing-steps":
                same = all(getattr(row, name) == value for name, value in values.items())
                seen = row.seen + 1 if same else 1
                left = same and row.state == "declined"  # what a person left as it was, until it changes
                state = row.state if left else "person" if seen >= sure else "open"
                ledger.change_difference(connection, row.id, **values, state=state, seen=seen)
    with reconciler.gateway.ledger.write() as connection:
        differing = {one.dossier for one in found}
        for row in ledger.listed(connection, system=reconciler.partner, limit=ledger.MOST):
            day = day_of(row.dossier)
            looked_at = day is not None and days[0] <= day <= days[1]
            here_now = row.kind == "missing-here" and looked_at and row.dossier not in differing
            counted = row.plan == "[]" and row.kind != "missing-steps"  # of steps days tell nothing
            if counted and (row.dossier in checked or here_now):
                ledger.change_difference(connection, row.id, state="gone", ended_at=now, again_at=None)
