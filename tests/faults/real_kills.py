"""Processes of the gateway killed with -9 under load, each kind again and again, and started again at once."""

from __future__ import annotations

import random
import time
from concurrent.futures import ThreadPoolExecutor

from tests.faults.processes import Process
from tests.faults.province import KINDS, Province, province
from tests.faults.table import Row, fault

KILLS = 200  # of each kind, at scale 1
LONGEST_LIFE = 1.5  # seconds between "ready" and the kill, at most
STILLBORN = 0.1  # the share that is killed while it starts


@fault("kill -9 từng loại tiến trình, bất kỳ lúc nào · kill -9 of each kind of process, at random moments under load")
def processes_killed(seed: int, scale: float) -> Row:
    kills = max(1, round(KILLS * scale))
    here = province()
    with here.trial() as trial, ThreadPoolExecutor(len(KINDS)) as killers:
        begun = time.monotonic()
        works = {kind: killers.submit(_kill_again_and_again, here, kind, kills, seed) for kind in KINDS}
        early = {kind: work.result() for kind, work in works.items()}
        seconds = time.monotonic() - begun
    told = ", ".join(f"{kind} {kills} at work and {early[kind]} while starting" for kind in KINDS)
    return trial.judge(kills * len(KINDS) + sum(early.values()), f"{told}, in {seconds:.0f} s")


def _kill_again_and_again(here: Province, kind: str, kills: int, seed: int) -> int:
    """Returns how many were killed while they started."""
    dice = random.Random(f"{seed} {kind}")
    stillborn = 0
    for _ in range(kills):
        victim = dice.choice(here.of_kind(kind))
        time.sleep(dice.uniform(0, LONGEST_LIFE))
        victim.kill()
        victim.start(here.lifeline[0])
        if dice.random() < STILLBORN:
            time.sleep(dice.uniform(0, 1))
            stillborn += 1
            _restart(here, victim)
        victim.wait_ready()
    return stillborn


def _restart(here: Province, victim: Process) -> None:
    victim.kill()
    victim.start(here.lifeline[0])
