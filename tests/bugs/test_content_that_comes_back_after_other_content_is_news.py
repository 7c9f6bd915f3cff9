"""A thing was known by its id and content for ever: of "4, then 5, then 4 again" the third was answered as taken, and the dossier stayed at 5."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count, groupby
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from gateway.dialect.taking import Taking, take_each
from gateway.flow.accept import Acceptance
from gateway.ledger.tables import dossiers, messages, statuses
from gateway.ports import Accepted, Page
from tests.conftest import Time
from tests.house import House, dossier, status

NUMBERS = count(1)


class Agency:
    """Says how one dossier stands, in rows of its own. `at`: the minute that a row tells; without it a row is of the moment it is read."""

    def __init__(self, house: House, time: Time, mappings: Sequence[str] = ("status",)) -> None:
        self.house, self.time, self.number = house, time, next(NUMBERS)
        self.partner = house.gateway.config.partners["one-stop"]
        self.taking = Taking.model_validate({"id": "/so", "mapping": list(mappings)})
        self.code = house.accept("one-stop", dossier(self.number)).dossier

    def now(self) -> Any:
        return self.time()

    def translate(self, mapping: str, row: Any) -> Any:
        minute = row["at"] if "at" in row else int((self.time() - Time().at).total_seconds() // 60) + 60
        return status(self.number, row["tt"], minute, id=f"{mapping}-{row['tt']}")

    def read(self, *told: Any, lenient: bool = True) -> list[Accepted]:
        """One page or one call with these rows: statuses, or (status, minute)."""
        self.time.move(minutes=1)
        rows = [{"tt": one} if isinstance(one, int) else {"tt": one[0], "at": one[1]} for one in told]
        each = take_each(self.taking, [{"so": self.code, **row} for row in rows], self, "f")  # type: ignore[arg-type]
        acceptance = Acceptance(self.house.gateway, self.partner, lenient=lenient)
        if lenient:
            items = [one for taken in each for one in taken]
            found = acceptance.page(Page(items, f"c{self.time()}", more=False))
        else:
            found = [acceptance.one(one) for taken in each for one in taken]
        return [one for one in found if isinstance(one, Accepted)]

    def told(self) -> list[int]:
        """The statuses that it told, held ones as their negative."""
        query = select(statuses).where(statuses.c.dossier == self.code).order_by(statuses.c.seq).offset(1)
        with self.house.gateway.ledger.read() as connection:
            return [-row.status if row.held else row.status for row in connection.execute(query)]

    def stands_at(self) -> Any:
        with self.house.gateway.ledger.read() as connection:
            return connection.execute(select(dossiers.c.status).where(dossiers.c.code == self.code)).scalar_one()

    def names(self) -> list[str]:
        query = select(messages.c.source_id).where(messages.c.dossier == self.code).order_by(messages.c.seq).offset(1)
        with self.house.gateway.ledger.read() as connection:
            return list(connection.execute(query).scalars())


@pytest.mark.parametrize("lenient", [True, False], ids=["polled", "called"])
def test_what_comes_back_is_a_message_of_its_own_and_said_again_it_is_the_same(
    house: House, time: Time, lenient: bool
) -> None:
    agency = Agency(house, time)

    heard = [agency.read(one, lenient=lenient)[0] for one in (4, 4, 5, 5, 4, 4, 5, 4, 4)]

    assert [one.repeated for one in heard] == [False, True, False, True, False, True, False, False, True]
    assert (agency.told(), agency.stands_at()) == ([4, 5, 4, 5, 4], 4)
    assert len(set(agency.names())) == 5


def test_of_several_messages_of_one_thing_each_comes_back(house: House, time: Time) -> None:
    agency = Agency(house, time, mappings=["a", "b"])

    for one in (4, 5, 5, 4, 4):
        agency.read(one)

    assert len(agency.names()) == 6
    assert [name.endswith("-2") for name in agency.names()] == [False, True] * 3


def test_an_event_that_tells_its_moment_and_is_read_once_more_is_no_news(house: House, time: Time) -> None:
    agency = Agency(house, time)

    heard = [agency.read(one)[0] for one in ((4, 10), (5, 20), (4, 10), (5, 20), (4, 30), (5, 20), (4, 10))]

    assert [one.repeated for one in heard] == [False, False, True, True, False, True, True]
    assert agency.told() == [4, 5, 4]


def test_a_page_that_tells_one_id_several_times_may_be_read_again(house: House, time: Time) -> None:
    agency = Agency(house, time)

    for _ in range(3):
        agency.read(4, 5)
    assert agency.told() == [4, 5]

    for _ in range(3):
        agency.read(4, 5, 4)
    assert agency.told()[-1] == 4
    assert len(agency.told()) == 3


def test_two_processes_that_read_it_at_once_make_one_message(house: House, time: Time) -> None:
    agency = Agency(house, time)
    agency.read(4)
    agency.read(5)
    [[item]] = take_each(agency.taking, [{"so": agency.code, "tt": 4}], agency, "f")  # type: ignore[arg-type]

    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(lambda _: Acceptance(house.gateway, agency.partner).one(item), range(4)))

    assert len({one.id for one in heard}) == 1
    assert agency.told() == [4, 5, 4]


def test_another_thing_whose_id_begins_alike_is_another(house: House, time: Time) -> None:
    agency = Agency(house, time)
    names = [agency.code, f"{agency.code}-0123456789ab", f"{agency.code}-2"]

    for tt in (4, 5, 4, 4):
        time.move(minutes=1)
        for name in names:
            [[item]] = take_each(agency.taking, [{"so": name, "tt": tt}], agency, "f")  # type: ignore[arg-type]
            Acceptance(house.gateway, agency.partner, lenient=True).one(item)

    assert len(agency.names()) == 9


def test_whatever_is_said_in_turn_each_change_is_one_message(make_house: Any, sqlite_url: str, time: Time) -> None:
    house = make_house(sqlite_url)

    @settings(max_examples=25, deadline=timedelta(seconds=10), suppress_health_check=list(HealthCheck))
    @given(st.lists(st.sampled_from([4, 5, 9]), max_size=8))
    def each_change_is_one_message(said: list[int]) -> None:
        agency = Agency(house, time)
        for one in said:
            agency.read(one)
        assert [abs(one) for one in agency.told()] == [one for one, _ in groupby(said)]

    each_change_is_one_message()
