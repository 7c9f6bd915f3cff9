"""Several processes, people and couriers at one dossier at one moment: each step is told once, and nothing is overtaken."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from gateway.errors import Rejected
from gateway.flow.reconcile import Reconciler
from gateway.ledger import people
from gateway.ledger.tables import RETOLD, deliveries, differences, messages
from tests.house import status
from tests.unit.test_reconcile import BY_LAN, STEPS, World, make_world, world  # noqa: F401


class Slow:
    """An outbound whose answers all wait until everybody has one."""

    def __init__(self, real: Any, barrier: threading.Barrier) -> None:
        self.real, self.barrier = real, barrier

    def state(self, told: Any) -> Any:
        says = self.real.state(told)
        self.barrier.wait(timeout=30)
        return says


@pytest.mark.parametrize("planted", [{"drop": 1}, {"forget": True}, {"TrangThaiHoSo": "4"}])
def test_two_processes_that_judge_at_one_moment_heal_once(world: World, planted: dict[str, Any]) -> None:  # noqa: F811
    code = world.tell()
    world.plant(code, **planted)
    world.time.move(minutes=5)
    barrier = threading.Barrier(3)
    three = [Reconciler(world.house.gateway, "portal", permit=BY_LAN) for _ in range(3)]
    for one in three:
        one.outbound = Slow(one.outbound, barrier)  # type: ignore[assignment]

    with ThreadPoolExecutor(3) as pool:
        asked = list(pool.map(lambda one: one.ask(code), three))
    world.work()

    assert sorted(a.state or "" for a in asked if a) == ["healing"]
    assert world.is_whole(code)
    assert len(world.rows(differences)) == 1
    assert world.is_sound()


def test_an_event_that_comes_behind_a_healing_goes_out_behind_it(world: World) -> None:  # noqa: F811
    code = world.tell(steps=STEPS[:2])
    world.plant(code, TrangThaiHoSo="2", drop=0)
    world.plant(code, drop=0)
    world.time.move(minutes=5)
    Reconciler(world.house.gateway, "portal", permit=BY_LAN).ask(code)

    for step in STEPS[2:]:
        world.house.accept("one-stop", status(1, *step))
    world.work()

    assert world.held_there(code)["fields"]["TrangThaiHoSo"] == "9"
    assert [row["TrangThai"] for row in world.held_there(code)["progress"]].count("9") == 1
    assert set(world.history_there(code).values()) == {1}
    assert world.is_sound()


@pytest.mark.parametrize("act", ["discard", "retry", "arrived"])
def test_a_healing_that_was_refused_is_a_persons_and_is_not_doubled(world: World, act: str) -> None:  # noqa: F811
    code = world.tell()
    world.plant(code, drop=1)
    outbound: Any = world.house.gateway.outbound("portal")
    report = outbound._client.report

    def refuse(rows: Any) -> Any:
        raise Rejected("khóa sổ", code="-1")

    outbound._client.report = refuse
    world.pass_minutes(20)
    assert [d.state for d in world.rows(differences)] == ["healing"]
    outbound._client.report = report
    with world.house.gateway.ledger.write() as connection:
        (parked,) = people.parked(connection)
        getattr(people, act)(connection, parked.id, who="lan", reason="thử", now=world.time())
    world.work()

    world.pass_minutes(30)

    assert world.is_whole(code) == (act != "discard")  # who discards it has said so
    assert {d.state for d in world.rows(deliveries)} <= {"delivered", "cancelled"}
    assert [d.state for d in world.rows(differences)] == ["declined" if act == "discard" else "healed"]
    assert sum(m.type == RETOLD for m in world.rows(messages)) == (2 if act == "arrived" else 1)
    assert world.is_sound()


def test_a_mode_that_is_changed_meanwhile_counts_from_the_next_answer(world: World) -> None:  # noqa: F811
    code = world.tell()
    world.plant(code, drop=1)
    world.reconciler.rules = world.reconciler.rules.model_copy(update={"mode": "show"})
    world.pass_minutes(20)
    assert [d.state for d in world.rows(differences)] == ["open"]

    world.reconciler.rules = world.reconciler.rules.model_copy(update={"mode": "approve"})
    world.pass_minutes(15)
    assert [d.state for d in world.rows(differences)] == ["proposed"]

    world.reconciler.rules = world.reconciler.rules.model_copy(update={"mode": "heal"})
    world.pass_minutes(20)
    assert [d.state for d in world.rows(differences)] == ["healed"]
    assert world.is_whole(code)


ODD: list[Any] = [
    {"TrangThaiHoSo": 9},
    {"TrangThaiHoSo": "x" * 500_000},
    {"TrangThaiHoSo": None, "TienDo": "không"},
    {"TienDo": [None, 7, {"ThoiDiemXuLy": ["a"], "TrangThai": {}}]},
]


@pytest.mark.parametrize("odd", ODD, ids=["number", "huge", "null", "rows"])
def test_an_odd_answer_is_for_a_person_and_heals_nothing(world: World, odd: dict[str, Any]) -> None:  # noqa: F811
    code = world.tell()
    outbound: Any = world.house.gateway.outbound("portal")
    look_up = outbound._client.look_up
    outbound._client.look_up = lambda dossier: [{**item, **odd} for item in look_up(dossier)]

    world.pass_minutes(30)

    (found,) = world.rows(differences)
    assert found.state in ("person", "proposed")
    assert len(found.theirs or "") <= 200
    assert all(m.type != RETOLD for m in world.rows(messages))
    assert world.is_whole(code)


def test_an_answer_about_another_dossier_is_none_about_this_one(world: World) -> None:  # noqa: F811
    code, other = world.tell(1), world.tell(2, STEPS[:1])
    outbound: Any = world.house.gateway.outbound("portal")
    look_up = outbound._client.look_up
    outbound._client.look_up = lambda dossier: look_up(other if dossier == code else dossier)
    world.time.move(minutes=5)

    asked = Reconciler(world.house.gateway, "portal", dry=True).ask(code)

    assert asked is not None
    assert (asked.finding.kind, asked.says.answer) == ("missing-there", "")
