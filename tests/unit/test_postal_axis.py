"""The postal axis, and what the post and the citizen believe."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import POSTAL_EVENTS, Config, Route, When, default_folder
from gateway.dossiers.beliefs import Side, agree, lay_out
from gateway.dossiers.postal import PostalFact, follow, parcels
from gateway.errors import Misconfigured, TryLater
from gateway.ledger import believing, standing
from tests.conftest import Time
from tests.house import House, dossier

CODE = dossier()["dossier"]
TABLE = Config(default_folder().parent).postal
START = datetime.fromisoformat("2026-01-05T02:30:00Z")
ADDRESS = {"name": "Nguyễn Văn Mẫu", "phone": "0912345678", "address": {"detail": "Số 1 đường A", "province": "01"}}


def fact(word: str, minute: int, message: str = "m", theirs: str | None = None) -> PostalFact:
    return PostalFact(CODE, "return", START + timedelta(minutes=minute), word, message, "vnpost", theirs)


@st.composite
def facts_in_two_orders(draw: st.DrawFn) -> tuple[list[PostalFact], list[PostalFact]]:
    words = st.sampled_from([*sorted(POSTAL_EVENTS), "unlisted"])
    drawn = draw(st.lists(st.tuples(words, st.integers(0, 20)), max_size=14))
    facts = [fact(word, minute, f"m{number}") for number, (word, minute) in enumerate(drawn)]
    return facts, draw(st.permutations(facts))


@given(facts_in_two_orders())
def test_any_interleaving_of_the_same_facts_ends_the_same(both: tuple[list[PostalFact], list[PostalFact]]) -> None:
    assert follow(TABLE, both[0]) == follow(TABLE, both[1])


@given(facts_in_two_orders(), st.randoms())
def test_who_hears_the_facts_one_by_one_ends_where_he_does_who_hears_them_at_once(both, random) -> None:
    heard: list[PostalFact] = []
    for one in both[1]:
        heard.insert(random.randint(0, len(heard)), one)
        follow(TABLE, heard)

    assert follow(TABLE, heard) == follow(TABLE, both[0])


@given(facts_in_two_orders())
def test_no_terminal_state_is_left_and_nothing_is_lost(both: tuple[list[PostalFact], list[PostalFact]]) -> None:
    facts = both[0]
    states = {word: row for row in TABLE.values() for word in row.by}
    found = follow(TABLE, facts)
    if found is None:
        assert all(one.word == "unlisted" for one in facts)
        return

    aside = {one.fact.message for one in found.aside}
    moved = [one for one in facts if one.message not in aside]
    ended = [one for one in moved if states[one.word].terminal]
    assert len({states[one.word].code for one in ended}) <= 1
    assert all(one.at <= min(end.at for end in ended) for one in moved if one not in ended for _ in ended[:1])
    assert len(moved) + len(aside) == len(facts)
    assert found.state == states[found.proof.word].code


@given(st.permutations([fact("ordered", 5, "a"), fact("accepted", 5, "b"), fact("in_transit", 5, "c"), fact("delivered", 5, "d")]))  # fmt: skip
def test_facts_of_one_instant_count_by_rank_and_not_by_arrival(facts: list[PostalFact]) -> None:
    found = follow(TABLE, facts)

    assert found is not None
    assert (found.state, found.aside) == ("delivered", ())


@pytest.mark.parametrize(
    ("words", "state", "reasons"),
    [
        (["ordered", "delivered"], "delivered", []),  # the post skips what lies between
        (["ordered", "pickup", "accepted", "failed_attempt", "out_for_delivery"], "on_the_way", []),
        (["ordered", "delivered", "in_transit"], "delivered", ["terminal"]),
        (["ordered", "called_back", "delivered"], "cancelled", ["terminal"]),
        (["ordered", "lost", "delivered"], "delivered", []),
        (["in_transit", "accepted"], "on_the_way", ["not-lawful"]),
        (["accepted", "ordered"], "collected", ["not-lawful"]),  # a clock that is ahead of the other
        (["ordered", "unlisted"], "ordered", ["unlisted"]),
    ],
)
def test_each_fact_moves_the_order_or_stands_aside_with_a_reason(
    words: list[str], state: str, reasons: list[str]
) -> None:
    found = follow(TABLE, [fact(word, minute, word) for minute, word in enumerate(words)])

    assert found is not None
    assert found.state == state
    assert sorted(one.reason for one in found.aside) == sorted(reasons)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('by = ["accepted"]', 'by = ["accepted", "eaten"]', "`by` must name each"),
        ('by = ["accepted"]', 'by = ["delivered"]', "`by` must name each"),
        ('code = "lost"', 'code = "eaten"', "code"),
        ('code = "lost"', 'code = "returned"', "each of these states"),
        ("rank = 2", "rank = 1", "same rank"),
        ("terminal = true", "terminal = false", "either be terminal"),
        ("terminal = true", 'terminal = true\nmoves = ["lost"]', "either be terminal"),
        ('"cancelled", "lost"]', '"cancelled", "eaten"]', "'eaten'"),
    ],
)
def test_a_mistake_in_the_table_is_named(tmp_path: Path, old: str, new: str, says: str) -> None:
    shutil.copytree(default_folder(), tmp_path / "config")
    file = tmp_path / "config" / "postal.toml"
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(Misconfigured, match=r"postal\.toml") as error:
        Config(tmp_path)

    assert says in str(error.value)


def test_a_home_from_before_the_table_goes_by_the_one_that_ships(tmp_path: Path) -> None:
    shutil.copytree(default_folder(), tmp_path / "config")
    (tmp_path / "config" / "postal.toml").unlink()

    assert Config(tmp_path).postal == TABLE


# ── beliefs ─────────────────────────────────────────────────────────────────────────────────────────────────


def look(house: House) -> tuple[list[Side], dict[str, str]]:
    with house.gateway.ledger.read() as connection:
        row = standing.dossier(connection, CODE)
        material = believing.gather(connection, CODE)
    assert row is not None
    sides = lay_out(material, row.status, [], house.gateway.config, house.gateway.now())
    return sides, {parcel.order: parcel.state for parcel in parcels(material, house.gateway.config.postal)}


def post_side(house: House, order: str = CODE) -> Side:
    return next(side for side in look(house)[0] if (side.system, side.sub_status) == ("vnpost", order))


def ordered(**changes: Any) -> dict[str, Any]:
    body = {
        "type": "PostalOrdered", "id": f"order-{CODE}", "dossier": CODE, "event_time": "2026-01-05T10:00:00+07:00", "order": CODE, "leg": "return",
        "sender": ADDRESS, "receiver": ADDRESS, "contents": "Kết quả",
    }  # fmt: skip
    return body | changes


def event(state: str, minute: int, code: str = "4", **changes: Any) -> dict[str, Any]:
    when = datetime.fromisoformat("2026-01-05T10:00:00+07:00") + timedelta(minutes=minute)
    body = {
        "type": "PostalEvent", "id": f"event-{state}-{minute}", "dossier": CODE, "event_time": when.isoformat(), "order": CODE, "leg": "return",
        "state": state, "their_code": code, "their_words": f"bưu điện nói {code}",
    }  # fmt: skip
    return body | changes


def tell_by_notices(house: House) -> None:
    """From now on the one-stop may want notices, and they go to the portal."""
    config = house.gateway.config
    row = config.partners["one-stop"]
    config.partners["one-stop"] = row.model_copy(update={"sends": [*row.sends, "NoticeWanted"]})
    config.routes.append(Route(name="báo tin", when=When(type=["NoticeWanted"]), to=["portal"]))


def test_the_post_believes_what_it_took_and_then_what_it_said(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    order = house.accept("one-stop", ordered())
    house.work("portal")

    untold = post_side(house)
    assert (untold.how, untold.agrees, untold.next and untold.next.what) == ("untold", False, "send")
    assert look(house)[1] == {CODE: "ordered"}

    house.work("vnpost")
    taken = post_side(house)
    assert (taken.how, taken.message, taken.theirs, taken.agrees) == ("accepted", order.id, "Đã gọi bưu điện", True)
    assert agree(look(house)[0])

    said = house.accept("vnpost", event("in_transit", 20, "2"), lenient=True)
    house.accept("vnpost", event("accepted", 10, "1"), lenient=True)  # comes late
    house.work()
    moving = post_side(house)
    assert (moving.how, moving.message, moving.theirs, moving.agrees) == ("said", said.id, "bưu điện nói 2", True)
    assert look(house)[1] == {CODE: "on_the_way"}


def test_a_cancellation_is_believed_once_the_post_took_it(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", ordered())
    house.work()
    time.move(minutes=5)
    house.partners["vnpost"].script = [TryLater("bận", code="503")]
    body = ordered(
        type="PostalCancelled", id="cancel", event_time="2026-01-05T10:05:00+07:00", reason="người dân đổi ý"
    )
    house.accept("one-stop", {k: v for k, v in body.items() if k not in ("leg", "sender", "receiver", "contents")})
    house.work()

    wished = post_side(house)
    assert (wished.theirs, wished.next and wished.next.what) == ("Đã gọi bưu điện", "send")
    assert not agree(look(house)[0])

    time.move(hours=1)
    house.work()
    assert (post_side(house).theirs, look(house)[1]) == ("Đã hủy lệnh", {CODE: "cancelled"})
    assert agree(look(house)[0])


def test_each_order_of_a_dossier_has_its_own_side(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", ordered())
    house.accept("one-stop", ordered(id="collection", order=f"{CODE}-TG", leg="collect"))
    house.work()
    house.accept("vnpost", event("delivered", 30, order=f"{CODE}-TG", leg="collect"), lenient=True)

    assert post_side(house).theirs == "Đã gọi bưu điện"
    assert post_side(house, f"{CODE}-TG").theirs == "bưu điện nói 4"


def test_the_citizen_believes_the_notice_that_was_delivered_last(house: House, time: Time) -> None:
    tell_by_notices(house)
    house.accept("one-stop", dossier())
    house.work()
    notice = {
        "type": "NoticeWanted", "dossier": CODE, "event_time": "2026-01-05T10:00:00+07:00", "template": "tiep-nhan", "to": "applicant", "facts": {}
    }  # fmt: skip
    assert not [side for side in look(house)[0] if side.system.startswith("citizen:")]

    first = house.accept("one-stop", notice | {"id": "n1"})
    house.accept("one-stop", notice | {"id": "n0", "to": "officer"})
    (untold,) = [side for side in look(house)[0] if side.system.startswith("citizen:")]
    assert (untold.system, untold.how, untold.next and untold.next.what) == ("citizen:applicant", "untold", "send")

    time.move(minutes=3)
    house.work()
    (told,) = [side for side in look(house)[0] if side.system.startswith("citizen:")]
    assert (told.how, told.theirs, told.message, told.since) == ("accepted", "tiep-nhan", first.id, time())
    assert agree(look(house)[0])

    house.accept("one-stop", notice | {"id": "n2", "template": "co-ket-qua", "event_time": "2026-01-05T11:00:00+07:00"})
    (told,) = [side for side in look(house)[0] if side.system.startswith("citizen:")]
    assert (told.theirs, told.agrees, told.next and told.next.what) == ("tiep-nhan", False, "send")
    assert not agree(look(house)[0])
