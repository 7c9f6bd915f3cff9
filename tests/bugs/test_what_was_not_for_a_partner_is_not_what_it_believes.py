"""A register that hears of registrations alone was shown as believing every later status, of which nothing had been sent to it."""

from __future__ import annotations

from gateway.dossiers.beliefs import agree
from gateway.ports import NOTHING, Receipt
from tests.house import House, dossier, status
from tests.unit.test_beliefs import sides


def test_it_believes_what_it_was_told_and_nobody_waits_for_more(house: House) -> None:
    first = house.accept("one-stop", dossier())
    house.work("portal")
    house.accept("one-stop", status(1, 4, 10))
    house.partners["portal"].script = [Receipt(NOTHING, "nothing for the register")]
    house.work("portal")

    found = sides(house)

    there = found["portal"]
    assert (there.status, there.message, there.how, there.agrees) == (2, first.id, "accepted", True)
    assert there.next is not None
    assert (there.next.what, there.next.words_en) == ("nothing", "the newest status is none of its business")
    assert agree(list(found.values()))


def test_what_is_its_business_again_is_believed_again(house: House) -> None:
    house.accept("one-stop", dossier())
    house.work("portal")
    house.accept("one-stop", status(1, 4, 10))
    house.partners["portal"].script = [Receipt(NOTHING, "nothing for the register")]
    house.work("portal")
    house.accept("one-stop", status(1, 9, 20))
    assert not sides(house)["portal"].agrees
    house.work("portal")

    assert (sides(house)["portal"].status, sides(house)["portal"].next) == (9, None)


def test_a_partner_that_was_told_nothing_at_all_believes_nothing(house: House) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [Receipt(NOTHING, "nothing for the register")]
    house.work("portal")

    assert "portal" not in sides(house)
