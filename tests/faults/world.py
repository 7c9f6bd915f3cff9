"""A small province that can be driven step by step: partners in memory, a sender, and gateway processes that may die at any point.

One thread does everything, and one seed draws everything: the same seed lives the same life.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from sqlalchemy import event, func, select

from gateway.channels.memory_bus import MemoryBroker
from gateway.channels.topology import topology
from gateway.config import Config
from gateway.flow.clock import Clock
from gateway.flow.deliver import Work
from gateway.flow.gateway import Gateway
from gateway.flow.inbox import Inbox
from gateway.ledger import facts, feed, open_ledger, people, standing
from gateway.ledger.lanes import due_destinations
from gateway.ledger.opening import LedgerAway
from gateway.ledger.sharedtime import EACH, SharedTime
from gateway.ledger.tables import breakers, lanes
from gateway.ports import Translation
from tests.conftest import Time
from tests.faults.fragile import (
    Board,
    FragileBus,
    FragileChannel,
    FragileLedger,
    FragileOutbound,
    FragilePoller,
    Inline,
)
from tests.faults.grounds import SOURCE, lay_out
from tests.faults.partners import HABITS, Partner, Post
from tests.faults.points import Crash, Points
from tests.faults.sender import Sender
from tests.faults.verdict import Verdict, judge

STEPS = 3000  # of calm: far more than any run needs
TICK = timedelta(milliseconds=1)


_WORK = select(lanes.c.due_at, lanes.c.lease_until).where(lanes.c.open > 0, ~lanes.c.blocked)


class Process:
    """One process: a gateway with its couriers and its clock, on a ledger and a board that outlive it."""

    def __init__(self, world: World, points: Points, now: Callable[[], datetime]) -> None:
        self.world = world
        self.points = points
        self.channel = FragileChannel(world.board, points)
        self.bus = FragileBus(world.broker.connect(), points)
        self.gateway = Gateway(world.config.home, now=now, config=world.config, channel=self.channel)
        self.gateway.ledger.__class__ = FragileLedger
        self.ledger = cast(FragileLedger, self.gateway.ledger)
        self.ledger.points = points
        event.listen(self.ledger.engine, "connect", self._prepare)
        if world.pragma:
            self.reconnect()
        vars(self.gateway)["translations"] = world.translations
        self.gateway._outbounds = {name: FragileOutbound(p, points) for name, p in world.partners.items()}
        try:
            self.work = Work(self.gateway, only=list(world.partners))
        except (Crash, LedgerAway):
            self.end()
            raise
        for courier in self.work.couriers.values():
            courier.worker = f"{courier.worker}:{id(self):x}"
            courier._pool.shutdown()
            courier._pool = Inline()  # type: ignore[assignment]
        self.channel.listen(list(self.work.couriers))
        self.inbox = Inbox(self.gateway, self.bus, pause=0, patience=0)
        self.inbox.bus.attend(list(self.inbox.partners), 100)
        self.clock = Clock(self.gateway)
        self.clock._pollers = {"post": FragilePoller(world.post, points)}

    def reconnect(self) -> None:
        """Every connection is opened anew, with the world's pragma."""
        self.ledger.engine.dispose()

    def _prepare(self, connection: Any, _record: Any) -> None:
        if self.world.pragma:
            connection.execute(self.world.pragma)

    def accept(self) -> None:
        self.world.sender.send(self.gateway, self.gateway.config.partners[SOURCE])

    def read_inbox(self) -> None:
        self.inbox.step(0)

    def listen(self) -> None:
        """What `Work` does with a ticket; here the courier works at once instead of hearing a bell."""
        try:
            ticket = self.channel.take(timeout=0)
        except ConnectionError:
            return
        if ticket is not None:
            courier = self.work.couriers[ticket.destination]
            courier.step()
            self.channel.done(ticket)
            if self.world.dice.random() < 0.8:
                courier.step()

    def deliver(self, destination: str) -> bool:
        return self.work.couriers[destination].step()

    def tick(self) -> None:
        if self.clock.leads():
            self.clock.tick()
            self.clock.poll("post")

    def decide(self, dice: random.Random) -> None:
        """A person looks at what is parked, asks the partner's people, and decides rightly."""
        with self.ledger.read() as connection:
            parked = people.parked(connection, limit=20)
        for row in parked:
            partner = self.world.partners[row.destination]
            there, mute = row.message in partner.here, partner.habit == "cannot tell"
            word: dict[str, Any] = {"who": "mau", "reason": "đã hỏi đối tác", "now": self.gateway.now()}
            with self.ledger.write() as connection:
                if there and (mute or dice.random() < 0.5):
                    people.arrived(connection, row.id, **word)
                else:
                    people.retry(connection, row.id, absent=not there and (mute or dice.random() < 0.5), **word)
            partner.upset.append(self.gateway.now())

    def retire(self) -> None:
        """Stopped in order, as for a restart: what was not begun is given back, what was is settled."""
        for courier in self.work.couriers.values():
            courier.stop()
            courier._drain()
        self.clock.leave()
        self.points.dead = True

    def end(self) -> None:
        """Its memory is gone. What the system would take back from it is given back."""
        self.points.dead = True
        self.channel.close()
        self.bus.close()
        self.ledger.bury()


class World:
    """`processes` gateway processes on the ledger at `url`, and the partners of `habits`."""

    def __init__(
        self,
        url: str,
        seed: int,
        *,
        habits: Sequence[str],
        dossiers: int,
        processes: int = 2,
        trouble: float = 0.15,
        longest: int = 6,
        crashes: Counter[str] | None = None,
        targets: Sequence[str] = (),
        away: float = 0.0,
        skews: Sequence[float] = (),
        drift: float = 0.0,
        **delivery: Any,
    ) -> None:
        random.seed(seed)  # the pauses' jitter is drawn by the gateway itself
        self.dice = random.Random(seed)
        self.time = Time()
        self.crashes: Counter[str] = Counter() if crashes is None else crashes
        self.targets, self.away = targets, away
        self.skews, self.drift = skews, drift
        self.board = Board()
        self.pragma = ""  # what SQLite is told on every new connection of a process
        self.ledger_stopped = False  # then no process can be born
        self.attended = True  # people look at what is parked
        self.partners: dict[str, Partner] = {h: HABITS[h](self.time, self.dice, trouble) for h in habits}
        self.post = Post(self.time, self.dice, trouble / 2)
        self.partners |= {"post": self.post, SOURCE: Partner(self.time, self.dice, trouble)}
        self.config: Config = lay_out(url, list(habits), known=("post", *HABITS), **delivery)
        self.broker = MemoryBroker(topology(self.config))
        self.agency = self.broker.connect(user=SOURCE)
        self.agency.attend([f"reply.{SOURCE}"], 100)
        self.translations = dict(_shared(self.config))
        self.ledger = open_ledger(url)
        self.sender = Sender(self.dice, self.time, dossiers, longest)
        self.deaths = 0
        self.refused = 0  # how often a process was told that the ledger is away
        self.processes = [self._born(i) for i in range(processes)]

    def _born(self, place: int) -> Process:
        now = self._host_time(place) if self.skews else self.time
        while True:
            target = self.dice.choice(self.targets) if self.targets else None
            points = Points(self.dice, target, self.crashes, away=self.away)
            try:
                return Process(self, points, now)
            except (Crash, LedgerAway):
                self.deaths += points.killed

    def _host_time(self, place: int) -> Callable[[], datetime]:
        """The time as a process on a host with a wrong clock has it: the database's, read each half minute, its own in between."""
        skew, rate = self.skews[place], 1 + self.drift * (place - 1)
        shared = SharedTime(self.time, lambda: skew + self.time().timestamp() * rate)
        read_at = self.time()

        def now() -> datetime:
            nonlocal read_at
            if self.time() - read_at > timedelta(seconds=EACH):
                shared.read()
                read_at = self.time()
            return shared()

        return now

    # ── chaos ────────────────────────────────────────────────────────────────────────────────────────────────────

    def stir(self) -> None:
        """One thing happens: in some process, at some partner, or time passes."""
        place = self.dice.randrange(len(self.processes))
        what = self.dice.random()
        if what < 0.20:
            self.let(place, Process.accept)
        elif what < 0.24:
            self.sender.post(self.agency)
        elif what < 0.30:
            self.let(place, Process.read_inbox)
            self.sender.hear(self.agency)
        elif what < 0.65:
            self.let(place, Process.listen)
        elif what < 0.75:
            self.deliver(place, self.dice.choice(list(self.partners)))
        elif what < 0.87:
            self.let(place, Process.tick)
        elif what < 0.91:
            self.let(place, lambda process: process.decide(self.dice))
        elif what < 0.94:
            self.post.bring()
        elif what < 0.95 and not self.ledger_stopped:
            self.let(place, Process.retire)
        else:
            self.time.move(seconds=self.dice.choice([0.1, 1, 2, 5, 30, 61, 121]))

    def let(self, place: int, do: Callable[[Process], Any]) -> Any:
        """One process does something; if it dies of it, another takes its place at once."""
        process = self.processes[place]
        try:
            return do(process)
        except Crash:
            return None
        except LedgerAway:  # as the process's loops do: wait, and go on
            self.refused += 1
            return None
        finally:
            if process.points.dead:
                self.deaths += process.points.killed
                process.end()
                self.processes[place] = self._born(place)

    def deliver(self, place: int, destination: str) -> bool:
        return bool(self.let(place, lambda process: process.deliver(destination)))

    # ── calm ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def calm(self) -> list[str]:
        """No more faults: everything must come to its end. Returns what did not."""
        self.targets, self.away = (), 0.0
        for process in self.processes:
            process.points.live()
        for partner in self.partners.values():
            partner.trouble = 0.0
        for _ in range(STEPS):
            self.settle_down()
            if self.quiet():
                return []
            self.time.at = max(self.time() + TICK, self._next())
        return [f"not quiet after {STEPS} steps: {standing_of(self)}"]

    def settle_down(self) -> None:
        """All that can be done at this moment, by one process or another."""
        self.post.bring()
        place = self.dice.randrange(len(self.processes))
        for step in range(STEPS):
            if self.sender.done:
                break
            self.let(step % len(self.processes), Process.accept)
        for one in range(len(self.processes)):
            self.let(one, Process.read_inbox)
            self.let(one, Process.tick)
        self.sender.hear(self.agency)
        if self.attended:
            self.let(place, lambda process: process.decide(self.dice))
        with self.ledger.read() as connection:
            due = due_destinations(connection, self.time())
        for process in self.processes:
            for name, courier in process.work.couriers.items():
                for _ in range(STEPS):
                    at_work = courier._flying or (name in due and process is self.processes[place])
                    if not at_work or not courier.step():
                        break

    def waiting(self) -> int:
        """How many deliveries have not ended."""
        with self.ledger.read() as connection:
            return standing.open_count(connection)

    def quiet(self) -> bool:
        """Nothing is left to do; where nobody attends, what is parked (and waits behind it) is left."""
        if not self.sender.done or self.post._home:
            return False
        with self.ledger.read() as connection:
            read = int(facts.cursor(connection, "post") or 0)
            left = standing.open_count(connection) if self.attended else len(connection.execute(_WORK).all())
            return read == len(self.post.feed) and left == 0 and not feed.has_unplaced(connection)

    def _next(self) -> datetime:
        """The next moment at which something falls due, by the ledger; five seconds from now when nothing does."""
        with self.ledger.read() as connection:
            rows = connection.execute(_WORK).all()
            probes = connection.execute(select(breakers.c.probe_at).where(breakers.c.state != "closed")).scalars().all()
        moments = [max(r.due_at, r.lease_until or r.due_at) for r in rows] + [p for p in probes if p is not None]
        coming = [m for m in moments if m > self.time()]
        if len(coming) < len(moments):  # something is due, and waits for a partner's rate
            couriers = [c for process in self.processes for c in process.work.couriers.values()]
            coming += [self.time() + c.pace.again for c in couriers if c.pace.again]
        return min(coming, default=self.time() + timedelta(seconds=5))

    # ── judgement ────────────────────────────────────────────────────────────────────────────────────────────────

    def verdict(self, since: datetime | None = None) -> Verdict:
        found = judge(
            self.ledger,
            {name: partner.effects for name, partner in self.partners.items()},
            {SOURCE: self.sender.receipts},
            said=self.sender.said,
            up={name: partner.upset for name, partner in self.partners.items()},
            since=since,
        )
        found.wrong += self.sender.wrong
        found.wrong += [sentence for partner in self.partners.values() for sentence in partner.wrong]
        found.wrong += self._feed()
        return found

    def _feed(self) -> list[str]:
        """Every published item came in, once and in order."""
        published = [item.source_id for item in self.post.feed]
        with self.ledger.read() as connection:
            heard = [one for one in standing.heard_from(connection, "post") if one in set(published)]
        return [] if heard == published else [f"the feed was read as {heard}, published was {published}"]

    def passed(self) -> set[str]:
        """The points that the present processes came by."""
        return {name for process in self.processes for name in process.points.passed}

    def close(self) -> None:
        for process in self.processes:
            process.end()
        self.ledger.close()


def standing_of(world: World) -> str:
    """Where it got stuck, for a person who looks for the reason."""
    with world.ledger.read() as connection:
        rows = connection.execute(
            select(lanes.c.destination, func.count(), func.min(lanes.c.due_at), func.max(lanes.c.lease_until))
            .where(lanes.c.open > 0)
            .group_by(lanes.c.destination)
        ).all()
    return f"unsent {sorted(world.sender._pending)}, lanes {[tuple(map(str, row)) for row in rows]}, now {world.time()}"


_FOUND: dict[Any, Mapping[str, Translation]] = {}


def _shared(config: Config) -> Mapping[str, Translation]:
    """The mappings, read once for all processes of a run: they are data, and no process changes them."""
    if config.home not in _FOUND:
        points = Points(random.Random(0), None, Counter())
        gateway = Gateway(config.home, config=config, channel=FragileChannel(Board(), points))
        _FOUND[config.home] = gateway.translations
        gateway.close()
    return _FOUND[config.home]
