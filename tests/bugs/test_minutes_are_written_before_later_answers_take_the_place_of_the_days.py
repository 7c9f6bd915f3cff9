"""A night's round that lasted past noon (a partner that was away) had minutes that said of the day before: nothing was asked."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from gateway.errors import TryLater
from gateway.flow.minutes import Night, folder_of
from tests.bugs.test_the_night_takes_nothing_from_the_day import OPEN, run
from tests.unit.test_reconcile import STEPS, World, make_world, world  # noqa: F401


def test_what_was_asked_on_a_day_stands_in_its_minutes_though_the_partner_was_away_all_the_next(world: World) -> None:  # noqa: F811
    finished, *_ = world.tell(1, STEPS), world.tell(2, OPEN), world.tell(3, OPEN)
    night = Night(world.house.gateway, "portal")
    run(world, night, 30)
    state = night.reconciler.outbound.state

    def away(parcels: Any) -> Any:
        raise TryLater("quá tải", code="503")

    night.reconciler.outbound.state = away  # type: ignore[assignment, method-assign]
    for hour in (19, 29):  # 02:00 of the night, and noon
        world.time.at = datetime(2026, 1, 5 + hour // 24, hour % 24, 0, 30, tzinfo=UTC)
        night.step()
    night.reconciler.outbound.state = state  # type: ignore[method-assign]
    run(world, night, 90)

    assert not night.reconciler.night
    assert finished
    (told,) = [json.loads(file.read_text(encoding="utf-8")) for file in minutes(world)]
    assert (told["day"], told["asked"], told["agree"]) == ("2026-01-05", 3, 3)


def test_after_days_without_a_gateway_the_last_night_is_in_the_last_minutes(world: World) -> None:  # noqa: F811
    code = world.tell(2, OPEN)
    night = Night(world.house.gateway, "portal")
    run(world, night, 15)
    world.time.at = datetime(2026, 1, 8, 19, 0, tzinfo=UTC)  # 02:00 of the 9th

    again = Night(world.house.gateway, "portal")
    world.plant(code, TrangThaiHoSo="2")
    run(world, again, 30)
    world.time.at = datetime(2026, 1, 9, 5, 0, 30, tzinfo=UTC)  # noon
    again.step()

    told = [json.loads(file.read_text(encoding="utf-8")) for file in minutes(world)]
    assert [one["day"] for one in told] == ["2026-01-05", "2026-01-06", "2026-01-07", "2026-01-08"]
    assert [len(one["differences"]) for one in told] == [0, 0, 0, 1]


def minutes(world: World) -> list[Any]:  # noqa: F811
    return sorted(folder_of(world.house.gateway, "portal").glob("2026-01-0?.json"))
