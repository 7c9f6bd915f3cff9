"""A status that the portal itself had told (a citizen withdrew there) was found "ahead of what it was told", and would have been overwritten."""

from __future__ import annotations

from sqlalchemy import select

from gateway.dossiers.beliefs import lay_out
from gateway.flow.reconcile import Reconciler
from gateway.ledger import believing
from gateway.ledger.tables import differences, dossiers, messages
from tests.house import status
from tests.unit.test_reconcile import STEPS, World, make_world, world  # noqa: F401


def let_it_speak(world: World) -> None:  # noqa: F811
    config = world.house.gateway.config
    row = config.partners["portal"]
    config.partners["portal"] = row.model_copy(update={"sends": [*row.sends, "StatusChanged"], "speaks_of": "all"})


def test_what_the_partner_said_itself_is_what_it_is_held_to(world: World) -> None:  # noqa: F811
    let_it_speak(world)
    code = world.tell(steps=STEPS[:1])
    world.house.accept("portal", status(1, 7, 120))
    world.plant(code, TrangThaiHoSo="7")

    world.pass_minutes(20)

    assert world.rows(differences) == []
    assert world.held_there(code)["fields"]["TrangThaiHoSo"] == "7"
    with world.house.gateway.ledger.read() as connection:
        material = believing.gather(connection, code)
        (row,) = connection.execute(select(dossiers)).all()
    sides = {s.system: s for s in lay_out(material, row.status, [], world.house.gateway.config, world.time())}
    assert (sides["portal"].status, sides["portal"].how, sides["portal"].agrees) == (7, "confirmed", True)


def test_a_partner_that_goes_back_on_its_own_word_is_for_a_person(world: World) -> None:  # noqa: F811
    let_it_speak(world)
    code = world.tell(steps=STEPS[:1])
    world.house.accept("portal", status(1, 7, 120))

    world.pass_minutes(20)

    (found,) = world.rows(differences)
    assert (found.dossier, found.told, found.theirs, found.state) == (code, 7, "4", "person")
    assert all(m.type != "Retold" for m in world.rows(messages))


def test_what_it_says_is_not_overwritten_while_a_person_is_to_decide_about_it(world: World) -> None:  # noqa: F811
    let_it_speak(world)
    code = world.tell(steps=())
    assert world.house.accept("portal", status(1, 9, 120)).held == "not-lawful"
    world.plant(code, TrangThaiHoSo="9")

    world.pass_minutes(20)

    assert [(d.kind, d.state) for d in world.rows(differences)] == [("ahead", "proposed")]
    assert world.held_there(code)["fields"]["TrangThaiHoSo"] == "9"
    assert Reconciler(world.house.gateway, "portal", dry=True).ask(code) is not None
