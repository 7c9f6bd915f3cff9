"""A dossier that only the partner has was called gone when other days were compared; one that was just being sent was called a difference;
what a person had left as it was stayed so when it changed; and what days had found, receipts ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import pytest

from gateway.canonical.counting import digest_of
from gateway.flow.counting import compare_days
from gateway.flow.reconcile import Reconciler
from gateway.ledger import reconciling
from gateway.ledger.tables import differences
from gateway.ports import DayCount, Standing
from tests.conftest import Time
from tests.house import House, Notebook, dossier, rows, status

CODE, OTHER = dossier()["dossier"], "000.00.01.H99-260105-0099"
DAY, LATER = date(2026, 1, 5), date(2026, 1, 20)


class Counter(Notebook):
    """A partner that tells days. `meanwhile` happens while it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.stands: dict[str, int] = {}
        self.meanwhile: list[object] = []
        self.lacking: list[str] = []

    def state(self, told: object) -> Standing:
        return Standing(True, lacking=self.lacking)

    def days(self, since: date, until: date) -> Sequence[DayCount]:
        return (
            [DayCount(DAY, len(self.stands), digest_of(self.stands))] if since <= DAY <= until and self.stands else []
        )

    def list_day(self, day: date) -> Mapping[str, int]:
        stands = dict(self.stands)
        for act in self.meanwhile:
            act()  # type: ignore[operator]
        return stands


@pytest.fixture
def counter(house: House) -> Counter:
    found = Counter()
    house.gateway._outbounds["one-stop"] = found
    return found


def compare(house: House, first: date = DAY, last: date = DAY) -> list[str]:
    return [one.finding.kind for one in compare_days(Reconciler(house.gateway, "one-stop"), first, last)]


def states(house: House) -> list[str]:
    return [d.state for d in rows(house, differences)]


def test_a_dossier_missing_here_is_missing_until_its_day_is_compared_again(house: House, counter: Counter) -> None:
    counter.stands = {OTHER: 2}
    assert compare(house) == ["missing-here"]

    assert compare(house, LATER, LATER) == []

    assert states(house) == ["person"]


def test_what_moved_while_the_partner_was_asked_is_no_difference(house: House, counter: Counter) -> None:
    house.accept("one-stop", dossier())
    counter.stands = {CODE: 4, dossier(2)["dossier"]: 2}
    counter.meanwhile = [
        lambda: house.accept("one-stop", status(1, 4, 10)),
        lambda: house.accept("one-stop", dossier(2)),
    ]

    assert compare(house) == []
    assert states(house) == []


def test_what_a_person_left_as_it_was_comes_back_when_it_changes(house: House, counter: Counter) -> None:
    house.accept("one-stop", dossier())
    counter.stands = {CODE: 4}
    assert compare(house) == ["ahead"]
    with house.gateway.ledger.write() as connection:
        reconciling.decide(connection, 1, "declined", who="lan", reason="đang sửa tay", now=house.gateway.now())
    compare(house)
    assert states(house) == ["declined"]

    counter.stands = {CODE: 9}
    compare(house)

    assert states(house) == ["person"]


def test_receipts_that_are_all_there_end_no_difference_of_a_status(house: House, counter: Counter, time: Time) -> None:
    """The questions of the day found every message taken, and called gone what the night had found."""
    house.accept("portal", dossier(origin="portal", status=1))
    house.work("one-stop")
    counter.stands = {CODE: 4}
    assert compare(house) == ["ahead"]
    time.move(minutes=5)

    asked = Reconciler(house.gateway, "one-stop").ask(CODE)

    assert asked is not None
    assert asked.finding.kind == "agrees"
    assert states(house) == ["person"]
    counter.stands = {CODE: 1}
    compare(house)
    assert states(house) == ["gone"]


def test_a_status_that_agrees_ends_no_difference_of_steps(house: House, counter: Counter, time: Time) -> None:
    house.accept("portal", dossier(origin="portal", status=1))
    house.work("one-stop")
    counter.stands, counter.lacking = {CODE: 1}, house.partners["one-stop"].keys(CODE) or ["m"]
    time.move(minutes=5)
    found = Reconciler(house.gateway, "one-stop").ask(CODE)
    assert found is not None
    assert found.finding.kind == "missing-steps"
    with house.gateway.ledger.write() as connection:
        reconciling.change_difference(connection, 1, state="person")

    compare(house)

    assert states(house) == ["person"]
