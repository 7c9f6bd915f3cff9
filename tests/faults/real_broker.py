"""The broker under the running gateway: nodes killed, frozen, wiped clean, all of them away. The ledger is the truth; tickets are hints."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager

from gateway.channels.topology import tickets_of
from tests.faults.province import Province, province
from tests.faults.table import Row, fault
from tests.faults.trial import BUS, Trial

KILLS = 8  # at scale 1
WIPES = 4
WHOLE_WIPES = 2
FREEZES = 3
AWAY_SECONDS = 40.0
FREEZE_SECONDS = 25.0
BREATH = (0.5, 3.0)  # seconds under load between two harms


@fault("Một nút RabbitMQ bị kill -9 · a broker node killed with -9, every second time one that leads a queue")
def broker_node_killed(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} broker")
    times = max(1, round(KILLS * scale))
    with here.trial() as trial:
        for turn in range(times):
            time.sleep(dice.uniform(*BREATH))
            node = here.cluster.nodes[_leader(here, dice) if turn % 2 == 0 else dice.randrange(3)]
            with trial.outage(BUS):
                node.kill()
                time.sleep(dice.uniform(0, 3))
                node.start()
                here.cluster.wait_whole()
        time.sleep(2)
    return trial.judge(times, "started again each time, three nodes whole between two kills")


def _leader(here: Province, dice: random.Random) -> int:
    return here.cluster.leader("/", tickets_of(dice.choice(["portal", "vnpost", "one-stop"])))


@fault("Một nút RabbitMQ bị xóa sạch rồi nhập lại · a broker node wiped clean, and joined again empty")
def broker_node_wiped(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} wiped")
    times = max(1, round(WIPES * scale))
    with here.trial() as trial:
        for _ in range(times):
            time.sleep(dice.uniform(*BREATH))
            victim = _leader(here, dice)
            with trial.outage(BUS):
                here.cluster.wipe(victim)
                time.sleep(dice.uniform(0, 3))
                here.cluster.join(victim)
        time.sleep(2)
    return trial.judge(times, "always the one that led a queue")


@fault("Cả cụm RabbitMQ bị xóa sạch · all broker nodes wiped clean at once, every queue gone")
def broker_wiped(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} all wiped")
    times, wrong = max(1, round(WHOLE_WIPES * scale)), list[str]()
    with here.trial() as trial:
        for _ in range(times):
            time.sleep(dice.uniform(*BREATH))
            here.cluster.kill()
            for number in range(len(here.cluster.nodes)):
                here.cluster.wipe(number)
            with trial.outage(BUS), _goes_on(trial, wrong):
                here.cluster.start()
        time.sleep(5)
        wrong += _missing_queues(here)
    words = "what lay in an inbox had no receipt yet, so its agency sent it again; events nobody had read are gone with the queues"
    return trial.judge(times, words, wrong, events_kept=False)


@fault("Cả cụm RabbitMQ ngừng khi đang có tải · all brokers down under load")
def brokers_down(seed: int, scale: float) -> Row:
    here = province()
    wrong: list[str] = []
    seconds = max(8.0, AWAY_SECONDS * min(1.0, scale))
    with here.trial() as trial:
        time.sleep(1)
        here.cluster.kill()
        time.sleep(1)  # what was under way when the harm came does not count
        with trial.outage(BUS):
            with _goes_on(trial, wrong):
                time.sleep(seconds)
            here.cluster.start()
        time.sleep(2)
    return trial.judge(1, f"away {seconds:.0f} s and the start; accepting and delivering went on", wrong)


@fault("Một nút RabbitMQ đơ: còn kết nối mà im lặng · a broker node frozen: connected, and silent")
def broker_node_frozen(seed: int, scale: float) -> Row:
    here, dice = province(), random.Random(f"{seed} frozen")
    times = max(1, round(FREEZES * scale))
    wrong: list[str] = []
    with here.trial() as trial:
        for _ in range(times):
            time.sleep(dice.uniform(*BREATH))
            node = here.cluster.nodes[_leader(here, dice)]
            node.pause()
            time.sleep(1)  # what was under way when the harm came does not count
            with trial.outage(BUS):
                with _goes_on(trial, wrong):
                    time.sleep(FREEZE_SECONDS * min(1.0, max(scale, 0.4)))
                node.resume()
                here.cluster.wait_whole()
        time.sleep(2)
    return trial.judge(times, "always the one that led a queue", wrong)


@contextmanager
def _goes_on(trial: Trial, wrong: list[str]) -> Iterator[None]:
    """While the block runs, messages are accepted and deliveries end."""
    before = trial.progress()
    yield
    for what, then, now in zip(("accepted", "delivered"), before, trial.progress(), strict=True):
        if now <= then:
            wrong.append(f"nothing was {what} while the broker was away")


def _missing_queues(here: Province) -> list[str]:
    """The gateway makes its queues again, unasked."""
    there = {queue["name"] for queue in here.cluster.call("GET", "/api/queues/%2F")}
    wanted = {tickets_of(partner) for partner in ("portal", "vnpost", "one-stop")}
    return [f"the queue {name} was not made again" for name in sorted(wanted - there)]
