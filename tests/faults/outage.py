"""A partner dead for a day with a hundred thousand messages waiting; all brokers down for an hour."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from random import Random

from sqlalchemy import select

from gateway.flow.accept import Acceptance
from gateway.ledger.tables import breakers, dossiers
from gateway.ports import Submission
from tests.faults.fragile import Lasting, Line
from tests.faults.grounds import ENGINES, SOURCE, fresh
from tests.faults.table import Row, fault, seeds
from tests.faults.verdict import Tally, Verdict
from tests.faults.world import Process, World
from tests.house import dossier

WAITING = 100_000
RATE, CALLS, CALL_SECONDS = 100.0, 6, 0.05
DAY = timedelta(hours=24)


@fault(
    "Một đối tác chết 24 giờ, 100.000 lượt chờ, rồi sống lại · one partner dead for 24 hours, 100,000 waiting, then back"
)
def dead_for_a_day(seed: int, scale: float) -> Row:
    tally = Tally("dead_for_a_day", scale)
    waiting = max(500, round(WAITING * scale))
    with fresh("postgresql") as url:
        world = World(
            url, seed, habits=["teller"], dossiers=0, trouble=0.0, rate=RATE, calls=CALLS, breaker_most=300, backoff_most=3600, batch=64
        )  # fmt: skip
        try:
            verdict, note = _day(world, waiting, Random(seed))
        finally:
            world.close()
    tally.add(seed, verdict)
    return tally.row(note)


def _day(world: World, waiting: int, dice: Random) -> tuple[Verdict, str]:
    partner = world.partners["teller"]
    partner.down = True
    line = Line(world.time, CALL_SECONDS)
    for process in world.processes:
        courier = process.work.couriers["teller"]
        courier._pool = Lasting(line, courier.policy.concurrency)  # type: ignore[assignment]
    begun = world.time()
    _fill(world, waiting, dice, begun)
    probes = _wait_out(world, line, begun + DAY)
    partner.down = False
    up = world.time()
    _drain(world, line)
    verdict = world.verdict(since=up)
    first = min((e.at for e in partner.effects), default=up)
    seconds = Counter(int((e.at - up).total_seconds()) for e in partner.effects)
    lateness = _out_of_urgency(world)
    whole = (max(e.at for e in partner.effects) - first).total_seconds()
    verdict.wrong += _limits(line.most, max(seconds.values()), probes, len(partner.effects), waiting, lateness, whole)
    note = (
        f"{waiting:,} lượt chờ · waiting; {probes} lần dò trong 24 giờ · probes in 24 h; lần đầu sau · first after "
        f"{(first - up).total_seconds():.0f} s; rồi xả hết trong · then drained in {whole:,.0f} s, nhanh nhất · at most {max(seconds.values())}/s "
        f"(rate {RATE:.0f}); gọi cùng lúc · calls at a time ≤ {line.most} (calls {CALLS}); "
        f"vượt trước tin gấp hơn · overtook a more urgent one by at most {lateness} lượt"
    )
    verdict.stall = (first - up).total_seconds()
    return verdict, note


def _limits(
    at_once: int, fastest: int, probes: int, done: int, waiting: int, lateness: int, drained: float
) -> list[str]:
    """What the partner was promised, and what was not kept."""
    wrong = []
    if at_once > CALLS:
        wrong.append(f"{at_once} calls at a time; the partner takes {CALLS}")
    if fastest > RATE * 1.2 + 1:
        wrong.append(f"{fastest} messages in one second; the partner takes {RATE:.0f}")
    if probes > DAY.total_seconds() / 300 * 2 + 20:
        wrong.append(f"{probes} probes in a day: more than two for each pause of 300 s")
    if drained > waiting / RATE * 1.5 + 60:
        wrong.append(
            f"the last message went out after {drained:.0f} s; the partner's rate explains {waiting / RATE:.0f} s"
        )
    if done != waiting:
        wrong.append(f"{done} of {waiting} were delivered")
    if lateness > 2 * 64:  # two workers, each with a batch in hand
        wrong.append(f"a message went out {lateness} places before a more urgent one")
    return wrong


def _fill(world: World, waiting: int, dice: Random, begun: datetime) -> None:
    """A day's dossiers, each with a deadline of its own, in batches."""
    gateway = world.processes[0].gateway
    partner = gateway.config.partners[SOURCE]
    for first in range(1, waiting + 1, 200):
        mail = []
        for number in range(first, min(first + 200, waiting + 1)):
            due = begun + timedelta(seconds=dice.randint(86_400, 40 * 86_400))
            body = dossier(
                number,
                dossier=f"000.00.01.H99-260105-{number:07d}",
                id=f"sub-{number}",
                deadlines={"received_at": "2026-01-05T09:30:00+07:00", "due_at": due.isoformat()},
            )
            mail.append(Submission(body["id"], body, json.dumps(body).encode()))
        for result in Acceptance(gateway, partner).many(mail):
            world.sender.receipts[result.source_id] = result.id  # type: ignore[union-attr]


def _wait_out(world: World, line: Line, until: datetime) -> int:
    """Both workers look at each moment that something falls due. Returns how many calls the dead partner got."""
    while world.time() < until:
        line.end()
        for place in range(2):
            world.deliver(place, "teller")
        world.time.at = min(until, max(_probe(world), world.time() + timedelta(seconds=CALL_SECONDS)))
    return len(world.partners["teller"].upset)


def _probe(world: World) -> datetime:
    with world.ledger.read() as connection:
        probe = connection.execute(select(breakers.c.probe_at).where(breakers.c.destination == "teller")).scalar()
    return probe or world.time()


def _drain(world: World, line: Line) -> None:
    """Two workers, each looking twenty times a second."""
    idle = 0
    while idle < 3 * 3600 * 10:
        line.end()
        busy = [world.deliver(place, "teller") for place in range(2)]
        if any(busy):
            idle = 0
        else:
            idle += 1
            if idle % 20 == 0 and not world.waiting():
                return
        world.time.move(seconds=0.05 if idle < 20 else 1.0)


def _out_of_urgency(world: World) -> int:
    """By how many places, at most, a message went out before a more urgent one."""
    with world.ledger.read() as connection:
        due = {r.code: r.due_at for r in connection.execute(select(dossiers.c.code, dossiers.c.due_at))}
    went = [e.dossier for e in world.partners["teller"].effects]
    wanted = {code: place for place, code in enumerate(sorted(went, key=lambda code: due[code]))}
    return max((wanted[code] - place for place, code in enumerate(went)), default=0)


@fault("Mọi máy chuyển tin ngừng một giờ · all brokers down for an hour")
def no_broker(seed: int, scale: float) -> Row:
    """Accepting goes on; couriers find work by their own look each five seconds, as `Courier.run` does."""
    tally, done = Tally("no_broker", scale), 0
    away = timedelta(hours=max(0.1, min(1.0, scale)))
    for one in seeds(seed, scale, 2):
        with fresh(ENGINES[one % 2]) as url:
            world = World(url, one, habits=["teller", "idempotent"], dossiers=6, trouble=0.05, longest=8)
            try:
                world.board.away = True
                begun = world.time()
                while world.time() - begun < away:
                    world.sender.begin(4)
                    _five_seconds(world)
                during = len(world.partners["teller"].effects)
                world.board.away = False
                stuck = world.calm()
                verdict = world.verdict()
                verdict.wrong += stuck
                if verdict.stall > world.config.settings.delivery.backoff_most + 30:
                    verdict.wrong.append(f"a message waited {verdict.stall:.0f} s without a broker")
                if during < away.total_seconds() / 36:
                    verdict.wrong.append(f"only {during} deliveries in {away} without a broker")
                done += during
                tally.add(one, verdict)
            finally:
                world.close()
    return tally.row(f"{done:,} lượt gửi xong trong lúc đó · delivered meanwhile to one of two partners")


def _five_seconds(world: World) -> None:
    place = world.dice.randrange(2)
    world.let(place, Process.accept)
    for destination in world.partners:
        for _ in range(2):
            world.deliver(place, destination)
    world.let(place, Process.listen)
    world.let(place, Process.tick)
    world.let(place, lambda process: process.decide(world.dice))
    world.post.bring()
    world.time.move(seconds=5)
