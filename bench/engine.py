"""`lienthong bench engine`: what the production engines carry, PostgreSQL that syncs every commit and RabbitMQ, beside floors of the same run.

Each round on a ledger: *accept* (nobody delivering), *deliver* (a backlog drained by so many workers), *paced* (50 dossiers a second through
web, workers and clock) and *through* (as many as the door takes). Waits from accept to delivered are the ledger's own: from a
delivery's row to its receipt. The portal says yes at once; load, portal, servers and gateway share the machine.
"""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench import floors
from bench.claims import percentile
from bench.confirms import confirms, one_by_one
from bench.machine import CpuMeter, free_port, wait_for
from bench.posting import Portal, Sender
from bench.preload import add_backlog, plain, preload_postgresql
from bench.programs import Environment, add_key, granian, program, settle_in
from bench.servers import Broker, broker, database
from tests.engines import PostgreSQL

PACE = 50  # dossiers a second of the paced rounds
PACED_SECONDS = 20
WARM_SECONDS = 5  # a process that has just started opens its connections and reads its tables: one second of that would be the whole p95
CLAIMED = 16  # lanes in one taking, as a courier with the shipped settings takes them
ROUNDS = 4  # the two ledgers of the growth figures are measured turn and turn about, so often; even, so that each is as often the first
BACKLOG = 1_000_000  # backlogs are numbered from here


@dataclass(frozen=True)
class Figure:
    """One measurement. `rate` a second; `gateway`, `database` and `broker` are CPU seconds per 1,000; waits in milliseconds."""

    name: str
    rate: float
    gateway: float | None = None
    database: float | None = None
    broker: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    p99_ms: float | None = None


@dataclass
class Place:
    """One ledger with a home of its own."""

    name: str
    url: str
    environment: Environment
    address: str
    header: str
    backlog: int = BACKLOG


class EngineBench:
    def __init__(self, messages: int, connections: int, loaded: int, nodes: int, workers: Sequence[int]) -> None:
        self.messages, self.loaded, self.nodes, self.workers = messages, loaded, nodes, workers
        self.folder = Path(tempfile.mkdtemp(prefix="lt-bench-"))
        self.measured: dict[str, list[Figure]] = {}
        self.figures: dict[str, Figure] = {}
        self.ratios: dict[str, float] = {}
        self.sender = Sender(self.folder, connections)
        self.servers: tuple[PostgreSQL, Broker]
        self.portal: Portal

    def run(self) -> dict[str, Any]:
        """Everything, in one run. Gives figures and ratios."""
        try:
            with database() as server, broker(self.nodes) as rabbit, ExitStack() as stack:
                self.servers = server, rabbit
                sink = free_port()
                stack.enter_context(granian("bench.sink:portal", sink))
                self.portal = Portal(sink)
                empty = self.place("empty", sink)
                self.floors(empty)
                self.measure(empty)
                if self.loaded:
                    self.grow(empty, self.place("loaded", sink))
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return {"figures": [asdict(f) for f in self.figures.values()], "ratios": self.ratios}

    def place(self, name: str, sink: int) -> Place:
        server, rabbit = self.servers
        server.execute(f"CREATE DATABASE {name} TEMPLATE pattern")
        web, home = free_port(), self.folder / name
        more = {"LIENTHONG_LEDGER": server.url(name)}
        environment = settle_in(home, web, sink, **more, LIENTHONG_CHANNEL="rabbitmq" if self.nodes else "filesystem")
        settings = home / "config" / "gateway.toml"
        if self.nodes:
            settings.write_text(
                re.sub("(?m)^addresses = .*$", f"addresses = {json.dumps(rabbit.addresses)}", settings.read_text())
            )
        key = add_key(environment)
        return Place(name, server.url(name), environment, f"http://127.0.0.1:{web}", key)

    # ── floors ──────────────────────────────────────────────────────────────────────────────────────────────────

    def floors(self, place: Place) -> None:
        for connections in (1, 16):
            name = f"floor: commits, {connections} connection{'s' * (connections > 1)}"
            self.note(Figure(name, floors.commits(place.url, connections, self.messages)))
        if self.nodes:
            address = self.servers[1].addresses[0]
            self.note(Figure("floor: confirms, many under way", confirms(address, 5 * self.messages)))
            self.note(Figure("floor: confirms, one by one", one_by_one(address, self.messages)))
        sent = floors.answers(self.sender, self.messages)
        self.note(
            Figure(
                "floor: http",
                self.messages / sent.seconds,
                p50_ms=sent.p50_ms,
                p95_ms=sent.p95_ms,
                p99_ms=sent.p99_ms,
            )
        )

    # ── one ledger ──────────────────────────────────────────────────────────────────────────────────────────────

    def measure(self, place: Place) -> None:
        """Accept; then deliver, paced and through with each number of workers."""
        for workers in self.workers:
            self.accept(place)
            self.deliver(place, workers)
        for workers in self.workers:
            self.paced(place, workers)
            self.through(place, workers)
        for name in ("http", "commits, 1 connection", "commits, 16 connections"):
            self.ratios[f"accept / {name}"] = self.figures["accept"].rate / self.figures[f"floor: {name}"].rate
        for workers in self.workers[1:]:
            one, more = self.figures[_of("deliver", self.workers[0])], self.figures[_of("deliver", workers)]
            self.ratios[f"deliver with {workers} workers / {self.workers[0]}"] = more.rate / one.rate

    def accept(self, place: Place) -> None:
        with self.web(place) as web:
            meters = self.meters(web)
            sent = self.sender.send(self.messages, f"{place.address}/api/v1/dossiers", [place.header])
            self.note(
                Figure(
                    "accept", self.messages / sent.seconds, **meters(), **_waits(sent.p50_ms, sent.p95_ms, sent.p99_ms)
                )
            )

    def deliver(self, place: Place, workers: int) -> None:
        """What was accepted warms the workers up; then a backlog appears at once, and the clock's sweep tells them of it."""
        with self.work(place, workers) as working, program(place.environment, "clock", ready=True) as clock:
            self.portal.wait(self.messages, *working, clock)
            self.add_backlog(place, self.messages)
            self.portal.wait(1, *working, clock)
            meters, begun = self.meters(*working), time.perf_counter()
            self.portal.wait(self.messages - 1, *working, clock)
            self.note(Figure(_of("deliver", workers), self.messages / (time.perf_counter() - begun), **meters()))

    def paced(self, place: Place, workers: int) -> None:
        self.both(place, workers, f"paced {PACE}/s", PACE * PACED_SECONDS, rate=PACE)

    def through(self, place: Place, workers: int) -> None:
        self.both(place, workers, "through", self.messages, rate=0)

    def both(self, place: Place, workers: int, name: str, messages: int, rate: float) -> None:
        """Web, workers and clock at once, until the last one arrived; waits are from accept to delivered."""
        with (
            self.web(place) as web,
            self.work(place, workers) as working,
            program(place.environment, "clock", ready=True) as clock,
        ):
            time.sleep(2)  # their first look at an empty ledger is no part of it
            before = _newest(place)
            meters, begun = self.meters(web, clock, *working), time.perf_counter()
            self.sender.send(messages, f"{place.address}/api/v1/dossiers", [place.header], rate=rate)
            self.portal.wait(messages, web, clock, *working)
            seconds, spent = time.perf_counter() - begun, meters(messages)
        self.note(Figure(_of(name, workers), messages / seconds, **spent, **_waits(*_delivered_in(place, before))))

    # ── growth ──────────────────────────────────────────────────────────────────────────────────────────────────

    def grow(self, empty: Place, loaded: Place) -> None:
        """The same on a ledger that has carried `loaded` messages; accepts, takings and settlings of the two turn and turn about."""
        self.say(f"writing {self.loaded:,} delivered messages into a ledger")
        preload_postgresql(loaded.url, self.loaded)
        rounds: dict[str, list[dict[str, float]]] = {"empty": [], "loaded": []}
        for number in range(ROUNDS):
            for place in (empty, loaded) if number % 2 == 0 else (loaded, empty):
                rounds[place.name].append(self.one_round(place))
        for what in rounds["empty"][0]:
            was, now = (statistics.median(r[what] for r in rounds[name]) for name in ("empty", "loaded"))
            self.say(f"{what}: {was:.2f} ms empty, {now:.2f} ms with {self.loaded:,}")
            self.ratios[f"{what} with {self.loaded:,} / empty"] = now / was

    def one_round(self, place: Place) -> dict[str, float]:
        door = f"{place.address}/api/v1/dossiers"
        with self.web(place):
            warm = self.sender.send(PACE * WARM_SECONDS, door, [place.header], rate=PACE)
            sent = self.sender.send(PACE * PACED_SECONDS, door, [place.header], rate=PACE)
        with self.work(place, 1) as working:
            self.portal.wait(warm.messages + sent.messages, *working)
        claimed = self.claim(place, self.messages)
        return {
            "accept p50": sent.p50_ms,
            "accept p95": sent.p95_ms,
            **{f"{w} p{p}": percentile(claimed[f"{w}s"], p) for w in ("take", "settle") for p in (50, 95)},
        }

    def add_backlog(self, place: Place, dossiers: int) -> None:
        add_backlog(place.url, dossiers, place.backlog)
        place.backlog += dossiers

    def claim(self, place: Place, dossiers: int) -> dict[str, Any]:
        """A backlog of so many lanes, taken and settled by one process that calls nobody."""
        self.add_backlog(place, dossiers)
        order = {"ledger": place.url, "most": CLAIMED}
        done = subprocess.run(
            [sys.executable, "-m", "bench.claims"],
            input=json.dumps(order) + "\n",
            env=dict(place.environment),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        result: dict[str, Any] = json.loads(done.stdout)
        assert result["lanes"] == dossiers
        return result

    # ── parts ───────────────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def web(self, place: Place) -> Iterator[subprocess.Popen[bytes]]:
        with program(place.environment, "web", ready=True) as process:
            wait_for(f"{place.address}/readyz")
            yield process

    @contextmanager
    def work(self, place: Place, workers: int) -> Iterator[list[subprocess.Popen[bytes]]]:
        with ExitStack() as stack:
            yield [stack.enter_context(program(place.environment, "work", ready=True)) for _ in range(workers)]

    def meters(self, *processes: subprocess.Popen[bytes]) -> Callable[..., dict[str, float]]:
        """Call what it gives at the end: CPU seconds per 1,000 since now, of these processes, of the database and of the broker."""
        server, rabbit = self.servers
        pids = {"gateway": [p.pid for p in processes], "database": [server.pid], "broker": list(rabbit.pids)}
        meters = {name: CpuMeter(*some) for name, some in pids.items() if some}

        def spent(messages: int = self.messages) -> dict[str, float]:
            return {name: 1000 * meter.spent() / messages for name, meter in meters.items()}

        return spent

    def note(self, figure: Figure) -> None:
        """Of a figure measured more than once, the one with the middle rate is told."""
        several = self.measured.setdefault(figure.name, [])
        several.append(figure)
        self.figures[figure.name] = sorted(several, key=lambda one: one.rate)[len(several) // 2]
        told = {k: v for k, v in asdict(figure).items() if v is not None and k not in ("name", "rate")}
        self.say(f"{figure.name}: {figure.rate:,.0f}/s  " + "  ".join(f"{k} {v:.2f}" for k, v in told.items()))

    def say(self, words: str) -> None:
        print(f"  {words}", file=sys.stderr, flush=True)


def _of(name: str, workers: int) -> str:
    return f"{name}, {workers} worker{'s' * (workers > 1)}"


def _waits(p50: float, p95: float, p99: float) -> dict[str, float]:
    return {"p50_ms": p50, "p95_ms": p95, "p99_ms": p99}


def _newest(place: Place) -> int:
    with psycopg.connect(plain(place.url)) as connection:
        (newest,) = connection.execute("SELECT coalesce(max(seq), 0) FROM messages").fetchone() or (0,)
    return int(newest)


_WAITS = """
SELECT percentile_disc(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY 1000 * extract(epoch FROM ended_at - created_at))
FROM deliveries WHERE message_seq > %s
"""


def _delivered_in(place: Place, after: int) -> Sequence[float]:
    """Milliseconds from accepted to delivered, p50, p95 and p99, of the messages numbered above `after`."""
    with psycopg.connect(plain(place.url)) as connection:
        (waits,) = connection.execute(_WAITS, [after]).fetchone() or ([],)
    return [float(wait) for wait in waits]
