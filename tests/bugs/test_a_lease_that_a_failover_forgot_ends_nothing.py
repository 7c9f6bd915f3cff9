"""A database was lost and its copy did not know of the last takings: the next worker got the same fence, and the first one's result ended its
delivery."""

from __future__ import annotations

import pytest

from gateway.ledger.lanes import Lease, held, take
from tests.conftest import Time
from tests.house import House, dossier


class Lost(Exception):
    """What was committed there never came to the copy."""


def test_what_was_taken_before_the_failover_settles_nothing_after_it(house: House, time: Time) -> None:
    house.accept("one-stop", dossier(1))

    found: list[Lease] = []

    def take_one(*, lost: bool) -> None:
        with house.gateway.ledger.write() as connection:
            found.extend(take(connection, "portal", 1, worker="w", now=time(), lease_seconds=60))
            if lost:
                raise Lost

    with pytest.raises(Lost):
        take_one(lost=True)
    time.move(seconds=5)
    take_one(lost=False)

    before, after = found
    with house.gateway.ledger.write() as connection:
        assert held(connection, "portal", [before]) == set()
        assert held(connection, "portal", [after]) == {after.attempt}


def test_a_host_whose_time_stands_still_or_goes_back_raises_the_fence_all_the_same(house: House, time: Time) -> None:
    house.accept("one-stop", dossier(1))
    time.move(minutes=20)
    fences = []
    for seconds in (0, 0, -600):
        time.move(seconds=seconds)
        with house.gateway.ledger.write() as connection:
            fences += [one.fence for one in take(connection, "portal", 1, worker="w", now=time(), lease_seconds=-900)]

    assert len(fences) == 3
    assert fences == sorted(set(fences))
