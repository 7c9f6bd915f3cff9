"""January's figures changed in February when a dossier was taken up again; one that nobody said was received was in no figure; long closed
ones made lines of noughts."""

from __future__ import annotations

from datetime import date

import pytest

from tests.conftest import Time
from tests.house import House, dossier, status
from tests.unit.test_statistics import ask, at, tell

JANUARY, FEBRUARY = (date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 28))


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (((4, 0.1), (9, 2)), ((4, 30), (9, 40)), (1, 0, 0)),
        (((4, 0.1), (9, 2)), ((4, 30),), (1, 0, 0)),
        (((4, 0.1), (8, 2)), ((4, 30), (9, 40)), (0, 1, 0)),
        (((4, 0.1),), ((7, 30),), (0, 0, 1)),
    ],
)
def test_a_month_that_is_over_stays_as_it_was(
    house: House,
    time: Time,
    before: tuple[tuple[int, float], ...],
    after: tuple[tuple[int, float], ...],
    told: tuple[int, int, int],
) -> None:
    time.at = at("31T23:00")
    tell(house, 1, *before)
    then = ask(house, *JANUARY).total
    assert (then.resolved, then.closed, then.open) == told

    time.move(days=60)
    for code, days in after:
        house.accept("one-stop", status(1, code, round(days * 1440), reopens=code == 4))

    assert ask(house, *JANUARY).total == then
    months = [ask(house, *month).total for month in (JANUARY, FEBRUARY)]
    assert sum(m.received for m in months) == 1


def test_what_was_handled_was_received(house: House, time: Time) -> None:
    """Filed on the portal, paid, handled, done: nobody ever told status 2."""
    time.at = at("31T20:00")
    house.accept("portal", dossier(1, origin="portal", status=1))
    for code, minute in ((6, 10), (4, 20), (9, 30)):
        house.accept("one-stop", status(1, code, minute))

    total = ask(house).total

    assert (total.received, total.resolved, total.early) == (1, 1, 1)


def test_what_was_closed_long_ago_makes_no_line(house: House, time: Time) -> None:
    time.at = at("31T20:00")
    tell(house, 1, (7, 1))

    assert [g.tally.closed for g in ask(house).groups] == [1]
    assert ask(house, date(2026, 1, 20), date(2026, 1, 21)).groups == []
