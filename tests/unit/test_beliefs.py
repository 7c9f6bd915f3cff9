"""Beliefs side by side: who believes what, how sure that is, and what the gateway does next about it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from sqlalchemy import update

from gateway.dossiers.beliefs import HOW, Side, agree, lay_out
from gateway.errors import AskFirst, Rejected, TryLater
from gateway.ledger import believing, queries, standing
from gateway.ledger import reconciling as ledger
from gateway.ledger.lanes import take
from gateway.ledger.messages import note_beliefs
from gateway.ledger.tables import breakers
from tests.conftest import Time
from tests.house import House, dossier, status

CODE = dossier()["dossier"]


def sides(house: House) -> dict[str, Side]:
    with house.gateway.ledger.read() as connection:
        row = standing.dossier(connection, CODE)
        material = believing.gather(connection, CODE)
        sources = [h.source for h in queries.held_of(connection, CODE)]
    assert row is not None
    found = lay_out(material, row.status, sources, house.gateway.config, house.gateway.now())
    assert all(side.how in HOW for side in found)
    return {side.system: side for side in found}


def test_each_system_is_shown_with_what_proves_its_belief_and_how_sure_that_is(house: House) -> None:
    first = house.accept("one-stop", dossier())
    house.work("portal")
    second = house.accept("one-stop", status(1, 4, 10, sub_status="Chờ thẩm định"))

    found = sides(house)

    assert (found["one-stop"].status, found["one-stop"].how, found["one-stop"].message) == (4, "said", second.id)
    assert found["one-stop"].sub_status == "Chờ thẩm định"
    assert (found["portal"].status, found["portal"].how, found["portal"].message) == (2, "accepted", first.id)
    assert (found["one-stop"].agrees, found["portal"].agrees) == (True, False)
    house.work("portal")
    assert agree(list(sides(house).values()))


def next_of(house: House) -> Any:
    return sides(house)["portal"].next


def test_what_comes_next_is_told_of_every_delivery_on_its_way(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    assert (next_of(house).what, next_of(house).at) == ("send", time())

    house.partners["portal"].script = [TryLater("bận", code="503", retry_after=600)]
    house.work("portal")
    assert next_of(house).what == "send"
    assert next_of(house).at > time()

    time.move(hours=1)
    house.partners["portal"].script = [("then", AskFirst("hết giờ chờ", code="timeout"))]
    house.work("portal")
    assert next_of(house).what == "ask"

    house.partners["portal"].script = []
    time.move(hours=2)
    house.work("portal")
    assert next_of(house) is None
    house.accept("one-stop", status(1, 4, 10))
    house.partners["portal"].script = [Rejected("sai", code="-1")]
    house.work("portal")
    assert next_of(house).what == "person"
    assert "lienthong parked show" in next_of(house).words


def test_while_nobody_answers_the_next_try_is_that_of_the_breaker(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    for _ in range(8):
        house.partners["portal"].script = [TryLater("mất mạng", code="connect")]
        house.work("portal")
        time.move(minutes=2)

    step = next_of(house)

    assert step.words_en == "the partner does not answer: tried again then"


def test_an_answer_confirms_a_belief_or_stands_against_it(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    house.work("portal")
    time.move(minutes=5)
    answer = {
        "dossier": CODE, "system": "portal", "at": time(), "there": True, "theirs": "2", "status": 2, "since": None, "finding": "agrees",
        "answer": "{}",
    }  # fmt: skip
    with house.gateway.ledger.write() as connection:
        ledger.note_answer(connection, answer)
    assert (sides(house)["portal"].how, sides(house)["portal"].asked_at) == ("confirmed", time())
    assert agree(list(sides(house).values()))

    time.move(minutes=5)
    with house.gateway.ledger.write() as connection:
        ledger.note_answer(connection, answer | {"at": time(), "theirs": "1", "status": 1, "finding": "behind"})
        number = ledger.add_difference(
            connection,
            {
                "system": "portal", "dossier": CODE, "kind": "behind", "state": "proposed", "seen": 2, "rounds": 0, "told": 2, "theirs": "1",
                "plan": "[{}]", "found_at": time(), "again_at": time(),
            },
        )  # fmt: skip
    found = sides(house)["portal"]
    assert (found.status, found.how, found.theirs, found.message, found.agrees) == (1, "asked", "1", None, False)
    assert found.next is not None
    assert found.next.words.endswith(f"lienthong reconcile approve {number}")

    time.move(minutes=5)
    house.accept("one-stop", status(1, 4, 10))
    house.work("portal")
    assert (sides(house)["portal"].status, sides(house)["portal"].how) == (4, "accepted")  # newer than its answer


def test_a_system_whose_own_word_is_held_waits_for_a_person(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 9, 10))
    house.work("portal")

    found = sides(house)["one-stop"]

    assert (found.status, found.agrees) == (9, False)
    assert found.next is not None
    assert (found.next.what, "lienthong held list" in found.next.words) == ("person", True)


def test_a_call_under_way_is_told_as_long_as_its_lease_holds(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    with house.gateway.ledger.write() as connection:
        take(connection, "portal", 1, worker="một người khác", now=time(), lease_seconds=60)
    assert (next_of(house).words_en, next_of(house).at) == ("being sent now", time())

    time.move(minutes=2)

    assert next_of(house).words_en != "being sent now"


def test_while_the_breaker_is_open_nothing_is_tried_before_its_probe(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    for _ in range(12):
        house.partners["portal"].script = [TryLater("mất mạng", code="connect")]
        house.work("portal")
        time.move(minutes=2)
    with house.gateway.ledger.write() as connection:
        probe = queries.breaker_rows(connection)["portal"].probe_at + timedelta(minutes=30)
        connection.execute(update(breakers).values(probe_at=probe))

    assert next_of(house).at == probe


def test_what_no_route_tells_and_nobody_asks_is_said_so(house: House, time: Time) -> None:
    first = house.accept("one-stop", dossier())
    told = {
        "dossier": CODE,
        "system": "vnpost",
        "status": 2,
        "since": first.received_time,
        "message": first.id,
        "how": "accepted",
    }
    with house.gateway.ledger.write() as connection:
        note_beliefs(connection, [told | {"at": time()}])
    house.accept("one-stop", status(1, 4, 10))

    found = sides(house)["vnpost"]

    assert (found.status, found.agrees, found.next and found.next.what) == (2, False, "nothing")


def test_nothing_is_agreed_while_something_is_under_way(house: House) -> None:
    house.accept("one-stop", dossier())
    house.work("portal")
    assert agree(list(sides(house).values()))

    house.accept("one-stop", {**dossier(), "id": "again", "event_time": "2026-01-05T10:00:00+07:00"})

    assert all(side.agrees for side in sides(house).values())
    assert not agree(list(sides(house).values()))
