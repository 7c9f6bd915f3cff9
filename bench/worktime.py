"""Due dates: from the precomputed table, against adding a plain timedelta and against walking day by day as the field's systems do.

A pool of receptions over two years, limits of 4 to 240 working hours. The calendar is the shipped one.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from gateway.config import Config, default_folder
from gateway.dossiers.calendar import Calendar
from gateway.dossiers.clocks import Event, History, Limit, Terms, reckon
from gateway.dossiers.worktime import NONE, WorkTime, at, day_of

POOL = 500
ROUNDS = 6
SOME = 0.1  # seconds of measuring
FIRST = datetime(2025, 1, 2, tzinfo=UTC)

Case = tuple[datetime, timedelta]
Job = Callable[[Case], Any]


class Bench:
    """`run` gives figures: name, how many a second, and how many times the cost of adding a plain timedelta."""

    def run(self) -> dict[str, Any]:
        folder = default_folder()
        calendar, statuses = Calendar(folder / "calendar"), Config(folder.parent).statuses
        work, terms = calendar.worktime("office"), Terms(Limit("days", 10), "saturday-mornings")

        def clocks(case: Case) -> Any:
            start, _ = case
            steps = ((2, 0), (4, 1), (5, 30), (4, 80), (9, 200))
            events = [Event(status, start + timedelta(hours=hours)) for status, hours in steps]
            return reckon(History(events), terms, calendar, statuses, start + timedelta(days=30))

        jobs: dict[str, Job] = {
            "plain timedelta": lambda case: case[0] + case[1],
            "due date": lambda case: work.add(*case),
            "time between": lambda case: work.between(case[0], case[0] + case[1]),
            "due date, day by day": lambda case: _walk(work, *case),
            "three clocks": clocks,
        }
        cases = _cases()
        assert all(_walk(work, *case) == work.add(*case) for case in cases)
        best = dict.fromkeys(jobs, float("inf"))
        for _ in range(ROUNDS):  # each has its turn in every round: the machine is shared
            for name, job in jobs.items():
                best[name] = min(best[name], _measure(job, cases))
        floor = best["plain timedelta"]
        figures = [
            {"name": name, "rate": 1 / spent, "us": spent * 1e6, "ratio": spent / floor} for name, spent in best.items()
        ]
        return {"figures": figures}


def _cases() -> Sequence[Case]:
    dice = random.Random(1)
    return [
        (FIRST + timedelta(minutes=dice.randrange(2 * 365 * 1440)), timedelta(hours=dice.randrange(4, 241)))
        for _ in range(POOL)
    ]


def _walk(work: WorkTime, start: datetime, amount: timedelta) -> datetime:
    """The floor of thinking: from session to session until the time is used up."""
    day = day_of(start)
    while True:
        for opens, closes in work.sessions(day):
            begin, end = max(at(day, opens), start), at(day, closes)
            if begin < end and amount <= end - begin:
                return begin + amount
            amount -= max(end - begin, NONE)
        day += timedelta(days=1)


def _measure(job: Job, cases: Sequence[Case]) -> float:
    """Seconds a case, over a short while of CPU time."""
    count, begun = 0, time.process_time()
    while (spent := time.process_time() - begun) < SOME or not count:
        for case in cases:
            job(case)
        count += len(cases)
    return spent / count
