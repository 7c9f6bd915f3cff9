"""A notice or a postal order that a person discarded (a wrong number, a wish taken back) left its dossier disagreeing for ever, and the order
stood as called."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.config import Route, When
from gateway.dossiers.beliefs import Side, agree
from gateway.errors import Rejected
from gateway.ledger import people
from gateway.ledger.tables import deliveries
from tests.conftest import Time
from tests.house import House, dossier, rows
from tests.unit.test_postal_axis import CODE, look, ordered, tell_by_notices

NOTICE = {"type": "NoticeWanted", "dossier": CODE, "template": "tiep-nhan", "to": "applicant", "facts": {}}


def notice(name: str, hour: int) -> dict[str, Any]:
    return {**NOTICE, "id": name, "event_time": f"2026-01-05T{hour}:00:00+07:00"}


def discard_parked(house: House) -> None:
    (parked,) = [row.id for row in rows(house, deliveries) if row.state == "parked"]
    with house.gateway.ledger.write() as connection:
        people.discard(connection, parked, who="lan", reason="số điện thoại sai", now=house.gateway.now())


def citizen(house: House) -> list[Side]:
    return [side for side in look(house)[0] if side.system.startswith("citizen:")]


def test_a_postal_order_that_was_discarded_was_never_called(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", ordered())
    house.partners["vnpost"].script = [Rejected("sai địa chỉ", code="400")]
    house.work()
    assert [side.next and side.next.what for side in look(house)[0] if side.system == "vnpost"] == ["person"]

    discard_parked(house)

    sides, orders = look(house)
    assert (orders, agree(sides)) == ({}, True)
    assert "vnpost" not in {side.system for side in sides}


@pytest.mark.parametrize("earlier", [True, False])
def test_a_notice_that_was_discarded_is_still_to_reach_nobody(house: House, time: Time, earlier: bool) -> None:
    tell_by_notices(house)
    house.accept("one-stop", dossier())
    if earlier:
        house.accept("one-stop", notice("n1", 10))
    house.work()
    house.accept("one-stop", notice("n2", 11))
    house.partners["portal"].script = [Rejected("số điện thoại sai", code="400")]
    house.work()
    assert not agree(look(house)[0])

    discard_parked(house)

    assert agree(look(house)[0])
    assert [side.how for side in citizen(house)] == ["accepted"] * earlier


def test_a_notice_by_two_ways_waits_until_both_have_taken_it(house: House) -> None:
    tell_by_notices(house)
    house.gateway.config.routes.append(Route(name="báo tin nữa", when=When(type=["NoticeWanted"]), to=["vnpost"]))
    house.accept("one-stop", dossier())
    house.accept("one-stop", notice("n1", 10))
    house.work("portal")

    (half,) = citizen(house)
    house.work("vnpost")

    assert (half.how, half.agrees, half.next and half.next.what) == ("accepted", False, "send")
    assert [side.agrees for side in citizen(house)] == [True]
