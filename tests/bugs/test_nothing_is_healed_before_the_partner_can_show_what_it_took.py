"""A portal that shows a row a minute after it took it got the row twice: by a command, or by two answers at one moment."""

from __future__ import annotations

from typing import Any

from gateway.flow.reconcile import Reconciler
from gateway.ledger.tables import RETOLD, differences, messages
from tests.house import status
from tests.unit.test_reconcile import BY_LAN, STEPS, World, make_world, world  # noqa: F401


def hide_the_last_row(world: World, code: str) -> Any:  # noqa: F811
    """What it took last it does not show yet. Returns what makes it show it."""
    kept = world.twin._dossiers[code]["progress"]
    world.twin._dossiers[code]["progress"] = kept[:-1]

    def show() -> None:
        world.twin._dossiers[code]["progress"] = kept + world.twin._dossiers[code]["progress"][len(kept) - 1 :]

    return show


def test_a_command_that_is_to_heal_waits_for_what_was_delivered_just_now(world: World) -> None:  # noqa: F811
    code = world.tell()
    show = hide_the_last_row(world, code)
    world.time.move(seconds=5)

    asked = Reconciler(world.house.gateway, "portal", permit=BY_LAN).ask(code)
    world.work()
    show()
    world.pass_minutes(20)

    assert asked is not None
    assert (asked.finding.kind, asked.state) == ("missing-steps", "open")
    assert all(m.type != RETOLD for m in world.rows(messages))
    assert [d.state for d in world.rows(differences)] == ["gone"]
    assert world.is_whole(code)


def test_two_answers_at_one_moment_are_one(world: World) -> None:  # noqa: F811
    """The clock and a person's command ask at once; both are right, and neither is a second look."""
    code = world.tell()
    world.time.move(minutes=5)
    show = hide_the_last_row(world, code)

    states = [one.ask(code) for one in (world.reconciler, Reconciler(world.house.gateway, "portal"))]
    world.work()
    show()
    world.pass_minutes(20)

    assert [s.state if s else None for s in states] == ["open", "open"]
    assert all(m.type != RETOLD for m in world.rows(messages))
    assert world.is_whole(code)


def test_a_healing_is_not_in_vain_because_it_does_not_show_at_once(world: World) -> None:  # noqa: F811
    code = world.tell()
    world.plant(code, drop=3)
    world.time.move(minutes=5)
    asked = Reconciler(world.house.gateway, "portal", permit=BY_LAN).ask(code)
    assert asked is not None
    assert asked.state == "healing"
    world.time.move(minutes=30)  # the courier was away
    world.work()
    show = hide_the_last_row(world, code)

    world.reconciler.ask(code)
    show()
    world.pass_minutes(10)

    assert [(d.state, d.rounds) for d in world.rows(differences)] == [("healed", 0)]
    assert world.is_whole(code)


def test_an_event_meanwhile_is_told_once(world: World) -> None:  # noqa: F811
    """A difference is known, then the dossier moves: what is told of the move is no healing, and what heals is told once."""
    code = world.tell(steps=STEPS[:2])
    world.plant(code, drop=0)
    world.pass_minutes(2)
    world.house.accept("one-stop", status(1, 4, 150))
    world.pass_minutes(20)

    assert world.is_whole(code, STEPS[:3])
    assert sum(m.type == RETOLD for m in world.rows(messages)) == 1
