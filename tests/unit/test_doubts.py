"""Deliveries in doubt: what a person sees of them, the question put at once, and the three decisions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update

from gateway.errors import AskFirst, NotFound, TryLater
from gateway.ledger import doubts as ledger
from gateway.ledger.doubts import NotInDoubt
from gateway.ledger.lanes import take
from gateway.ledger.tables import acts, attempts, deliveries
from tests.conftest import Run, Time
from tests.house import House, dossier, rows, sound, status

TIMEOUT = ("then", AskFirst("hết giờ chờ", code="timeout", answer="Nguyễn Văn Mẫu"))


def doubt(house: House, order: Any = TIMEOUT) -> int:
    """A delivery to the portal in doubt, with one more message waiting behind it. By default the portal has it."""
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [order]
    house.work("portal")
    house.accept("one-stop", status(1, 4, 10))
    (row,) = listed(house)
    return int(row.id)


def listed(house: House) -> list[Any]:
    with house.gateway.ledger.read() as connection:
        return list(ledger.doubts(connection))


@pytest.fixture
def small_house(make_house: Callable[[str], House], sqlite_url: str) -> House:
    """One for all examples: each takes a dossier of its own."""
    return make_house(sqlite_url)


def test_the_list_tells_what_was_sent_and_when_the_next_question_comes(house: House, run: Run, time: Time) -> None:
    delivery = doubt(house)

    (found,) = json.loads(run("doubts", "list", "--json").output)
    told = run("doubts", "list").output
    shown = run("doubts", "show", str(delivery)).output

    assert (found["id"], found["outcome"], found["kind"], found["asks"], found["behind"]) == (
        delivery, "ask_first", "send", 0, 1,
    )  # fmt: skip
    assert found["next_at"] > "2026-01-05T09:00:00"
    assert "hết giờ chờ" in told
    assert "timeout" in shown
    assert "Nguyễn Văn Mẫu" not in told + shown
    assert json.loads(run("doubts", "list", "--json", "--destination", "vnpost").output) == []
    assert run("doubts", "show", "9999").exit_code == 1


def test_questions_that_failed_count_and_do_not_take_the_place_of_why_it_is_in_doubt(
    house: House, run: Run, time: Time
) -> None:
    doubt(house)

    def away(parcel: Any) -> Any:
        raise TryLater("đang bảo trì", code="503")

    house.partners["portal"].find = away  # type: ignore[method-assign]
    for _ in range(3):
        time.move(hours=1)
        house.work("portal")

    (found,) = listed(house)

    assert (found.asks, found.doubt) == (3, "hết giờ chờ")
    assert "đang bảo trì" in found.said
    assert "hết giờ chờ" in run("doubts", "list").output


def test_a_person_may_have_the_partner_asked_at_once(house: House, run: Run, time: Time) -> None:
    delivery = doubt(house)
    house.work("portal")
    assert house.partners["portal"].asked == []  # the pause is not over

    with house.gateway.ledger.write() as connection:
        ledger.ask_now(connection, delivery, who="lan", reason="đối tác báo đã xong", now=time())
    house.work("portal")

    assert len(house.partners["portal"].asked) == 1
    assert [d.state for d in rows(house, deliveries)] == ["delivered", "delivered"]
    assert [(a.act, a.who) for a in rows(house, acts)] == [("ask-now", "lan")]
    assert len(house.partners["portal"].effects) == 2
    assert sound(house)


@pytest.mark.parametrize(
    ("decision", "there", "states"),
    [
        ("arrived", True, ["delivered", "delivered"]),
        ("resend", False, ["delivered", "delivered"]),
        ("discard", False, ["cancelled", "delivered"]),
    ],
)
def test_a_person_decides_with_a_reason_and_the_lane_goes_on(
    house: House, run: Run, decision: str, there: bool, states: list[str]
) -> None:
    delivery = doubt(house, TIMEOUT if there else AskFirst("hết giờ chờ", code="timeout"))
    house.partners["portal"].can_tell = False

    told = run("doubts", decision, str(delivery), "--reason", "đã gọi điện")
    house.work("portal")

    assert told.exit_code == 0, told.output
    assert [d.state for d in rows(house, deliveries)] == states
    assert house.partners["portal"].asked == []
    assert len(house.partners["portal"].effects) == (1 if decision == "discard" else 2)
    (act,) = rows(house, acts)
    assert (act.who, act.reason) == ("lan", "đã gọi điện")
    assert sound(house)


def test_without_a_reason_nothing_is_decided(house: House, run: Run) -> None:
    delivery = doubt(house)

    assert run("doubts", "arrived", str(delivery)).exit_code == 2
    assert [d.state for d in rows(house, deliveries)] == ["in_doubt", "waiting"]


def test_nobody_decides_while_the_partner_is_being_asked(house: House, time: Time) -> None:
    delivery = doubt(house)
    time.move(hours=1)
    with house.gateway.ledger.write() as connection:
        (lease,) = take(connection, "portal", 1, worker="một người khác", now=time(), lease_seconds=60)
    assert lease.delivery == delivery

    for decision in ("arrived", "resend", "discard"):
        with pytest.raises(NotInDoubt), house.gateway.ledger.write() as connection:
            ledger.decide(connection, delivery, decision, who="lan", reason="thử", now=time())


def test_a_decision_ends_the_right_of_a_worker_that_was_killed(house: House, time: Time) -> None:
    delivery = doubt(house)
    time.move(hours=1)
    with house.gateway.ledger.write() as connection:
        take(connection, "portal", 1, worker="bị giết", now=time(), lease_seconds=60)
    time.move(minutes=2)

    with house.gateway.ledger.write() as connection:
        ledger.decide(connection, delivery, "arrived", who="lan", reason="đã gọi điện", now=time())
    house.work("portal")

    assert [d.state for d in rows(house, deliveries)] == ["delivered", "delivered"]
    assert [a.ended_at is None for a in rows(house, attempts)] == [False] * 4
    assert sound(house)


def test_what_is_not_in_doubt_is_not_decided_here(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    (row,) = rows(house, deliveries)

    for number, error in ((row.id, NotInDoubt), (9999, NotFound)):
        with pytest.raises(error), house.gateway.ledger.write() as connection:
            ledger.decide(connection, number, "resend", who="lan", reason="thử", now=time())


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts_=st.lists(st.sampled_from(["work", "wait", "ask", "arrived", "resend", "discard"]), max_size=8))
def test_whatever_is_decided_in_whatever_order_nothing_is_lost(
    small_house: House, time: Time, acts_: list[str]
) -> None:
    house = small_house
    number = len(rows(house, deliveries)) + 1
    house.accept("one-stop", dossier(number))
    house.partners["portal"].script = [TIMEOUT]
    house.work("portal")
    delivery = max(d.id for d in rows(house, deliveries))

    for act in acts_:
        if act == "work":
            house.work("portal")
        elif act == "wait":
            time.move(minutes=30)
        else:
            try:
                with house.gateway.ledger.write() as connection:
                    if act == "ask":
                        ledger.ask_now(connection, delivery, who="lan", reason="thử", now=time())
                    else:
                        ledger.decide(connection, delivery, act, who="lan", reason="thử", now=time())
            except NotInDoubt:
                pass

    time.move(days=2)
    house.work("portal")
    state = next(d.state for d in rows(house, deliveries) if d.id == delivery)
    assert state in ("delivered", "cancelled")
    assert sound(house)


def test_nobody_decides_about_one_that_others_of_its_lane_come_before(house: House, time: Time) -> None:
    first = doubt(house)
    behind = next(d.id for d in rows(house, deliveries) if d.id != first)
    time.move(hours=1)
    with house.gateway.ledger.write() as connection:  # as after a copy of the ledger that was put back
        connection.execute(
            update(deliveries).where(deliveries.c.id == behind).values(state="in_doubt", reason="sau khi khôi phục")
        )

    assert [(d.id, d.ahead) for d in listed(house)] == [(first, 0), (behind, 1)]
    for decision in ("arrived", "resend", "discard"):
        with pytest.raises(NotInDoubt, match="head of its lane"), house.gateway.ledger.write() as connection:
            ledger.decide(connection, behind, decision, who="lan", reason="thử", now=time())
