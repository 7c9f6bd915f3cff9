"""A dossier that went to another agency stayed in the figures of the first one for ever: received there, which was so, and resolved there, which
was not."""

from __future__ import annotations

from datetime import date

from gateway.dossiers.statistics import Tally
from gateway.ledger.queries import Reader
from gateway.ledger.tables import dossiers
from tests.conftest import Time
from tests.house import House, dossier, rows, status
from tests.unit.test_statistics import ask, at, tell

JUSTICE, TRADE = "000.00.01.H99", "000.00.02.H99"
JANUARY, FEBRUARY = (date(2026, 1, 1), date(2026, 1, 31)), (date(2026, 2, 1), date(2026, 2, 28))


def transfer(house: House, number: int, code: int, when: str) -> None:
    """The dossier, as it stands at `code`, is the Department of Trade's from `when` on."""
    moved = {"handled_by": {"code": TRADE, "name": "Sở Công Thương"}, "status": code, "event_time": when}
    house.accept("one-stop", dossier(number, id=f"moved-{number}", **moved))


def by_agency(house: House, first: date = JANUARY[0], last: date = JANUARY[1]) -> dict[str, Tally]:
    return {group.key: group.tally for group in ask(house, first, last).groups}


def test_it_is_received_by_the_first_and_resolved_by_the_second(house: House, time: Time) -> None:
    time.at = at("31T20:00")
    tell(house, 1, (4, 0.1))
    transfer(house, 1, 4, "2026-01-06T10:00:00+07:00")
    house.accept("one-stop", status(1, 9, 3 * 1440))

    told = by_agency(house)

    assert (told[JUSTICE].received, told[JUSTICE].resolved, told[JUSTICE].open) == (1, 0, 0)
    assert (told[TRADE].received, told[TRADE].resolved, told[TRADE].early) == (0, 1, 1)
    assert ask(house, by="procedure").total == ask(house).total
    assert [row.organisation for row in rows(house, dossiers)] == [TRADE]


def test_one_that_is_not_done_is_open_where_it_is_now(house: House, time: Time) -> None:
    time.at = at("31T20:00")
    tell(house, 1, (4, 0.1))
    transfer(house, 1, 4, "2026-01-06T10:00:00+07:00")

    told = by_agency(house)

    assert (told[JUSTICE].open, told[TRADE].open, told[TRADE].overdue) == (0, 1, 1)


def test_a_transfer_moves_no_figure_of_a_period_that_is_over(house: House, time: Time) -> None:
    time.at = at("31T23:00")
    tell(house, 1, (4, 0.1))
    tell(house, 2, (4, 0.1), (9, 2))
    before = by_agency(house)

    time.move(days=20)
    for number, code in ((1, 4), (2, 9)):
        transfer(house, number, code, "2026-02-10T10:00:00+07:00")

    assert by_agency(house) == before
    february = by_agency(house, *FEBRUARY)
    assert (february[TRADE].open, february[TRADE].received) == (1, 0)
    assert JUSTICE not in february


def test_who_may_read_it_is_not_changed_by_where_it_is(house: House, time: Time) -> None:
    time.at = at("31T20:00")
    tell(house, 1, (4, 0.1))
    transfer(house, 1, 4, "2026-01-06T10:00:00+07:00")

    assert ask(house, reader=Reader("one-stop", "own")).total == ask(house).total
