"""What a person discarded was told again in the next round; a partner that flips was healed for ever; an approval at a partner whose
reconciliation is off was taken and nothing came of it; one dossier that cannot be asked about ended a run over all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from gateway.cli.asking import Round
from gateway.errors import Rejected, TryLater
from gateway.flow.reconcile import decide
from gateway.ledger import people
from gateway.ledger.reconciling import NotOpen
from gateway.ledger.tables import RETOLD, differences, messages
from tests.unit.test_reconcile import STEPS, Make, World, make_world, world  # noqa: F401


def test_a_person_who_discards_a_healing_does_not_get_it_again(world: World) -> None:  # noqa: F811
    code = world.tell(steps=STEPS[:3])
    world.plant(code, drop=1)
    outbound: Any = world.house.gateway.outbound("portal")
    report = outbound._client.report

    def refuse(rows: Any) -> Any:
        raise Rejected("khóa sổ", code="-1")

    outbound._client.report = refuse
    world.pass_minutes(20)
    outbound._client.report = report
    with world.house.gateway.ledger.write() as connection:
        (parked,) = people.parked(connection)
        people.discard(connection, parked.id, who="lan", reason="bước này nhập thử", now=world.time())

    world.pass_minutes(40)

    assert [d.state for d in world.rows(differences)] == ["declined"]
    assert sum(m.type == RETOLD for m in world.rows(messages)) == 1

    decide(world.house.gateway, 1, "approved", who="lan", reason="nhầm: bước này có thật")
    world.pass_minutes(20)
    assert [d.state for d in world.rows(differences)] == ["healed"]
    assert world.is_whole(code, STEPS[:3])


def test_a_partner_that_goes_back_again_and_again_is_for_a_person(make_world: Make, sqlite_url: str) -> None:  # noqa: F811
    world = make_world(sqlite_url, every_seconds=120, again_seconds=60, after_seconds=30)  # noqa: F811
    code = world.tell(steps=STEPS[:1])
    for _ in range(4):
        world.plant(code, TrangThaiHoSo="2")
        world.pass_minutes(12)

    assert [d.state for d in world.rows(differences)] == ["healed", "healed", "healed", "person"]


def test_nothing_is_approved_where_reconciliation_is_off(make_world: Make, sqlite_url: str) -> None:  # noqa: F811
    world = make_world(sqlite_url, mode="off")  # noqa: F811
    code = world.tell()
    world.plant(code, TrangThaiHoSo="4")
    world.time.move(minutes=5)
    world.reconciler.ask(code)
    (found,) = world.rows(differences)

    with pytest.raises(NotOpen, match="reconciliation is off"):
        decide(world.house.gateway, found.id, "approved", who="lan", reason="đã đối chiếu")
    assert world.rows(differences) == [found]
    decide(world.house.gateway, found.id, "declined", who="lan", reason="đã đối chiếu")


def test_a_dossier_that_cannot_be_asked_about_ends_no_run(world: World, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: F811
    codes = [world.tell(number, STEPS[:1]) for number in (1, 2, 3, 4)]
    fail_on(world, codes[1:2])
    found = Round(as_json=False)

    found.hear("portal", world.reconciler.ask_all(), len(codes))
    found.close()

    assert (found.count, [(name, one.dossier, one.code) for name, one in found.unanswered]) == (
        3,
        [("portal", codes[1], "503")],
    )
    assert codes[1] in capsys.readouterr().err
    fail_on(world, codes[1:])
    with pytest.raises(TryLater):  # three in a row: the partner is away
        list(world.reconciler.ask_all())


def fail_on(world: World, codes: Sequence[str]) -> None:  # noqa: F811
    state = world.reconciler.outbound.state

    def fail(parcels: Any) -> Any:
        if parcels[0].message.dossier in codes:
            raise TryLater("quá tải", code="503")
        return state(parcels)

    world.reconciler.outbound.state = fail  # type: ignore[assignment, method-assign]
