"""`lienthong bench truth`: how fast the gateway finds out what is so.

Reconciliation: every dossier of a ledger is asked about at the portal's twin, which is wrong about some; the floor is the bare question. Reading:
`GET /dossiers/{code}` over HTTP and what `lienthong trace` reads, of random dossiers in ledgers of several sizes; the floor is `GET /healthz` of
the same server, and for `trace` the smallest ledger. Due dates: the clocks alone, and the gateway's way from a dossier's messages to its dates.
"""

from __future__ import annotations

import logging
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import structlog

from bench.dossiers import bench_dossier, dossier_code
from bench.machine import free_port, wait_for
from bench.preload import PATTERN, preload
from bench.programs import Environment, add_key, program, settle_in
from bench.scenario import environment
from bench.twin import twin
from bench.worktime import Bench as DueDates
from gateway.cli.trace import gather
from gateway.codes import CsvCodes
from gateway.config import Config, default_folder
from gateway.dossiers.differences import AGREES
from gateway.flow.gateway import Gateway, Setup
from gateway.flow.reckoning import Reckoner
from gateway.flow.reconcile import Reconciler, Unanswered
from gateway.http import Http
from gateway.ledger import Ledger, open_ledger
from gateway.message import Message

FEW = 1000  # messages in the ledger that the larger ones are held against
WRONG = 100  # every so many dossiers one is wrong at the twin
SOME = 2000  # bare questions
READS = 400  # dossiers read at each size
LIFE = ((2, 0), (4, 1), (5, 30), (4, 80), (9, 200))  # status, hours after the first


@dataclass(frozen=True)
class Figure:
    """`rate` a second, `cpu_ms` of this process for one; `p50_ms` and `p95_ms` of single ones; `ratio`: times the floor's time, 1 for itself."""

    name: str
    rate: float
    cpu_ms: float | None = None
    p50_ms: float | None = None
    p95_ms: float | None = None
    ratio: float = 1.0


class Bench:
    def __init__(self, dossiers: int, loaded: Sequence[int]) -> None:
        self.dossiers, self.loaded = dossiers, loaded
        self.folder = Path(tempfile.mkdtemp(prefix="lt-truth-"))
        self._few: Figure | None = None

    def run(self) -> dict[str, Any]:
        """Figures by group: reconciliation, reading, due dates."""
        structlog.configure(
            wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR)
        )  # each difference is a warning
        try:
            groups = {
                "due dates": list(due_dates()),
                "reconciliation": list(self.reconciliation()),
                "reading": [figure for size in (FEW, *self.loaded) for figure in self.reading(size)],
            }
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        return {name: [asdict(figure) for figure in figures] for name, figures in groups.items()}

    def say(self, words: str) -> None:
        print(f"  {words}", file=sys.stderr, flush=True)

    # ── reconciliation ──────────────────────────────────────────────────────────────────────────────────────────

    def reconciliation(self) -> Iterator[Figure]:
        """Raises `RuntimeError` when it finds more or fewer differences than there are."""
        home, wrong = self.folder / "home", self.dossiers // WRONG
        preload(home, self.dossiers)
        with twin(self.dossiers, wrong) as address:
            around = {**settle_in(home, free_port(), 9), "LIENTHONG_PORTAL_URL": address, "LIENTHONG_CHANNEL": "memory"}
            with environment(around), _gateway(home) as gateway:
                outbound: Any = gateway.outbound("portal")
                bare = [partial(outbound._client.look_up, code) for code in _codes(self.dossiers, SOME)]
                floor = _figure("floor: the bare question", bare)
                self.say(f"bare questions: {floor.rate:,.0f}/s")
                yield floor
                one, found, asked = Reconciler(gateway, "portal"), 0, 0
                begun, spent = time.perf_counter(), time.process_time()
                for answer in one.ask_all():
                    if isinstance(answer, Unanswered):
                        raise RuntimeError(f"{answer.dossier}: {answer.code}")
                    asked += 1
                    found += answer.finding.kind != AGREES
                    if asked % max(1, self.dossiers // 10) == 0:
                        self.say(f"asked {asked:,}, differ {found:,}: {asked / (time.perf_counter() - begun):,.0f}/s")
                rate, cpu_ms = asked / (time.perf_counter() - begun), 1000 * (time.process_time() - spent) / asked
        if (asked, found) != (self.dossiers, wrong):
            raise RuntimeError(f"{asked} asked of {self.dossiers}, {found} differences found of {wrong}")
        yield Figure(f"asked and compared, {asked:,} dossiers", rate, cpu_ms, ratio=floor.rate / rate)

    # ── reading ─────────────────────────────────────────────────────────────────────────────────────────────────

    def reading(self, messages: int) -> Iterator[Figure]:
        """Look-up and trace in a ledger of so many messages."""
        home, port = self.folder / f"loaded-{messages}", free_port()
        self.say(f"writing {messages:,} delivered messages into a ledger")
        preload(home, messages)
        around = settle_in(home, port, 9)
        codes = _codes(messages, READS)
        yield from self._look_up(messages, port, around, codes)
        with environment(dict(around)):
            config = Config(home)
            ledger = open_ledger(config.settings.ledger_url)
            floor = (
                "" if self._few else "floor: "
            )  # the smallest ledger's comes first, and the others are held against it
            jobs = [partial(trace, ledger, code, config) for code in codes]
            traced = _figure(f"{floor}trace, {messages:,} messages", jobs, self._few)
            ledger.close()
        self._few = self._few or traced
        self.say(f"{traced.name}: p95 {traced.p95_ms:.1f} ms")
        yield traced
        shutil.rmtree(home)

    def _look_up(self, messages: int, port: int, around: Environment, codes: Sequence[str]) -> Iterator[Figure]:
        name, value = add_key(around).split(": ", 1)
        with program(around, "web"):
            wait_for(f"http://127.0.0.1:{port}/readyz")
            http = Http(base_url=f"http://127.0.0.1:{port}", headers={name: value})

            def ask(path: str) -> None:
                reply = http.call("GET", path)
                if reply.status != 200:
                    raise RuntimeError(f"GET {path}: HTTP {reply.status}: {reply.excerpt()}")

            floor = _figure(f"floor: GET /healthz, {messages:,} messages", [partial(ask, "/healthz")] * len(codes))
            asking = [partial(ask, f"/api/v1/dossiers/{code}") for code in codes]
            figure = _figure(f"GET /dossiers/{{code}}, {messages:,} messages", asking, floor)
        self.say(f"{figure.name}: p50 {figure.p50_ms:.1f} ms, p95 {figure.p95_ms:.1f} ms")
        yield floor
        yield figure


def trace(ledger: Ledger, code: str, config: Config) -> None:
    """As the command does it, which reads the operator's files each time."""
    gather(ledger, code, Setup(config))


# ── due dates ───────────────────────────────────────────────────────────────────────────────────────────────────


def due_dates() -> Iterator[Figure]:
    """The clocks' own figures, and those of the gateway's way to them, against adding a plain timedelta."""
    figures = [Figure(one["name"], one["rate"], ratio=one["ratio"]) for one in DueDates().run()["figures"]]
    yield from figures
    floor = next(one for one in figures if one.name == "plain timedelta")
    config = Config(default_folder().parent)
    reckoner = Reckoner(config, CsvCodes(config.folder / "codelists"))
    told, now = _messages(), datetime(2026, 3, 1, tzinfo=UTC)
    spent = min(_cpu(lambda: reckoner.reckon(told, now)) for _ in range(5))
    yield Figure("three clocks, from a dossier's messages", 1 / spent, ratio=spent * floor.rate)


def _messages() -> list[Message]:
    """A dossier's life: its submission and four moves."""
    first, body = datetime(2026, 1, 5, 2, 30, tzinfo=UTC), bench_dossier(PATTERN)
    told = []
    for seq, (status, hours) in enumerate(LIFE, 1):
        at = first + timedelta(hours=hours)
        kind, said = ("DossierSubmitted", body) if seq == 1 else ("StatusChanged", {"status": status})
        told.append(Message(seq, f"m{seq}", "one-stop", f"s{seq}", kind, body["dossier"], at, at, said))
    return told


def _cpu(job: Callable[[], Any], rounds: int = 300) -> float:
    """CPU seconds of one."""
    begun = time.process_time()
    for _ in range(rounds):
        job()
    return (time.process_time() - begun) / rounds


# ── measuring ───────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _gateway(home: Path) -> Iterator[Gateway]:
    made = Gateway(home)
    try:
        yield made
    finally:
        made.close()


def _codes(dossiers: int, many: int) -> list[str]:
    """Random ones of a preloaded ledger."""
    dice = random.Random(dossiers)
    return [dossier_code(PATTERN + dice.randrange(dossiers)) for _ in range(many)]


def _figure(name: str, jobs: Sequence[Callable[[], Any]], floor: Figure | None = None) -> Figure:
    """Each job's wait, after a tenth of them unmeasured."""
    for job in jobs[: len(jobs) // 10]:
        job()
    waits, spent = [], time.process_time()
    for job in jobs:
        begun = time.perf_counter()
        job()
        waits.append(time.perf_counter() - begun)
    cpu_ms = 1000 * (time.process_time() - spent) / len(jobs)
    ordered = sorted(waits)
    p50, p95 = (1000 * ordered[len(ordered) * share // 100] for share in (50, 95))
    ratio = p50 / floor.p50_ms if floor is not None and floor.p50_ms else 1.0
    return Figure(name, len(waits) / sum(waits), cpu_ms, p50, p95, ratio)
