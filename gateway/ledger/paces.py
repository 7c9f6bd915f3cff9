"""How fast, and with how many calls at a time, a destination is served over all workers of all hosts. Kept in the ledger, so that they agree."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, bindparam, delete, select, update

from gateway.ledger.facts import lead
from gateway.ledger.messages import insert_for
from gateway.ledger.tables import leaders, paces

SET_BACK = 5.0  # seconds: a pace from so far ahead was written before the clock was set back
BURST = 0.2  # seconds' worth of lanes that may be saved up: in any second at most 1.2 times the rate goes out

_LEVEL = select(paces.c.level, paces.c.at).where(paces.c.destination == bindparam("destination")).with_for_update()


def allowance(
    connection: Connection, destination: str, rate: float, now: datetime, *, most: float | None = None
) -> float:
    """How many lanes may be taken now; below 1: none, and the rest is still to come. Locks the destination's pace until `spend`.

    `most` may be saved up; `BURST` seconds' worth where it is not given."""
    most = most or max(1.0, rate * BURST)
    row = connection.execute(_LEVEL, {"destination": destination}).first()
    if row is None:
        first = insert_for(connection)(paces).values(destination=destination, level=most, at=now)
        connection.execute(first.on_conflict_do_nothing())
        row = connection.execute(_LEVEL, {"destination": destination}).one()
    since: float = (now - row.at).total_seconds()
    if since < -SET_BACK:  # nobody waits until the clock is there again
        return min(most, max(1.0, float(row.level)))
    return min(most, float(row.level) + rate * max(0.0, since))


def spend(connection: Connection, destination: str, level: float, taken: int, now: datetime) -> None:
    """`taken` lanes go out of an allowance of `level`."""
    connection.execute(update(paces).where(paces.c.destination == destination).values(level=level - taken, at=now))


def hold_seats(
    connection: Connection,
    destination: str,
    owner: str,
    *,
    held: Sequence[int],
    wanted: int,
    seats: int,
    now: datetime,
    seconds: float,
) -> list[int]:
    """The seats (0 to `seats` - 1) that `owner` has now: those it held, prolonged, and free ones up to `wanted`. One seat, one call."""
    mine = [seat for seat in held if lead(connection, _seat(destination, seat), owner, now, seconds)]
    for seat in range(seats):
        if len(mine) >= wanted:
            break
        if seat not in mine and lead(connection, _seat(destination, seat), owner, now, seconds):
            mine.append(seat)
    return mine


def leave_seats(connection: Connection, destination: str, owner: str, held: Sequence[int]) -> None:
    names = [_seat(destination, seat) for seat in held]
    connection.execute(delete(leaders).where(leaders.c.name.in_(names), leaders.c.owner == owner))


def _seat(destination: str, seat: int) -> str:
    return f"call {destination} {seat}"


def next_in(rate: float, level: float) -> timedelta:
    """How long until one lane more may be taken."""
    return timedelta(seconds=max(0.0, (1 - level) / rate))
