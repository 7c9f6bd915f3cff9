"""A destination's pace was counted from a moment that lay ahead, once the clock had been set back an hour: for that hour nothing went out to it."""

from __future__ import annotations

from datetime import timedelta

from gateway.ledger.paces import allowance, spend
from tests.conftest import Time
from tests.house import House

RATE = 2.0


def test_one_lane_goes_at_once_and_the_others_at_the_pace(house: House, time: Time) -> None:
    with house.gateway.ledger.write() as connection:
        spend(
            connection,
            "portal",
            allowance(connection, "portal", RATE, time() + timedelta(hours=1)),
            1,
            time() + timedelta(hours=1),
        )

    taken = 0
    for _ in range(40):  # ten seconds
        with house.gateway.ledger.write() as connection:
            level = allowance(connection, "portal", RATE, time())
            if level >= 1:
                spend(connection, "portal", level, 1, time())
                taken += 1
        time.move(seconds=0.25)

    assert 20 <= taken <= 21


def test_clocks_that_differ_by_little_gain_nothing_by_it(house: House, time: Time) -> None:
    taken = 0
    for turn in range(80):
        ahead = timedelta(seconds=1 if turn % 2 else 0)
        with house.gateway.ledger.write() as connection:
            level = allowance(connection, "portal", RATE, time() + ahead)
            if level >= 1:
                spend(connection, "portal", level, 1, time() + ahead)
                taken += 1
        time.move(seconds=0.125)

    assert taken <= 10 * RATE + 3
