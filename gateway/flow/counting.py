"""Days compared as a whole, for a partner that counts: only a day whose count or digest differs is looked at dossier by dossier."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, cast

import structlog

from gateway.canonical.counting import day_of, digest_of
from gateway.dossiers.differences import Finding, side_of
from gateway.flow.reconcile import Asked, Reconciler
from gateway.ledger import reconciling as ledger
from gateway.ports import Counting, Standing

log = structlog.get_logger("reconcile")


def can_count(reconciler: Reconciler) -> bool:
    return hasattr(reconciler.outbound, "days")


def compare_days(reconciler: Reconciler, since: date, until: date) -> list[Asked]:
    """Every difference in the days from `since` to `until`: dossiers that only one side has, and statuses that differ.

    Nothing heals these by itself: what a partner has and the gateway does not only the partner can send. Raises a `DeliveryError`.
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
    if not reconciler.dry:
        _note(reconciler, found, checked)
    return found


def _ours(reconciler: Reconciler, since: date, until: date) -> dict[date, dict[str, int]]:
    """What the partner believes by our ledger, by the day in the code."""
    days: dict[date, dict[str, int]] = defaultdict(dict)
    with reconciler.gateway.ledger.read() as connection:
        for row in ledger.believed_by(connection, reconciler.partner):
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


def _note(reconciler: Reconciler, found: Sequence[Asked], checked: Mapping[str, int]) -> None:
    """Each difference written down for a person, and those that are no more ended."""
    now = reconciler.gateway.now()
    for one in found:
        with reconciler.gateway.ledger.write() as connection:
            row = ledger.open_difference(connection, reconciler.partner, one.dossier)
            values: dict[str, Any] = {"kind": one.finding.kind, "told": one.finding.expected, "theirs": one.says.theirs}
            if row is None:
                log.warning("difference_found", partner=reconciler.partner, dossier=one.dossier, kind=one.finding.kind)
                more = {"state": "person", "seen": 1, "rounds": 0, "plan": "[]", "found_at": now, "again_at": None}
                ledger.add_difference(
                    connection, values | more | {"system": reconciler.partner, "dossier": one.dossier}
                )
            elif row.plan == "[]":
                ledger.change_difference(connection, row.id, **values, seen=row.seen + 1)
    with reconciler.gateway.ledger.write() as connection:
        differing = {one.dossier for one in found}
        for row in ledger.listed(connection, system=reconciler.partner, limit=ledger.MOST):
            here_now = row.kind == "missing-here" and row.dossier not in differing
            if row.plan == "[]" and (row.dossier in checked or here_now):
                ledger.change_difference(connection, row.id, state="gone", ended_at=now, again_at=None)
