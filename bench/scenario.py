"""`lienthong bench scenario FILE`: a published half-year through the whole gateway and its twins, and then its figures again.

One process: messages are accepted in batches, couriers deliver them in threads, twins answer over loopback HTTP. The clock is simulated: it
stands at the end of a day until everything of that day has arrived, and then jumps to the next.
"""

from __future__ import annotations

import csv
import json
import os
import shutil
import tempfile
import threading
import time as clock
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from bench.cases import Case, invent
from bench.figures import Figure, Scenario, compare, read_scenario
from bench.telling import PAPER, Body, Teller, by_day
from gateway.canonical.scalars import HANOI
from gateway.cli.books import compare as compare_books
from gateway.cli.trial import find_simulator
from gateway.config import default_folder
from gateway.dossiers.statistics import Statistics, gather_statistics
from gateway.errors import Refused
from gateway.flow.accept import Acceptance
from gateway.flow.clock import Clock
from gateway.flow.deliver import Courier
from gateway.flow.gateway import Gateway
from gateway.ledger import queries
from gateway.ledger.conservation import conserve
from gateway.ledger.queries import Reader
from gateway.ledger.schema import upgrade
from gateway.ports import Submission, Ticket
from gateway.simulation import Serve

BATCH = 200
LOOK, PATIENCE = 0.05, 8_000  # seconds between two looks at what waits; looks in a row without any change
TWINS = {"portal": "mapi", "vnpost": "vnpost_hcc", "one-stop": "one_stop_rest"}
ACCOUNTS = {
    "mapi": {"username": "tinh", "password": "thu"},
    "vnpost_hcc": {"customer_key": "thu", "customer_secret": "thu", "customer_code": "C0001"},
    "one_stop_rest": {"key": "thu"},
}
EVERYBODY = Reader("", "all")
Say = Callable[[int, int, str], None]
"""Told of progress: dossiers done, dossiers in all, the day."""


class SimulatedTime:
    """Stands at a moment, and runs on from it as real time does until it is put elsewhere."""

    def __init__(self) -> None:
        self.put(datetime(2000, 1, 1, tzinfo=HANOI))

    def put(self, at: datetime) -> None:
        self._at, self._since = at, clock.monotonic()

    def __call__(self) -> datetime:
        return self._at + timedelta(seconds=clock.monotonic() - self._since)


class Bells:
    """The channel within one process: a ring goes straight to the courier."""

    def __init__(self) -> None:
        self.couriers: dict[str, Courier] = {}

    def ring(self, destination: str) -> None:
        self.couriers[destination].ring()

    def listen(self, destinations: Sequence[str]) -> None:
        """Nothing to do: couriers are rung."""

    def take(self, timeout: float) -> Ticket | None:
        clock.sleep(timeout)
        return None

    def done(self, ticket: Ticket) -> None:
        """Nothing to do."""

    def close(self) -> None:
        """Nothing to do."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run found. `differences`: what breaks a law of the ledger, or where a twin's book differs from it."""

    dossiers: int
    messages: int
    deliveries: int
    seconds: float
    statistics: Statistics
    statistics_seconds: float
    figures: list[Figure]
    differences: list[str] = field(default_factory=list)

    @property
    def well(self) -> bool:
        return not self.differences and all(figure.same for figure in self.figures)


def run(file: Path, *, ledger: str = "", say: Say = lambda done, of, day: None) -> Result:
    """Plays the scenario. `ledger`: an SQLAlchemy address; empty: SQLite in a folder that is removed at the end."""
    scenario = read_scenario(file)
    cases = invent(scenario)
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lt-scenario-")))
        province = stack.enter_context(_open(home, scenario, ledger))
        begun = clock.perf_counter()
        province.play(cases, say)
        return province.result(cases, clock.perf_counter() - begun)


@contextmanager
def _open(home: Path, scenario: Scenario, ledger: str) -> Iterator[Province]:
    """The twins, the gateway between them, and its couriers at work."""
    settle_in(home, scenario)
    with ExitStack() as stack:
        twins = {}
        for partner, connector in TWINS.items():
            serve = Serve(find_simulator(connector)(ACCOUNTS[connector]))
            serve.start()
            stack.callback(serve.stop)
            twins[partner] = serve
        stack.enter_context(environment(_addresses(twins)))
        url = ledger or f"sqlite:///{home / 'lienthong.db'}"
        stack.enter_context(environment({"LIENTHONG_LEDGER": url}))
        upgrade(url)
        bells, at = Bells(), SimulatedTime()
        gateway = Gateway(home, now=at, channel=bells)
        stack.callback(gateway.close)
        province = Province(scenario, gateway, at, bells, twins)
        stack.callback(province.stop)
        yield province


def settle_in(home: Path, scenario: Scenario) -> None:
    """The shipped configuration with the scenario's agencies, and a post that is asked when we ask it."""
    shutil.copytree(default_folder(), home / "config")
    with (home / "config" / "codelists" / "organisations.csv").open("w", encoding="utf-8", newline="") as out:
        table = csv.writer(out, lineterminator="\n")
        address = ["02350000000", "Số 1 đường Trung Tâm", scenario.invented.province]
        columns = "code,name,level,postal_name,postal_phone,postal_address,postal_province,from,until"
        table.writerow(columns.split(","))
        for name, code in scenario.codes().items():
            table.writerow([code, name, "province", name, *address, "", ""])
    post = home / "config" / "partners" / "vnpost.toml"
    post.write_text(post.read_text(encoding="utf-8").replace("[settings]", "[settings]\nlag = 0"), encoding="utf-8")


def _addresses(twins: dict[str, Serve]) -> dict[str, str]:
    post, account = twins["vnpost"].url, ACCOUNTS["vnpost_hcc"]
    return {
        "LIENTHONG_ONE_STOP_URL": twins["one-stop"].url,
        "LIENTHONG_ONE_STOP_KEY": ACCOUNTS["one_stop_rest"]["key"],
        "LIENTHONG_PORTAL_URL": twins["portal"].url,
        "LIENTHONG_PORTAL_USERNAME": ACCOUNTS["mapi"]["username"],
        "LIENTHONG_PORTAL_PASSWORD": ACCOUNTS["mapi"]["password"],
        **{
            f"LIENTHONG_VNPOST_{name}_URL": f"{post}/{name.lower()}"
            for name in ("TOKEN", "ORDER", "CANCEL", "TRACKING")
        },
        "LIENTHONG_VNPOST_KEY": account["customer_key"],
        "LIENTHONG_VNPOST_SECRET": account["customer_secret"],
        "LIENTHONG_VNPOST_CUSTOMER": account["customer_code"],
    }


@contextmanager
def environment(more: dict[str, str]) -> Iterator[None]:
    """These variables while the block runs."""
    before = {name: os.environ.get(name) for name in more}
    os.environ.update(more)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


class Province:
    """The gateway among its twins, played day by day."""

    def __init__(
        self, scenario: Scenario, gateway: Gateway, at: SimulatedTime, bells: Bells, twins: dict[str, Serve]
    ) -> None:
        self.scenario, self.gateway, self.at, self.twins = scenario, gateway, at, twins
        self.messages = 0
        self._clock = Clock(gateway)
        self._carried: set[str] = set()
        bells.couriers = {name: Courier(gateway, name) for name in TWINS}
        self._couriers = list(bells.couriers.values())
        self._threads = [threading.Thread(target=courier.run, daemon=True) for courier in self._couriers]
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        for courier in self._couriers:
            courier.stop()
        for thread in self._threads:
            thread.join()

    def play(self, cases: Sequence[Case], say: Say) -> None:
        rows = [row.values for row in self.gateway.codes.in_force("procedures", datetime.now(HANOI)).values()]
        teller = Teller(self.scenario, rows)
        days = list(by_day([told for case in cases for told in teller.tell(case)]))
        begun = 0
        for day, bodies in days:
            self.at.put(datetime.combine(day + timedelta(days=1), time(), HANOI))
            if not self.messages:
                self._keep(PAPER)
            new = [body["dossier"] for body in bodies if body["type"] == "DossierSubmitted"]
            self._act("one-stop", {"knows": new})
            self._post(day)
            for start in range(0, len(bodies), BATCH):
                self._accept(bodies[start : start + BATCH])
            self._until_quiet(day)
            begun += len(new)
            say(begun, len(cases), day.isoformat())

    def _keep(self, content: bytes) -> None:
        most = self.gateway.config.settings.web.file_bytes
        self.gateway.files.keep([content], media_type="text/plain", source="one-stop", now=self.at(), most=most)

    def _accept(self, bodies: Sequence[Body]) -> None:
        acceptance = Acceptance(self.gateway, self.gateway.config.partners["one-stop"])
        texts = [json.dumps(body, ensure_ascii=False).encode() for body in bodies]
        results = acceptance.many([Submission(b["id"], b, text) for b, text in zip(bodies, texts, strict=True)])
        for body, result in zip(bodies, results, strict=True):
            if isinstance(result, Refused) or result.held:
                raise RuntimeError(f"{body['id']} was not taken: {result}")
        self.messages += len(bodies)

    def _post(self, day: date) -> None:
        """What the post took on earlier days it delivers this morning, and the gateway reads its feed."""
        with self.twins["vnpost"].twin.lock:
            orders = [order["OrderNumber"] for order in self.twins["vnpost"].twin.book()["orders"]]
        morning = int(datetime.combine(day, time(9), HANOI).timestamp() * 1000)
        fresh = [order for order in orders if order not in self._carried]
        for order in fresh:
            wanted = {"order": order, "code": 4, "message": "Phát thành công", "time": morning}
            self._act("vnpost", {"event": wanted})
        self._carried.update(fresh)
        if fresh:
            self.messages += self._clock.poll("vnpost")

    def _act(self, partner: str, order: dict[str, Any]) -> None:
        twin = self.twins[partner].twin
        with twin.lock:
            twin.act(order)

    def _until_quiet(self, day: date) -> None:
        """Counted in looks, not seconds: the machine may have other things to do."""
        before, looks = -1, 0
        while True:
            with self.gateway.ledger.read() as connection:
                waiting = queries.backlogs(connection)
            if not waiting:
                return
            if any("parked" in backlog.counts for backlog in waiting.values()):
                raise RuntimeError(f"{day}: a delivery was parked: {waiting}")
            count = sum(sum(backlog.counts.values()) for backlog in waiting.values())
            before, looks = count, looks + 1 if count == before else 0
            if looks > PATIENCE:
                raise TimeoutError(f"{day}: not everything arrived: {waiting}")
            clock.sleep(LOOK)

    def result(self, cases: Sequence[Case], seconds: float) -> Result:
        begun = clock.perf_counter()
        statistics = self.ask(self.scenario.first, self.scenario.last)
        asked = clock.perf_counter() - begun
        books = {partner: serve.twin.book() for partner, serve in self.twins.items()}
        with self.gateway.ledger.read() as connection:
            differences = [str(finding) for finding in conserve(connection)]
            deliveries = sum(row.delivered for row in _destinations(connection))
        differences += compare_books(self.gateway.ledger, books)
        figures = compare(self.scenario, self.ask)
        return Result(len(cases), self.messages, deliveries, seconds, statistics, asked, figures, differences)

    def ask(self, first: date, last: date) -> Statistics:
        gateway = self.gateway
        return gather_statistics(
            gateway.ledger, gateway.config, gateway.codes, EVERYBODY, first, last, "agency", self.at()
        )


def _destinations(connection: Any) -> Sequence[Any]:
    from gateway.ledger import standing

    return standing.destinations(connection)
