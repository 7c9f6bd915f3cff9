"""A row lacks because its moment was put otherwise, there or by a mapping that was changed since: telling it again would double it."""

from __future__ import annotations

from gateway.ledger.tables import RETOLD, differences, messages
from tests.unit.test_reconcile import STEPS, World, make_world, world  # noqa: F401


def test_a_lacking_row_beside_a_strange_one_is_for_a_person(world: World) -> None:  # noqa: F811
    code = world.tell()
    world.twin._dossiers[code]["progress"][1]["ThoiDiemXuLy"] = "20260105000000"

    world.pass_minutes(30)

    (found,) = world.rows(differences)
    assert (found.kind, found.state, found.plan) == ("missing-steps", "person", "[]")
    assert all(m.type != RETOLD for m in world.rows(messages))


def test_a_status_is_set_right_though_a_row_is_in_dispute(world: World) -> None:  # noqa: F811
    code = world.tell(steps=STEPS[:2])
    world.twin._dossiers[code]["progress"][0]["ThoiDiemXuLy"] = "20260105000000"
    world.plant(code, TrangThaiHoSo="2")

    world.pass_minutes(30)

    assert world.held_there(code)["fields"]["TrangThaiHoSo"] == "5"
    assert len(world.held_there(code)["progress"]) == 2


def test_of_three_alike_two_may_lack(world: World) -> None:  # noqa: F811
    """Three steps of one second: the third was not counted once the second was gone."""
    steps = ((4, 60), (4, 60.001), (4, 60.002))
    code = world.tell(steps=steps)
    del world.twin._dossiers[code]["progress"][1:]

    world.pass_minutes(20)

    assert len(world.held_there(code)["progress"]) == 3
    assert [(d.state, d.rounds) for d in world.rows(differences)] == [("healed", 0)]  # both at once
