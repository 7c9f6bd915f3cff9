"""A province in small, all of it real: PostgreSQL, a RabbitMQ cluster, two web, three work and two clock processes, partners outside.

A fault starts the load, does its harm, and asks for the judgement: every receipt is in the ledger, the laws hold, the partners' books equal
the ledger. Ports, passwords and the moments of the kernel differ from run to run; what is drawn comes from the seed.
"""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import signal
import socket
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from gateway.http import Http
from tests.brokers import Cluster, find_rabbitmq
from tests.e2e.town import (
    Sender,
    Town,
)
from tests.faults.agency import Agency
from tests.faults.database import Database, address
from tests.faults.processes import Process, make_pipe
from tests.faults.small_disk import SmallDisk, may_mount
from tests.faults.table import Absent
from tests.faults.trial import Load, Trial

KINDS = ("web", "work", "clock")
DISK_BYTES = 1 << 30  # the database's; the longest run fills a quarter of it

BUS = """id = "bus"
name = "Trục sự kiện hồ sơ"
name_en = "Dossier events"
connector = "amqp_events"
reads = "none"
"""


class Province:
    """Started when made. One for all faults of a run: each is judged by itself, and a province found damaged is given up."""

    def __init__(self) -> None:
        if find_rabbitmq() is None:
            raise Absent("RabbitMQ's server is not installed: `make test` installs it")
        self.folder = Path(tempfile.mkdtemp(prefix="lt-faults-"))
        self.folder.chmod(0o755)  # the database runs as another user
        self.lifeline = make_pipe()  # when we are gone, however we went, the gateway's processes end
        self._places = itertools.count(1)
        self.disk = SmallDisk(self.folder / "disk", DISK_BYTES) if may_mount() else None
        self.database = Database(self.place())
        self.cluster = Cluster(3)
        self.database.make()
        self.town = Town(self.folder / "home", address([("127.0.0.1", self.database.port)]))
        self._speak_amqp()
        self.town.run("db", "upgrade")
        self.key = self.town.add_key()
        self.door = socket.create_server(("127.0.0.1", 0), backlog=1024)  # held open as systemd holds it, for both webs
        self.port: int = self.door.getsockname()[1]
        self.crew = [
            self._process("web1", "web", given=self.door),
            self._process("web2", "web", given=self.door),
            self._process("work1", "work"),
            self._process("work2", "work", "--only", "portal"),
            self._process("work3", "work", "--except", "portal"),
            self._process("clock1", "clock"),
            self._process("clock2", "clock"),
        ]
        self.damaged = False
        self.numbers = itertools.count(1)
        self.posted = 0
        self.town.file_dossiers(range(1, 60_000))
        for connector in self.town.twins:  # calls that take a while are met in the middle
            Http(base_url=self.town.urls[connector]).call(
                "POST", "/_twin/chaos", json={"slow": 0.5, "slow_seconds": 0.2}
            )
        self.start()
        self.agency = Agency("one-stop", self.cluster.addresses(), lambda: next(self.numbers))

    def place(self) -> Path | None:
        """Where a server of the database is to keep its files: on the small disk if there is one."""
        return self.disk.folder / f"database{next(self._places)}" if self.disk else None

    def _speak_amqp(self) -> None:
        self.broker_names = [f"LT_BROKER_{i + 1}" for i in range(len(self.cluster.nodes))]
        self.town.environment |= dict(zip(self.broker_names, self.cluster.addresses(), strict=True))
        file = self.town.home / "config" / "gateway.toml"
        text = file.read_text(encoding="utf-8")
        old = 'addresses = ["amqp://guest:guest@127.0.0.1:5672/%2F"]'
        assert old in text
        file.write_text(text.replace(old, f"addresses = {[f'env:{n}' for n in self.broker_names]}"), encoding="utf-8")
        self.town.environment["LIENTHONG_CHANNEL"] = "rabbitmq"
        for name, more in (
            ("partners/one-stop.toml", '\n[amqp]\ninbox = true\nevents = ["dossier.#"]\n'),
            ("partners/bus.toml", BUS),
            ("routes.toml", '\n[[route]]\nname = "Trục sự kiện"\nwhen = {}\nto = ["bus"]\n'),
        ):
            with (self.town.home / "config" / name).open("a", encoding="utf-8") as config:
                config.write(more)

    def _process(self, name: str, *arguments: str, given: socket.socket | None = None) -> Process:
        return Process(name, arguments, self.town.environment, self.folder / f"{name}.log", given)

    # ── its processes ───────────────────────────────────────────────────────────────────────────────────────────

    def start(self, more: Mapping[str, str] = {}) -> None:
        """All of them, with `more` in their environment."""
        for process in self.crew:
            process.start(self.lifeline[0], more)
        for process in self.crew:
            process.wait_ready()

    def restart(self, more: Mapping[str, str] = {}) -> None:
        self.end()
        self.start(more)

    def move(self, ledger: str) -> None:
        """Another address of the same ledger: the processes take it up one by one, under load."""
        self.town.ledger_url = ledger
        self.town.environment["LIENTHONG_LEDGER"] = ledger
        self.roll()

    def roll(self) -> None:
        """A new process for every old one: started, ready, and only then is the old one told to end. One of each kind at a time."""
        with ThreadPoolExecutor(len(KINDS)) as hands:
            for done in [hands.submit(self._roll_kind, kind) for kind in KINDS]:
                done.result()

    def _roll_kind(self, kind: str) -> None:
        for place, old in enumerate(self.crew):
            if old.kind == kind:
                new = self.crew[place] = old.twin()
                new.start(self.lifeline[0])
                new.wait_ready()
                code = old.end()
                assert code == 0, f"{old.name} ended with code {code}"

    def end(self) -> None:
        for process in self.crew:
            process.send(signal.SIGTERM)
        for process in self.crew:
            process.end()

    def of_kind(self, kind: str) -> list[Process]:
        return [process for process in self.crew if process.kind == kind]

    # ── a fault, and its judgement ──────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def trial(self, threads: int = 3, pause: float = 0.7) -> Iterator[Trial]:
        """Under load while the block runs; `judge` it afterwards."""
        sender = Sender([self.port], self.key, patience=180)
        trial = Trial(self, sender, Load(sender, self.numbers, threads, pause))
        try:
            yield trial
        finally:
            trial.stop()

    def complaints(self) -> Counter[str]:
        """What the logs tell that no fault from outside may bring about: an error nobody expected, transactions that wait for each other."""
        found: Counter[str] = Counter()
        for log in self.folder.glob("*.log"):
            found[f"{log.name}: a traceback"] = _count(log, "Traceback (most recent call last)")
        found["the database: a deadlock"] = _count(self.database.folder / "log", "ERROR:  deadlock detected")
        return found

    def close(self) -> None:
        self.agency.close()
        os.close(self.lifeline[1])
        for process in self.crew:
            process.kill()
        os.close(self.lifeline[0])
        self.door.close()
        self.town.close()
        self.cluster.close()
        self.database.close()
        if self.disk:
            self.disk.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _count(log: Path, words: str) -> int:
    return log.read_text(encoding="utf-8", errors="replace").count(words)


_shared: list[Province] = []


def province() -> Province:
    """The one province of this run, started when first asked for; a new one when that was found damaged."""
    if _shared and _shared[0].damaged:
        give_up()
    if not _shared:
        _shared.append(Province())
        atexit.register(give_up)
    return _shared[0]


def give_up() -> None:
    """Close it."""
    while _shared:
        _shared.pop().close()
