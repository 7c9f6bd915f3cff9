"""Every finished dossier of all time was in the rounds of the day until it was returned; the night's round kept the day's from beginning; and
a night longer than a day had no minutes of the next one."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import TryLater
from gateway.flow.minutes import Night, folder_of
from gateway.ledger.tables import asked, differences
from tests.unit.test_reconcile import QUARTER, STEPS, Make, World, make_world, world  # noqa: F401

OPEN = STEPS[:1]


def count_questions(world: World, night: Night | None = None) -> Counter[str]:  # noqa: F811
    """Filled as questions are put."""
    outbound = (night.reconciler if night else world.reconciler).outbound
    state, found = outbound.state, Counter[str]()

    def ask(parcels: Any) -> Any:
        found[parcels[0].message.dossier] += 1
        return state(parcels)

    outbound.state = ask  # type: ignore[assignment, method-assign]
    return found


def test_what_is_done_and_confirmed_is_asked_about_at_night_alone(world: World) -> None:  # noqa: F811
    done, open_ = world.tell(1, STEPS), world.tell(2, OPEN)
    put = count_questions(world)
    world.pass_minutes(75)
    assert put[done] >= 5  # for an hour
    put.clear()

    world.pass_minutes(60)

    assert (put[done], put[open_] >= 5) == (0, True)


def test_while_the_night_asks_about_much_the_day_still_finds_within_a_quarter(
    make_world: Make,  # noqa: F811
    sqlite_url: str,
) -> None:
    # six questions a minute: the night takes longer than the quarter
    world = make_world(sqlite_url, rate=0.1)  # noqa: F811
    finished = [world.tell(number, STEPS) for number in range(1, 61)]
    code = world.tell(99, OPEN)
    night = Night(world.house.gateway, "portal")
    put = count_questions(world, night)
    night.reconciler.begin_night(world.time() - timedelta(days=1))
    run(world, night, 15)
    world.plant(code, TrangThaiHoSo="2")

    run(world, night, QUARTER)

    assert night.reconciler.night or sum(put[one] for one in finished) >= len(finished)
    (found,) = world.rows(differences)
    assert (found.dossier, found.kind) == (code, "behind")


def test_rounds_of_the_day_that_fill_all_time_leave_the_night_its_share(make_world: Make, sqlite_url: str) -> None:  # noqa: F811
    world = make_world(sqlite_url, rate=0.1, every_seconds=60)  # noqa: F811
    for number in range(1, 21):
        world.tell(number, OPEN)
    done = world.tell(99, STEPS)
    world.reconciler.ask(done)
    put = count_questions(world)
    world.reconciler.begin_night(world.time() - timedelta(days=1))

    world.pass_minutes(QUARTER)

    assert put[done] == 1
    assert not world.reconciler.night


def test_a_night_longer_than_a_day_skips_no_days_minutes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: F811
    world.tell()
    night = Night(world.house.gateway, "portal")
    night.step()
    state = night.reconciler.outbound.state

    def away(parcels: Any) -> Any:
        raise TryLater("quá tải", code="503")

    night.reconciler.outbound.state = away  # type: ignore[assignment, method-assign]
    monkeypatch.setattr(night.reconciler, "_question", lambda code: False)  # nothing can be asked for two days
    world.time.at = datetime(2026, 1, 6, 1, tzinfo=UTC)
    night.step()
    world.time.at = datetime(2026, 1, 8, 1, tzinfo=UTC)
    night.step()
    monkeypatch.undo()
    night.reconciler.outbound.state = state  # type: ignore[method-assign]
    run(world, night, 30)

    days = sorted(file.stem for file in folder_of(world.house.gateway, "portal").glob("2026-01-0?.json"))
    assert days == ["2026-01-05", "2026-01-06"]  # the last night is not over
    assert [one.finding for one in world.rows(asked)] == ["agrees"]


def run(world: World, night: Night, minutes: int) -> None:  # noqa: F811
    for _ in range(minutes * 6):
        world.time.move(seconds=10)
        night.step()
        world.work()
