"""The ledger as a state machine: whatever partners, crashes and clocks do, nothing is lost, doubled or out of order."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import select

from gateway.config import Config, default_folder
from gateway.errors import AskFirst, Rejected, TryLater
from gateway.flow.gateway import Gateway
from gateway.ledger import lanes
from gateway.ledger.conservation import conserve
from gateway.ledger.people import retry
from gateway.ledger.schema import upgrade
from gateway.ledger.tables import deliveries, messages
from tests.conftest import Time
from tests.house import House, dossier, plain_config, status

BEHAVIOUR = st.sampled_from(
    [
        None,
        None,
        TryLater("busy"),
        AskFirst("timeout"),
        ("then", AskFirst("timeout after the deed")),
        Rejected("no"),
        RuntimeError("bug"),
    ]
)


class Ledger(RuleBasedStateMachine):
    @initialize()
    def open(self) -> None:
        self.home = Path(tempfile.mkdtemp(prefix="lt-machine-"))
        shutil.copytree(default_folder(), self.home / "config")
        plain_config(self.home / "config")
        url = f"sqlite:///{self.home / 'ledger.db'}"
        upgrade(url)
        config = Config(self.home)
        config.settings = config.settings.model_copy(update={"ledger": url, "data": self.home / "data"})
        self.time = Time()
        self.house = House(Gateway(self.home, now=self.time, config=config))
        self.portal = self.house.partners["portal"]
        self.sent: dict[str, list[str]] = {}
        self.minute = 0

    @rule(number=st.integers(1, 4))
    def submit(self, number: int) -> None:
        receipt = self.house.accept("one-stop", dossier(number))
        if not receipt.repeated:
            self.sent.setdefault(receipt.dossier, []).append(receipt.id)

    @rule(number=st.integers(1, 4), code=st.integers(1, 10))
    def move(self, number: int, code: int) -> None:
        if dossier(number)["dossier"] in self.sent:
            self.minute += 1
            receipt = self.house.accept("one-stop", status(number, code, self.minute % 25, id=f"s{self.minute}"))
            if receipt.held is None:
                self.sent[receipt.dossier].append(receipt.id)

    @rule(script=st.lists(BEHAVIOUR, max_size=6))
    def work(self, script: list) -> None:
        self.portal.script = list(script)
        self.house.work("portal")
        self.portal.script = []

    @rule(most=st.integers(1, 4))
    def crash_after_taking(self, most: int) -> None:
        with self.house.gateway.ledger.write() as connection:
            lanes.take(connection, "portal", most, worker="killed", now=self.time(), lease_seconds=60)

    @rule(seconds=st.sampled_from([1, 61, 4000, 90_000]))
    def wait(self, seconds: int) -> None:
        self.time.move(seconds=seconds)

    @rule()
    def a_person_retries_what_is_parked(self) -> None:
        with self.house.gateway.ledger.read() as connection:
            parked = connection.execute(select(deliveries.c.id).where(deliveries.c.state == "parked")).scalars().all()
        with self.house.gateway.ledger.write() as connection:
            for delivery in parked:
                retry(connection, delivery, who="test", reason="thử lại", now=self.time())

    @invariant()
    def effects_are_a_prefix_in_order_each_once(self) -> None:
        if hasattr(self, "portal"):
            for code, ids in self.sent.items():
                told = self.portal.keys(code)
                assert told == ids[: len(told)]

    @invariant()
    def the_ledger_conserves(self) -> None:
        if hasattr(self, "house"):
            with self.house.gateway.ledger.read() as connection:
                assert conserve(connection) == []

    def teardown(self) -> None:
        if not hasattr(self, "house"):
            return
        for _ in range(60):  # however it began, in the end all of it arrives
            self.time.move(days=2)
            self.a_person_retries_what_is_parked()
            self.house.work("portal")
            with self.house.gateway.ledger.read() as connection:
                if not connection.execute(select(deliveries.c.id).where(deliveries.c.ended_at.is_(None))).first():
                    break
        self.effects_are_a_prefix_in_order_each_once()
        assert {c: self.portal.keys(c) for c in self.sent} == self.sent
        with self.house.gateway.ledger.read() as connection:
            assert len(connection.execute(select(messages.c.seq)).all()) >= sum(map(len, self.sent.values()))
        self.house.gateway.close()
        shutil.rmtree(self.home)


Ledger.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
TestLedger = Ledger.TestCase
