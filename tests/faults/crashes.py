"""Crashes at every commit and every acknowledgement: the process's memory is thrown away, and another takes its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import cache, partial
from multiprocessing import get_context

from tests.faults.grounds import fresh
from tests.faults.partners import HABITS
from tests.faults.table import Row, fault, seeds
from tests.faults.verdict import Tally, Verdict
from tests.faults.world import World

CRASHES = 40  # in one run
PROCESSES = 2  # share the runs; each run is alone on its ledger
ENOUGH = 50  # runs, for every boundary to have its dead
SCOUTS = 4  # runs without a crash, which find the points that there are
MUST = {  # whatever the gateway's functions are called: these are the boundaries that matter
    "deliver: before the call", "deliver: after the effect", "find: before the call", "find: after the answer",
    "deliver_together: before the call", "deliver_together: in the middle", "deliver_together: after the effect",
    "poll: before the call", "poll: after the answer", "channel.ring: before", "channel.ring: after", "channel.take: after",
    "channel.done: before", "channel.done: after", "settle: before the commit", "settle: after the commit",
    "Courier._parcel.remember: after the commit", "Acceptance._try_commit: before the answer", "Clock.beat: after the commit",
    "bus.receive: after", "bus.publish: before", "bus.publish: after", "bus.done: before", "bus.done: after",
}  # fmt: skip


@fault("Tiến trình chết ở mọi điểm ghi và xác nhận, SQLite · a crash at every commit and acknowledgement, SQLite")
def crashes_sqlite(seed: int, scale: float) -> Row:
    return _crashes("crashes_sqlite", "sqlite", seeds(seed, scale, 180))


@fault(
    "Tiến trình chết ở mọi điểm ghi và xác nhận, PostgreSQL · a crash at every commit and acknowledgement, PostgreSQL"
)
def crashes_postgresql(seed: int, scale: float) -> Row:
    return _crashes("crashes_postgresql", "postgresql", seeds(seed, scale, 80))


def _crashes(name: str, engine: str, runs: range) -> Row:
    tally, hits = Tally(name), Counter[str]()
    points = scout(engine)  # before the fork: both have the server, and the points
    with ProcessPoolExecutor(min(PROCESSES, len(runs)), mp_context=get_context("fork")) as pool:
        for seed, verdict, deaths, died in pool.map(partial(_one, engine, points), runs):
            tally.add(seed, verdict, runs=deaths)
            hits += died
    row = tally.row(", ".join(f"{point} × {times}" for point, times in sorted(hits.items())))
    missed = sorted((MUST if len(runs) >= ENOUGH else set()) - hits.keys())
    return replace(row, wrong=[*row.wrong, *(f"no process ever died here: {point}" for point in missed)])


@cache
def scout(engine: str) -> tuple[str, ...]:
    """Every point that processes pass when nobody kills them."""
    found: set[str] = set()
    for seed in range(SCOUTS):
        with fresh(engine) as url:
            world = _world(url, seed, (), Counter())
            try:
                for _ in range(600):
                    world.stir()
                world.calm()
                found |= world.passed()
            finally:
                world.close()
    return tuple(sorted(found))


def _world(url: str, seed: int, points: Sequence[str], hits: Counter[str]) -> World:
    habits = sorted(HABITS)
    first, other = seed % len(habits), 1 + seed // len(habits) % (len(habits) - 1)
    told = [habits[first], habits[(first + other) % len(habits)]]
    return World(url, seed, habits=told, dossiers=4, crashes=hits, targets=points, away=0.01)


def _one(engine: str, points: Sequence[str], seed: int) -> tuple[int, Verdict, int, Counter[str]]:
    """One run: its seed again, the verdict, how many processes died, and where."""
    hits = Counter[str]()
    with fresh(engine) as url:
        world = _world(url, seed, points, hits)
        try:
            while world.deaths < CRASHES:
                world.sender.begin(4)
                world.stir()
            since = world.time()
            stuck = world.calm()
            verdict = world.verdict(since)
            verdict.wrong += stuck
            return seed, verdict, world.deaths, hits
        finally:
            world.close()
