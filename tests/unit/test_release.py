"""Held events taken up again: by themselves once their cause is mended, or by a person; and in whatever order events come, the end is the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import event as engine_event

from gateway.config import Config, default_folder
from gateway.errors import Fault, Refused
from gateway.flow.accept import Acceptance
from gateway.flow.release import Release, StillHeld, apply, discard
from gateway.ledger import people
from gateway.ledger.rulings import NotHeld
from gateway.ledger.tables import acts, beliefs, dossiers, messages, statuses
from gateway.ports import Submission
from tests.conftest import Run, Time
from tests.house import House, dossier, rows, sound, status

TABLE = Config(default_folder().parent).statuses


@pytest.fixture
def small_house(make_house: Callable[[str], House], sqlite_url: str) -> House:
    """One for all examples: each takes a dossier of its own."""
    return make_house(sqlite_url)


def waiting(house: House) -> list[Any]:
    with house.gateway.ledger.read() as connection:
        return list(people.held(connection))


def told(house: House) -> list[int]:
    """The statuses that the portal was told, in order."""
    by_id = {m.id: json.loads(m.body).get("status") for m in rows(house, messages)}
    return [by_id[key] for _, key in house.partners["portal"].effects]


def test_an_event_that_overtook_another_is_taken_up_when_that_has_come(house: House) -> None:
    house.accept("one-stop", dossier())
    early = house.accept("one-stop", status(1, 9, 60))
    assert early.held == "not-lawful"
    house.accept("one-stop", status(1, 4, 30))

    (made,) = Release(house.gateway).run()
    house.work("portal")

    assert made.held is None
    assert told(house) == [2, 4, 9]
    assert [d.status for d in rows(house, dossiers)] == [9]
    assert waiting(house) == []
    assert [(a.act, a.who) for a in rows(house, acts)] == [("applied", "lienthong")]
    assert Release(house.gateway).run() == []
    assert sound(house)


def test_what_came_before_its_dossier_is_taken_up_when_the_dossier_is_there(house: House) -> None:
    early = house.accept("one-stop", status(1, 4, 30), lenient=True)
    assert (early.held, Release(house.gateway).run()) == ("unknown-dossier", [])

    house.accept("one-stop", dossier())
    (made,) = Release(house.gateway).run()

    assert made.destinations == ["portal"]
    assert [d.status for d in rows(house, dossiers)] == [4]
    assert sound(house)


def test_nobody_gets_into_a_dossier_by_an_event_that_was_held(house: House) -> None:
    house.accept("vnpost", status(1, 4, 30), lenient=True)
    house.accept("one-stop", dossier())

    assert Release(house.gateway).run() == []

    assert [d.status for d in rows(house, dossiers)] == [2]
    assert len(waiting(house)) == 1


def test_what_is_not_lawful_today_is_not_applied_by_a_person_either(house: House) -> None:
    house.accept("one-stop", dossier())
    event = house.accept("one-stop", status(1, 9, 60))

    with pytest.raises(StillHeld) as refused:
        apply(house.gateway, event.id, who="lan", reason="thử")

    assert [f.code for f in refused.value.faults] == ["not-lawful"]
    assert len(rows(house, messages)) == 2
    assert len(waiting(house)) == 1


def test_a_terminal_status_is_overwritten_by_nobody(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 7, 10))
    event = house.accept("one-stop", status(1, 4, 60))

    with pytest.raises(StillHeld):
        apply(house.gateway, event.id, who="lan", reason="thử", at=time())

    assert [d.status for d in rows(house, dossiers)] == [7]


def test_a_person_who_knows_when_it_happened_applies_an_event_with_a_wrong_clock(house: House, run: Run) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 60))
    event = house.accept("one-stop", status(1, 9, 30))
    assert event.held == "late"

    said = run("held", "apply", event.id, "--at", "2026-01-05T11:00:00+07:00", "--reason", "đồng hồ máy chủ chậm")
    house.work("portal")

    assert said.exit_code == 0, said.output
    (found,) = rows(house, dossiers)
    assert (found.status, found.status_time.isoformat()) == (9, "2026-01-05T04:00:00+00:00")
    assert told(house) == [2, 4, 9]
    (act,) = rows(house, acts)
    assert (act.act, act.who, act.reason) == ("applied", "lan", "đồng hồ máy chủ chậm")
    assert rows(house, messages)[-1].because == event.id
    assert sound(house)


def test_a_discarded_event_is_listed_no_longer_and_not_lost(house: House, run: Run) -> None:
    house.accept("one-stop", dossier())
    event = house.accept("one-stop", status(1, 9, 60))

    assert run("held", "discard", event.id).exit_code == 2  # without a reason nothing is done
    run("held", "discard", event.id, "--reason", "gửi nhầm")
    again = run("held", "discard", event.id, "--reason", "gửi nhầm")
    house.accept("one-stop", status(1, 4, 30))

    assert again.exit_code == 1
    assert json.loads(run("held", "list", "--json").output) == []
    (shown,) = json.loads(run("held", "list", "--all", "--json").output)
    assert (shown["ruling"], shown["who"], shown["reason"]) == ("discarded", "lan", "gửi nhầm")
    assert Release(house.gateway).run() == []
    with pytest.raises(NotHeld):
        discard(house.gateway, event.id, who="lan", reason="lại")
    assert sound(house)


def test_a_partner_that_cannot_be_asked_is_said_so(house: House, run: Run) -> None:
    house.accept("one-stop", dossier())
    event = house.accept("vnpost", status(1, 4, 30), lenient=True)

    said = run("held", "ask", event.id, "--reason", "trái quy trình")

    assert said.exit_code == 2
    assert "không hỏi được" in said.output


def test_what_could_not_be_read_is_read_again_by_the_mapping_as_it_is_now(house: House, time: Time) -> None:
    time.move(days=10)
    sample = (
        default_folder().parent / "mappings" / "vnpost_event" / "samples" / "a-collection-reports-a-code-nobody-listed"
    )
    original = (sample / "in.json").read_bytes()
    fault = Fault("/StatusCode", "unknown-code", "chưa có mã này", "no such code yet")
    house.accept("one-stop", dossier())
    house.accept("one-stop", order())
    post = Acceptance(house.gateway, house.gateway.config.partners["vnpost"], lenient=True)
    event = post.one(Submission("e1", None, original, mapping="vnpost_event", problem=[fault]))
    page = post.one(Submission("e2", None, b"<html>", mapping="vnpost_event", problem=[fault]))
    assert [event.held, page.held] == ["unreadable", "unreadable"]

    made = apply(house.gateway, event.id, who="lan", reason="đã bổ sung bảng mã")

    assert (made.type, made.dossier, made.destinations) == ("PostalEvent", dossier()["dossier"], ["one-stop"])
    with pytest.raises(Refused, match="no such code yet"):
        apply(house.gateway, page.id, who="lan", reason="thử")
    assert [h.id for h in waiting(house)] == [page.id]
    assert sound(house)


def order() -> dict[str, Any]:
    """The post is to fetch something from the citizen: it takes part in the dossier from then on."""
    home = {"name": "Nguyễn Văn Mẫu", "phone": "0912345678", "address": {"detail": "Số 1 đường A", "province": "19"}}
    code = dossier()["dossier"]
    return {
        "type": "PostalOrdered", "id": "o1", "dossier": code, "event_time": "2026-01-05T09:40:00+07:00", "order": f"{code}-TG",
        "leg": "collect", "sender": home, "receiver": home, "contents": "Giấy tờ",
    }  # fmt: skip


def histories() -> st.SearchStrategy[list[int]]:
    """Lawful histories from reception on."""

    def grow(codes: list[int], choices: list[int]) -> list[int]:
        for choice in choices:
            moves = TABLE[codes[-1]].moves
            if not moves:
                break
            codes = [*codes, moves[choice % len(moves)]]
        return codes

    return st.lists(st.integers(0, 20), min_size=1, max_size=6).map(lambda choices: grow([2], choices))


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories(), data=st.data())
def test_in_whatever_order_a_lawful_history_comes_it_ends_the_same(
    small_house: House, history: list[int], data: st.DataObject
) -> None:
    house = small_house
    number = len(rows(house, dossiers)) + 1
    minutes = [10]
    for before, after in pairwise(history[1:]):  # some fall on one instant: their ranks tell them apart
        at_once = (
            TABLE[after].rank > TABLE[before].rank and before not in TABLE[after].moves and data.draw(st.booleans())
        )
        minutes.append(minutes[-1] + (0 if at_once else 10))
    events = [status(number, code, minute) for code, minute in zip(history[1:], minutes, strict=False)]
    order = data.draw(st.permutations(events))
    looks = data.draw(st.lists(st.booleans(), min_size=len(order), max_size=len(order)))

    house.accept("one-stop", dossier(number))
    for body, look in zip(order, looks, strict=True):
        house.accept("one-stop", body)
        if look:
            Release(house.gateway).run()
            house.work("portal")
    Release(house.gateway).run()
    house.work("portal")

    code = dossier(number)["dossier"]
    (found,) = [d for d in rows(house, dossiers) if d.code == code]
    assert found.status == history[-1]
    assert {b.status for b in rows(house, beliefs) if b.dossier == code} == {history[-1]}
    applied = [s.status for s in rows(house, statuses) if s.dossier == code and s.held is None]
    assert all(after in TABLE[before].moves for before, after in pairwise(applied))
    assert all(
        h.event_time <= found.status_time for h in waiting(house) if h.dossier == code
    )  # nothing newer is left over
    assert sound(house)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    moves=st.lists(st.tuples(st.integers(1, 10), st.integers(1, 300)), min_size=1, max_size=7, unique_by=lambda m: m[1])
)
def test_whatever_comes_no_unlawful_move_ever_leaves(small_house: House, moves: list[tuple[int, int]]) -> None:
    house = small_house
    number = len(rows(house, dossiers)) + 1
    house.accept("one-stop", dossier(number))

    for code, minute in moves:
        house.accept("one-stop", status(number, code, minute))
        Release(house.gateway).run()
    house.work("portal")

    name = dossier(number)["dossier"]
    by_id = {m.id: json.loads(m.body).get("status") for m in rows(house, messages)}
    said = [by_id[key] for code, key in house.partners["portal"].effects if code == name]
    assert all(after in TABLE[before].moves for before, after in pairwise(said))
    assert sound(house)


def test_what_is_held_still_is_not_tried_again_before_its_dossier_moves(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 10, 60))
    house.accept("one-stop", status(1, 4, 30))
    release, asked = Release(house.gateway), []
    assert release.run() == []
    engine_event.listen(house.gateway.ledger.engine, "before_cursor_execute", lambda *told: asked.append(told[2]))

    release.run()
    once = len(asked)
    house.accept("one-stop", status(1, 4, 40))
    asked.clear()
    release.run()

    assert once < 4  # the look alone
    assert len(asked) > once
