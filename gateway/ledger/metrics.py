"""Running totals read from the ledger a little at a time: a scrape costs what happened since the last one, not what is stored.

Totals begin at zero when the process starts, as Prometheus counters may; they count what *every* process wrote since. So each web
process tells the same numbers: take the greatest of several, not their sum.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, Connection, func, select

from gateway.ledger.tables import attempts, deliveries, messages

WINDOW = 2_000  # numbers looked at again each time: a row may commit after a later number did (PostgreSQL)
STRIDE = 50_000  # rows read in one go, when nobody has asked for long


@dataclass(frozen=True, slots=True)
class Sight:
    """One row as the tally sees it. `labels` None: nothing to count (yet, unless `final`)."""

    number: int
    labels: tuple[str, ...] | None
    final: bool = True


Look = Callable[[Connection, int, int, Sequence[int]], Iterable[Sight]]
"""(connection, after, upto, pending) → the rows numbered above `after` up to `upto`, and those in `pending`."""


class Tally:
    """Counts rows by label, each once, when it is final. Safe for several threads."""

    def __init__(self, number: Column[int], look: Look) -> None:
        self._number = number
        self._look = look
        self._lock = threading.Lock()
        self._mark: int | None = None
        self._counted: set[int] = set()
        self._pending: set[int] = set()
        self._totals: Counter[tuple[str, ...]] = Counter()

    def count(self, connection: Connection) -> Mapping[tuple[str, ...], int]:
        """The totals so far, by label values. The first call only takes the mark from which is counted."""
        with self._lock:
            newest = int(connection.execute(select(func.max(self._number))).scalar() or 0)
            counting = self._mark is not None
            mark = newest if self._mark is None else self._mark
            while True:
                upto = min(newest, mark + STRIDE)
                for sight in self._look(connection, mark - WINDOW, upto, sorted(self._pending)):
                    self._take(sight, counting)
                self._mark = mark = max(mark, upto)
                self._counted = {number for number in self._counted if number > mark - WINDOW}
                if mark >= newest:
                    return dict(self._totals)

    def _take(self, sight: Sight, counting: bool) -> None:
        if not sight.final:
            self._pending.add(sight.number)
        elif sight.number not in self._counted:
            self._counted.add(sight.number)
            self._pending.discard(sight.number)
            if counting and sight.labels is not None:
                self._totals[sight.labels] += 1


def _accepted(connection: Connection, after: int, upto: int, _pending: Sequence[int]) -> Iterable[Sight]:
    statement = select(messages.c.seq, messages.c.source, messages.c.type).where(
        messages.c.seq > after, messages.c.seq <= upto
    )
    return [Sight(row.seq, (row.source, row.type)) for row in connection.execute(statement)]


def _delivered(connection: Connection, after: int, upto: int, pending: Sequence[int]) -> Iterable[Sight]:
    """A delivery has at most one attempt that ended well; attempts are numbered as they begin and end later."""
    statement = select(attempts.c.id, deliveries.c.destination, attempts.c.ended_at, attempts.c.outcome).join(
        deliveries, deliveries.c.id == attempts.c.delivery
    )
    rows: list[Any] = list(connection.execute(statement.where(attempts.c.id > after, attempts.c.id <= upto)))
    older = [number for number in pending if number <= after]
    if older:
        rows += connection.execute(statement.where(attempts.c.id.in_(older))).all()
    return [
        Sight(
            row.id,
            (row.destination,) if row.outcome in ("delivered", "duplicate") else None,
            final=row.ended_at is not None,
        )
        for row in rows
    ]


def accepted() -> Tally:
    """Messages accepted, by source and type."""
    return Tally(messages.c.seq, _accepted)


def delivered() -> Tally:
    """Deliveries that ended well, by destination."""
    return Tally(attempts.c.id, _delivered)
