"""`reconcile run --heal` healed whatever differed, terminal statuses and an old copy put back included, and nobody had said so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.cli.main import root
from gateway.flow.reconcile import Permit, Reconciler
from gateway.ledger import reconciling
from gateway.ledger.tables import acts, differences
from gateway.message import utc_now
from tests.unit.test_reconcile import BY_LAN, STEPS, Make, World, make_world, world  # noqa: F401


def run(world: World, *arguments: str) -> Any:  # noqa: F811
    told = CliRunner().invoke(
        root, ["reconcile", "run", "portal", *arguments, "--home", str(world.house.gateway.config.home)]
    )
    world.time.at = max(world.time.at, utc_now())  # the command read the real clock
    return told


def test_who_heals_says_why_and_each_healing_is_an_act(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    monkeypatch.setenv("LIENTHONG_WHO", "lan")
    code = world.tell()
    world.plant(code, drop=1)

    assert run(world, "--heal").exit_code == 2
    assert run(world, "--confirm", code).exit_code == 2
    assert world.rows(acts) == world.rows(differences) == []
    assert run(world, "--heal", "--reason", "Cổng báo mất dữ liệu").exit_code == 1

    (found,) = world.rows(differences)
    (act,) = world.rows(acts)
    assert (act.who, act.act, act.subject, act.reason) == (
        "lan",
        "heal",
        f"difference {found.id}",
        "Cổng báo mất dữ liệu",
    )
    assert len(json.loads(act.detail)) == 1
    world.work()
    assert world.is_whole(code)


def test_what_wants_care_is_healed_only_where_a_person_names_it(world: World) -> None:  # noqa: F811
    codes = [world.tell(number, STEPS[:1]) for number in (1, 2)]
    for code in codes:
        world.plant(code, TrangThaiHoSo="10")
    world.time.move(minutes=5)

    found = [Reconciler(world.house.gateway, "portal", permit=BY_LAN).ask(code) for code in codes]
    assert [one.state for one in found if one] == ["proposed", "proposed"]

    named = Permit("lan", "một cửa xác nhận", [codes[0]])
    again = [Reconciler(world.house.gateway, "portal", permit=named).ask(code) for code in codes]
    world.work()

    assert [one.state for one in again if one] == ["healing", "proposed"]
    assert world.is_whole(codes[0], STEPS[:1])
    assert [act.subject for act in world.rows(acts)] == ["difference 1"]


def test_an_old_copy_put_back_is_not_healed_by_one_word(make_world: Make, sqlite_url: str) -> None:  # noqa: F811
    world = make_world(sqlite_url, most=1)  # noqa: F811
    codes = [world.tell(number, STEPS[:1]) for number in (1, 2, 3)]
    for code in codes:
        world.plant(code, forget=True)
    world.time.move(minutes=5)

    states = [one.state for one in Reconciler(world.house.gateway, "portal", permit=BY_LAN).ask_all(codes)]  # type: ignore[union-attr]

    assert states == ["healing", "healing", "proposed"]  # from then on too much differs


def test_what_a_person_left_as_it_is_no_sweeping_word_heals(make_world: Make, sqlite_url: str) -> None:  # noqa: F811
    world = make_world(sqlite_url, mode="approve")  # noqa: F811
    code = world.tell()
    world.plant(code, TrangThaiHoSo="4")
    world.time.move(minutes=5)
    world.reconciler.ask(code)
    with world.house.gateway.ledger.write() as connection:
        reconciling.decide(connection, 1, "declined", who="minh", reason="Cổng đang sửa tay", now=world.time())
    world.time.move(minutes=5)

    asked = Reconciler(world.house.gateway, "portal", permit=BY_LAN).ask(code)

    assert asked is not None
    assert asked.state == "declined"
