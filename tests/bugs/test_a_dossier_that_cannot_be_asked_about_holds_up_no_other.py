"""A partner that failed at one dossier's question was asked nothing but that question ever after. Nor do many known differences hold up new ones."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.errors import TryLater
from gateway.ledger.tables import asked
from tests.unit.test_reconcile import STEPS, Make, World, make_world, world  # noqa: F401


def fail_at(world: World, code: str) -> list[str]:  # noqa: F811
    """Every question about this dossier is answered by an error of the server."""
    outbound: Any = world.house.gateway.outbound("portal")
    look_up, tried = outbound._client.look_up, []

    def answer(dossier: str) -> Any:
        if dossier == code:
            tried.append(dossier)
            raise TryLater("HTTP 500", code="500")
        return look_up(dossier)

    outbound._client.look_up = answer
    return tried


@pytest.mark.parametrize("known", [False, True])
def test_the_others_are_asked_about_in_their_time(world: World, known: bool) -> None:  # noqa: F811
    first, *others = [world.tell(number, STEPS[:1]) for number in (1, 2, 3)]
    if known:
        world.plant(first, drop=0)
        world.pass_minutes(12)
        assert [a.dossier for a in world.rows(asked)] != []
    tried = fail_at(world, first)

    world.pass_minutes(15)

    assert {a.dossier for a in world.rows(asked)} >= set(others)
    assert 2 <= len(tried) <= 12


def test_known_differences_and_the_round_take_turns(make_world: Make, sqlite_url: str) -> None:  # noqa: F811
    world = make_world(sqlite_url, mode="show", rate=0.1, again_seconds=30, every_seconds=60)  # noqa: F811
    bad = [world.tell(number, STEPS[:1]) for number in range(1, 9)]
    for code in bad:
        world.plant(code, drop=0)
    world.pass_minutes(10)

    late = world.tell(99, STEPS[:1])
    world.pass_minutes(15)

    assert late in {a.dossier for a in world.rows(asked)}
