"""Every process replaced under load, in good order: no request fails, nothing is left in doubt."""

from __future__ import annotations

import random
import time

from tests.faults.province import province
from tests.faults.table import Row, fault

ROUNDS = 5  # at scale 1: each replaces all seven processes


@fault("Thay lần lượt mọi tiến trình khi đang có tải · rolling restart of every process by SIGTERM, under load")
def rolling_restart(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} rolling")
    rounds, wrong = max(1, round(ROUNDS * scale)), list[str]()
    with here.trial() as trial:
        for _ in range(rounds):
            time.sleep(dice.uniform(0.5, 2))
            here.roll()
        time.sleep(2)
    if failed := {answer: n for answer, n in trial.sender.answers.items() if answer not in (200, 202)}:
        wrong.append(f"requests failed: {failed}")
    if questions := trial.questions():
        wrong.append(f"{questions} calls were broken off and had to be asked about")
    return trial.judge(rounds * len(here.crew), f"{rounds} rounds, two web, three work and two clock processes", wrong)
