"""The database under the running gateway: restarted, killed, lost for good with only its copy left."""

from __future__ import annotations

import random
import signal
import time

from tests.faults.database import address
from tests.faults.province import Province, province
from tests.faults.table import Row, fault
from tests.faults.trial import Trial

RESTARTS = 10  # of each way, at scale 1
FAILOVERS = 3
LONGEST_AWAY = 3.0  # seconds
BREATH = (0.5, 3.0)  # seconds under load between two harms


@fault("Cơ sở dữ liệu chạy lại: dừng êm, dừng gấp, kill -9 · the database restarted: fast, at once, and after kill -9")
def database_restarted(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} database")
    ways = ["fast", "immediate", "killed"] * max(1, round(RESTARTS * scale))
    dice.shuffle(ways)
    with here.trial() as trial:
        for way in ways:
            time.sleep(dice.uniform(*BREATH))
            with trial.outage():
                _end(here, way)
                time.sleep(dice.uniform(0, LONGEST_AWAY))
                here.database.start()
        time.sleep(dice.uniform(*BREATH))
    return trial.judge(len(ways), f"{len(ways) // 3} of each")


def _end(here: Province, way: str) -> None:
    match way:
        case "fast":
            here.database.stop(signal.SIGINT)
        case "immediate":
            here.database.stop(signal.SIGQUIT)
        case "killed":
            here.database.kill()


@fault("Mất hẳn cơ sở dữ liệu, bản sao lên thay · the database lost for good, its copy promoted")
def database_failed_over(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} failover")
    times = max(1, round(FAILOVERS * scale))
    with here.trial() as trial:
        for _ in range(times):
            fail_over(here, trial, dice)
            time.sleep(dice.uniform(*BREATH))
    return trial.judge(
        times,
        "a base backup that streams, synchronous; the ledger's address names both hosts; lost is the primary with its disk",
    )


def fail_over(here: Province, trial: Trial, dice: random.Random) -> None:
    """Make a copy, tell every process of both, kill the first, promote the second."""
    first, copy = here.database, here.database.copy(here.place())
    here.move(address([("127.0.0.1", first.port), ("127.0.0.1", copy.port)]))
    time.sleep(dice.uniform(*BREATH))
    with trial.outage():
        first.kill()
        time.sleep(dice.uniform(0, LONGEST_AWAY))
        copy.promote()
    here.database = copy
    first.close()
