"""Input that comes too often, in any order, from all sides at once; and ten times as much of it as usual."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from random import Random
from typing import Any

from gateway.errors import Refused
from gateway.flow.accept import Acceptance
from gateway.flow.gateway import Gateway
from gateway.ledger.opening import LedgerAway
from gateway.ports import Accepted, Submission
from tests.faults.grounds import ENGINES, SOURCE, fresh
from tests.faults.sender import life
from tests.faults.table import Row, fault, seeds
from tests.faults.verdict import Tally, Verdict
from tests.faults.world import World

THREADS = 6
ROUNDS = 40  # in which a message that came before what it rests on is sent again, as its sender would
USUAL, TAKEN, BURST_SECONDS = 2, 8, 20  # messages a second as usual, taken by a partner
TIMES = (1, 5)  # how often each message is sent


@fault(
    "Tin gửi lặp 1–5 lần, xáo trộn, nhiều luồng, ba cổng · each message 1 to 5 times, shuffled, threads, three gateways"
)
def repeated_input(seed: int, scale: float) -> Row:
    tally, sent = Tally("repeated_input"), 0
    for one in seeds(seed, scale, 24):
        for engine in ENGINES:
            with fresh(engine) as url:
                sent += _flood(tally, url, one)
    return tally.row(
        f"{sent:,} lần gửi, cả hai cơ sở dữ liệu · sends in all, on both engines, some with an Idempotency-Key"
    )


def _flood(tally: Tally, url: str, seed: int) -> int:
    """One flood. Threads come in an order of their own: what is drawn is what is sent, how often, and in which order."""
    world = World(url, seed, habits=["teller", "batches"], dossiers=0, processes=3, trouble=0.1)
    dice, moment = Random(seed), [world.time()]

    def later() -> Any:
        moment[0] += timedelta(seconds=1)
        return moment[0]

    bodies = [body for n in range(1, 13) for body in life(n, dice, later, 6)]
    world.time.at = moment[0]
    mail = [(body, dice.random() < 0.5) for body in bodies for _ in range(dice.randint(*TIMES))]
    dice.shuffle(mail)
    receipts: dict[str, set[str]] = {}
    wrong: list[str] = []
    try:
        _send_all(world, mail, receipts, wrong)
        stuck = world.calm()
        world.sender.receipts = {name: min(ids) for name, ids in receipts.items()}
        verdict = world.verdict()
        verdict.wrong += stuck + wrong
        _same_receipts(verdict, receipts, bodies)
        tally.add(seed, verdict)
    finally:
        world.close()
    return len(mail)


def _send_all(
    world: World, mail: list[tuple[dict[str, Any], bool]], receipts: dict[str, set[str]], wrong: list[str]
) -> None:
    """Until each has its receipt: a status may come before its dossier, and is refused until that is there."""

    def post(place: int, one: tuple[dict[str, Any], bool]) -> tuple[dict[str, Any], bool] | None:
        result = _post(world.processes[place % len(world.processes)].gateway, *one)
        if isinstance(result, Accepted):
            receipts.setdefault(one[0]["id"], set()).add(result.id)
            return None
        return one

    left = mail
    with ThreadPoolExecutor(THREADS) as pool:
        for _ in range(ROUNDS):
            left = [one for one in pool.map(post, range(len(left)), left) if one is not None]
            world.settle_down()
            if not left:
                return
    wrong += [f"never accepted: {body['id']}" for body, _ in left]


def _post(gateway: Gateway, body: dict[str, Any], with_key: bool) -> Accepted | Refused | None:
    submission = Submission(body["id"], body, json.dumps(body).encode())
    key = f"key-{body['id']}" if with_key else None
    try:
        return Acceptance(gateway, gateway.config.partners[SOURCE]).one(submission, key=key)
    except Refused as refused:
        return refused
    except LedgerAway:
        return None


def _same_receipts(verdict: Verdict, receipts: dict[str, set[str]], bodies: list[dict[str, Any]]) -> None:
    for name, ids in receipts.items():
        if len(ids) > 1:
            verdict.duplicated += len(ids) - 1
            verdict.wrong.append(f"{name} got {len(ids)} different receipts")
    for body in bodies:
        if body["id"] not in receipts:
            verdict.lost += 1
            verdict.wrong.append(f"{body['id']} has no receipt")


@fault("Lưu lượng tăng mười lần trong 20 giây · a ten-fold burst for 20 seconds")
def burst(seed: int, scale: float) -> Row:
    """Simulated time: 2 messages a second, then 20, then 2 again, towards partners that take at most 8 a second."""
    tally, longest = Tally("burst"), 0
    for one in seeds(seed, scale, 4):
        with fresh(ENGINES[one % 2]) as url:
            world = World(url, one, habits=["teller", "batches"], dossiers=0, trouble=0.0, rate=float(TAKEN))
            try:
                longest = max(longest, _surge(world))
                stuck = world.calm()
                verdict = world.verdict()
                verdict.wrong += stuck
                waited = 1.25 * (BURST_SECONDS + BURST_SECONDS * (10 * USUAL - TAKEN) / (TAKEN - USUAL))
                if verdict.stall > waited:
                    verdict.wrong.append(
                        f"a message waited {verdict.stall:.0f} s; the backlog and the more urgent ones explain {waited:.0f} s"
                    )
                tally.add(one, verdict)
            finally:
                world.close()
    return tally.row(
        f"hàng chờ dài nhất · longest queue: {longest} tin; đích nhận tối đa {TAKEN}/giây · partners take {TAKEN} a second"
    )


def _surge(world: World) -> int:
    """Returns the longest queue there was."""
    longest, number = 0, 0
    for second in range(3 * BURST_SECONDS):
        for _ in range(10 * USUAL if BURST_SECONDS <= second < 2 * BURST_SECONDS else USUAL):
            number += 1
            world.sender.submit(number, world.processes[number % 2].gateway)
        for _ in range(10):
            world.time.move(seconds=0.1)
            for place in range(2):
                for destination in ("teller", "batches"):
                    world.deliver(place, destination)
        longest = max(longest, world.waiting())
    return longest
