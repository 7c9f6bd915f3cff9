"""Hosts whose clocks are five minutes apart: nobody's lease runs out early, one clock leads at a time, the feed keeps its order."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from gateway.ledger import feed
from gateway.ledger.tables import leaders
from tests.faults.grounds import ENGINES, fresh
from tests.faults.partners import HABITS
from tests.faults.table import Row, fault, seeds
from tests.faults.verdict import Tally
from tests.faults.world import World

SKEWS = (-300.0, 0.0, 300.0)
DRIFT = 0.0002  # of a poor clock: 17 seconds a day
TOLERANCE = 0.2  # seconds: what it drifts between two readings of the database's clock, and more


@fault("Đồng hồ ba máy lệch ± 5 phút · the clocks of three hosts are ± 5 minutes apart")
def clock_skew(seed: int, scale: float) -> Row:
    tally, changes = Tally("clock_skew"), 0
    habits = sorted(HABITS)
    for one in seeds(seed, scale, 24):
        with fresh(ENGINES[one % 2]) as url:
            told = [habits[one % len(habits)], "mute"] if habits[one % len(habits)] != "mute" else ["mute", "teller"]
            world = World(url, one, habits=told, dossiers=4, processes=3, targets=("none",), skews=SKEWS, drift=DRIFT)
            try:
                wrong, count = _live(world)
                changes += count
                since = world.time()
                wrong += world.calm()
                verdict = world.verdict(since)
                verdict.wrong += wrong + _feed_rises(world)
                tally.add(one, verdict)
            finally:
                world.close()
    return tally.row(
        f"mỗi máy theo giờ của cơ sở dữ liệu · each host goes by the database's clock; {changes} lần đổi người dẫn · changes of leader"
    )


def _live(world: World) -> tuple[list[str], int]:
    """Six hundred things happen; processes die of old age meanwhile. A leader is followed only when it left, or its lease ran out."""
    wrong: list[str] = []
    before, changes = _leader(world), 0
    for _ in range(600):
        world.sender.begin(4)
        world.stir()
        after = _leader(world)
        if before and after and before[0] != after[0]:
            changes += 1
            early = (before[1] - world.time()).total_seconds()
            if early > TOLERANCE:
                wrong.append(f"a second clock led {early:.1f} s before the first one's lease ran out")
        before = after
    return wrong, changes


def _leader(world: World) -> tuple[str, datetime] | None:
    with world.ledger.read() as connection:
        row = connection.execute(select(leaders.c.owner, leaders.c.until).where(leaders.c.name == "clock")).first()
    return (row.owner, row.until) if row is not None else None


def _feed_rises(world: World) -> list[str]:
    with world.ledger.read() as connection:
        places = [row.position for row in feed.read(connection, 0, 100_000)]
    return [] if places == list(range(1, len(places) + 1)) else ["the status feed has a gap"]
