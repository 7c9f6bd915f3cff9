"""Days compared as a whole by the clock: what only the one-stop system has, or has moved on, is found within a quarter of an hour."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.one_stop_rest.simulator import OneStopTwin
from gateway.config import Config
from gateway.flow.minutes import Night
from gateway.ledger.tables import differences
from gateway.simulation import Serve
from tests.house import ADDRESSES, dossier, status
from tests.unit.test_reconcile import Make, World, make_world  # noqa: F401

NEW = "000.00.01.H99-260105-0099"


@pytest.fixture
def counted(make_world: Make, ledger_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[World, Any]]:  # noqa: F811
    """A one-stop system that tells days, and has told of three dossiers that stand at 4."""
    server = Serve(OneStopTwin({"key": ADDRESSES["LIENTHONG_ONE_STOP_KEY"]}))
    monkeypatch.setenv("LIENTHONG_ONE_STOP_URL", server.start())
    world = make_world(ledger_url)
    gateway = world.house.gateway
    file = gateway.config.home / "config" / "partners" / "one-stop.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("[settings]", "[settings]\ndays = true"), encoding="utf-8")
    gateway.take(Config(gateway.config.home))
    gateway._outbounds = {n: p for n, p in world.house.partners.items() if n == "vnpost"}
    server.twin.act({"stands": {world.tell(number, ((4, 60),)): 4 for number in (1, 2, 3)}})
    yield world, server.twin
    server.stop()


def pass_minutes(world: World, night: Night, minutes: int) -> None:
    for _ in range(minutes):
        world.time.move(minutes=1)
        night.step()


@pytest.mark.parametrize(("planted", "kind"), [({NEW: 2}, "missing-here"), ({dossier(1)["dossier"]: 9}, "ahead")])
def test_what_is_planted_there_is_found_within_a_quarter_of_an_hour(
    counted: tuple[World, Any], planted: dict[str, int], kind: str
) -> None:
    world, twin = counted
    night = Night(world.house.gateway, "one-stop")
    pass_minutes(world, night, 3)
    assert world.rows(differences) == []

    twin.act({"stands": planted})
    pass_minutes(world, night, 15)
    (found,) = world.rows(differences)
    assert (found.dossier, found.kind, found.state) == (
        next(iter(planted)),
        kind,
        "open",
    )  # its message may be on its way
    pass_minutes(world, night, 10)

    assert [(d.kind, d.state, d.seen) for d in world.rows(differences)] == [(kind, "person", 2)]


def test_a_message_that_was_on_its_way_leaves_nothing_for_a_person(counted: tuple[World, Any]) -> None:
    world, twin = counted
    night = Night(world.house.gateway, "one-stop")
    twin.act({"stands": {dossier(1)["dossier"]: 9}})
    pass_minutes(world, night, 3)
    assert [d.state for d in world.rows(differences)] == ["open"]

    world.house.accept("one-stop", status(1, 9, 90))
    pass_minutes(world, night, 15)

    assert [d.state for d in world.rows(differences)] == ["gone"]
