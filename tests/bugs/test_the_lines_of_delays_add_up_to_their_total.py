"""By destination a dossier that was late on a desk stood in no line, and the total had minutes that no line had."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest

from gateway.flow.lateness import BY, OFF_WIRE, Lateness, gather_lateness
from gateway.ledger.queries import Reader
from tests.conftest import Time
from tests.house import House, dossier, status
from tests.unit.test_cli_delays import at, tell_a_day_without_the_portal

Gather = Callable[[str], Lateness]


@pytest.fixture
def gather(house: House, time: Time) -> Gather:
    """One late on the wire, and one late on a desk, told at once."""
    tell_a_day_without_the_portal(house, time)
    house.accept("one-stop", dossier(2))
    time.at = at(20, 15)
    house.accept("one-stop", status(2, 9, 0, event_time=time.at.isoformat()))
    house.work("portal", "one-stop")
    days = date(2026, 1, 1), date(2026, 1, 31)
    return lambda by: gather_lateness(house.gateway, house.gateway.ledger, Reader("", "all"), *days, by, time.at)


@pytest.mark.parametrize("by", BY)
def test_minutes_and_blame_add_up_whatever_they_are_told_by(gather: Gather, by: str) -> None:
    found = gather(by)

    assert (found.total.late, found.total.wire, found.total.desk) == (2, 1, 1)
    for figure in ("wire", "desk", "minutes", "worked", "wire_minutes", "wire_worked"):
        assert sum(getattr(line, figure) for line in found.lines) == getattr(found.total, figure), figure


def test_what_was_on_the_way_to_nobody_is_a_line_of_its_own(gather: Gather) -> None:
    (line,) = [one for one in gather("destination").lines if one.key == OFF_WIRE]

    assert (line.name, line.name_en, line.desk, line.wire_minutes) == ("Ngoài đường truyền", "Not on the wire", 1, 0)
