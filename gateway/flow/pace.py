"""Pace: how many lanes a courier may take now. Its own room, the breaker, the way back up after an outage, and what the partner can bear."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from gateway.config import Delivery
from gateway.ledger import Ledger, paces
from gateway.ledger import lanes as ledger

SEAT_PAUSE = timedelta(seconds=1)  # before a courier without a free seat looks again
HELD = 3  # leases and seats of calls under way are held anew when a third of their time has gone by


class Pace:
    """One courier's. `together` lanes share a call. `again` is how long to wait before there is leave to take more."""

    def __init__(self, destination: str, policy: Delivery, together: int, owner: str) -> None:
        self.destination, self.policy, self.owner = destination, policy, owner
        self.together = together
        self.least = 2 * policy.concurrency * together
        self.room = self.least  # lanes held at a time: more while calls end faster than we look at them
        self.again = timedelta(0)
        self._ramp: int | None = None  # after an outage: lanes under way at a time, doubling until all is as before
        self._seats: list[int] = []
        self._seats_at: datetime | None = None

    def note_landed(self, ended: int, *, answered: bool) -> None:
        """`ended` lanes have come back; `answered`: the partner answered every call."""
        self.room = max(self.least, min(self.policy.batch, 2 * ended))
        if self._ramp is not None:
            self._ramp = 2 * self._ramp if answered else self.together
            if self._ramp >= self.least:
                self._ramp = None

    def free(self, lanes: int) -> int:
        """Lanes that fit beside `lanes` under way. Not before a worthwhile number of them do."""
        room = self.room if self._ramp is None else min(self.room, self._ramp)
        worthwhile = min(room, self.policy.concurrency, self.policy.batch)
        free = min(room - lanes, self.policy.batch)
        return free if free >= worthwhile else 0

    def take(
        self, ledger_: Ledger, most: int, calls: int, now: datetime, take: Callable[..., list[ledger.Lease]]
    ) -> list[ledger.Lease]:
        """Up to `most` lanes by `take(connection, most)`, in one transaction with the leave to take them. `calls` are under way.

        Raises `LedgerAway`.
        """
        self.again = timedelta(0)
        try:
            return self._take(ledger_, most, calls, now, take)
        except Exception:
            self._seats_at = None  # seats taken in a transaction that failed are not ours: they are asked for anew
            raise

    def _take(
        self, ledger_: Ledger, most: int, calls: int, now: datetime, take: Callable[..., list[ledger.Lease]]
    ) -> list[ledger.Lease]:
        with ledger_.write() as connection:
            limit = ledger.may_send(connection, self.destination, now, self.policy.lease_seconds)
            if limit is not None:
                self._ramp = self.together
                most = min(most, limit)
            if self.policy.calls and most:
                self._want_seats(connection, calls, most, now)
                most = min(most, max(0, len(self._seats) - calls) * self.together)
                self.again = SEAT_PAUSE
            level = None
            if self.policy.rate and most:
                level = paces.allowance(connection, self.destination, self.policy.rate, now)
                most = min(most, int(level))
            leases = take(connection, most) if most else []
            if level is not None:
                paces.spend(connection, self.destination, level, len(leases), now)
                self.again = paces.next_in(self.policy.rate, level - len(leases))
            if limit and not leases:
                ledger.give_back_probe(connection, self.destination, now)
            if not leases and not calls and self._seats:  # nothing to do: others may have the seats
                self._leave_seats(connection)
        return leases

    def _want_seats(self, connection: Any, calls: int, most: int, now: datetime) -> None:
        wanted = min(self.policy.concurrency, calls + -(-most // self.together))
        stale = self._seats_at is None or now - self._seats_at > timedelta(seconds=self.policy.lease_seconds / HELD)
        if stale or wanted > len(self._seats):
            self._hold_seats(connection, max(wanted, calls), now)

    def _hold_seats(self, connection: Any, wanted: int, now: datetime) -> None:
        self._seats = paces.hold_seats(
            connection, self.destination, self.owner, held=self._seats, wanted=wanted,
            seats=self.policy.calls, now=now, seconds=self.policy.lease_seconds,
        )  # fmt: skip
        self._seats_at = now

    def hold(self, ledger_: Ledger, now: datetime) -> None:
        """Keep the seats of calls under way."""
        if self._seats:
            with ledger_.write() as connection:
                self._hold_seats(connection, len(self._seats), now)

    def leave(self, ledger_: Ledger) -> None:
        """No more calls: others may have the seats."""
        if self._seats:
            with ledger_.write() as connection:
                self._leave_seats(connection)

    def _leave_seats(self, connection: Any) -> None:
        paces.leave_seats(connection, self.destination, self.owner, self._seats)
        self._seats = []


__all__ = ["HELD", "Pace"]
