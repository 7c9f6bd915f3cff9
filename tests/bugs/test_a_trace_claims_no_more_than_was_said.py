"""A trace called confirmed what a reduced code cannot tell, accepted what a person vouched for, and said by a system what our route made of it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import update

from gateway.errors import AskFirst
from gateway.flow import release
from gateway.ledger import doubts
from gateway.ledger import reconciling as ledger
from gateway.ledger.tables import asked, messages
from tests.conftest import Time
from tests.house import House, dossier, status
from tests.unit.test_beliefs import CODE, sides
from tests.unit.test_reconcile import World, born_there, make_world, world  # noqa: F401


def test_a_code_that_stands_for_several_statuses_confirms_none_of_them(world: World) -> None:  # noqa: F811
    code = born_there(world)
    world.time.move(minutes=5)
    world.reconciler.ask(code)

    (answer,) = world.rows(asked)

    assert (answer.finding, answer.status) == ("agrees", None)
    assert "không phân biệt 2, 4" in answer.theirs


def test_an_answer_in_such_a_code_is_shown_as_what_it_is(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    house.work("portal")
    time.move(minutes=5)
    answer: dict[str, Any] = {
        "dossier": CODE, "system": "portal", "at": time(), "there": True, "theirs": "2 (bộ mã rút gọn)", "status": None, "since": None,
        "finding": "agrees", "answer": "{}",
    }  # fmt: skip
    with house.gateway.ledger.write() as connection:
        ledger.note_answer(connection, answer)

    assert (sides(house)["portal"].how, sides(house)["portal"].agrees) == ("alike", True)


def test_what_a_person_said_arrived_is_on_that_persons_word(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [AskFirst("hết giờ chờ", code="timeout")]
    house.work("portal")
    with house.gateway.ledger.write() as connection:
        (row,) = doubts.doubts(connection)
        doubts.decide(connection, row.id, "arrived", who="lan", reason="đã gọi điện", now=time())

    assert (sides(house)["portal"].status, sides(house)["portal"].how) == (2, "vouched")


def test_a_status_that_our_route_made_of_its_words_is_not_said_by_it(house: House) -> None:
    first = house.accept("one-stop", dossier())
    made = house.accept("one-stop", status(1, 4, 10))
    assert sides(house)["one-stop"].how == "said"

    with house.gateway.ledger.write() as connection:
        connection.execute(update(messages).where(messages.c.id == made.id).values(because=first.id))

    assert sides(house)["one-stop"].how == "implied"


def test_after_its_event_was_discarded_a_system_that_differs_is_somebodys_business(house: House) -> None:
    house.accept("one-stop", dossier())
    held = house.accept("one-stop", status(1, 9, 10))
    house.work("portal")
    release.discard(house.gateway, held.id, who="lan", reason="gửi nhầm")

    found = sides(house)["one-stop"]

    assert (found.agrees, found.next and found.next.what) == (False, "person")
    assert found.next is not None
    assert "sửa ngay tại đó" in found.next.words
