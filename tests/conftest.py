"""What every test may ask for: a ledger on either engine, a house (a gateway with in-memory partners), a clock that a test moves."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import root
from gateway.config import default_folder
from gateway.flow.gateway import Gateway
from gateway.ledger.schema import upgrade
from gateway.message import utc_now
from tests.brokers import Cluster, find_rabbitmq
from tests.engines import PostgreSQL, find_postgresql
from tests.house import ADDRESSES, House, plain_config


@pytest.fixture(autouse=True)
def closed_gateways() -> Iterator[None]:
    """A gateway that a test or its command leaves open reads a database's clock for ever, and writes its log into another test's output."""
    before = _clocks()
    yield
    left = _clocks() - before
    for clock in left:
        clock.join(timeout=1)  # one that is just being closed
    assert not any(clock.is_alive() for clock in left), "a gateway was not closed"


@pytest.fixture(autouse=True)
def no_width(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables are of the width that a file gets: tests in parallel have 80 columns in their environment, a developer's shell its own."""
    monkeypatch.delenv("COLUMNS", raising=False)


def _clocks() -> set[threading.Thread]:
    return {thread for thread in threading.enumerate() if thread.name == "time"}


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[PostgreSQL]:
    binaries = find_postgresql()
    if binaries is None:
        if os.environ.get("LIENTHONG_CI"):
            pytest.fail("no PostgreSQL server is installed, and this run must have one")
        pytest.skip("no PostgreSQL server is installed: `make test` installs it")
    server = PostgreSQL(binaries)
    yield server
    server.stop()


def _need_rabbitmq() -> None:
    if find_rabbitmq() is None:
        if os.environ.get("LIENTHONG_CI"):
            pytest.fail("no RabbitMQ server is installed, and this run must have one")
        pytest.skip("no RabbitMQ server is installed: `make test` installs it")


@pytest.fixture(scope="session")
def rabbitmq_server() -> Iterator[Cluster]:
    """One broker for the run. A test that stops or starves it must leave it well."""
    _need_rabbitmq()
    server = Cluster(1, secure=True)
    yield server
    server.close()


@pytest.fixture(scope="session")
def rabbitmq_cluster() -> Iterator[Cluster]:
    """Three brokers for the run. A test that kills one must start it again."""
    _need_rabbitmq()
    cluster = Cluster(3)
    yield cluster
    cluster.close()


@pytest.fixture
def rabbitmq_url(rabbitmq_server: Cluster) -> Iterator[str]:
    """The address of a fresh virtual host."""
    with rabbitmq_server.vhost() as vhost:
        yield rabbitmq_server.addresses(vhost)[0]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def ledger_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a fresh ledger; a test that asks for it runs on both engines."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'ledger.db'}"
        upgrade(url)
        yield url
    else:
        with request.getfixturevalue("postgresql_server").database() as url:
            yield url


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    upgrade(url)
    return url


class Time:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 1, 5, 9, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **by: float) -> None:
        self.at += timedelta(**by)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment that the shipped partner files ask for; nothing listens there."""
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def make_house(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], House]]:
    """Houses on the ledger at a given address; partners are in memory and no mapping is used."""
    opened: list[House] = []

    def make(url: str) -> House:
        home = tmp_path / f"home{len(opened)}"
        shutil.copytree(default_folder(), home / "config")
        plain_config(home / "config")
        monkeypatch.setenv("LIENTHONG_LEDGER", url)
        house = House(Gateway(home, now=time))
        opened.append(house)
        return house

    yield make
    for house in opened:
        house.gateway.close()


@pytest.fixture
def house(make_house: Callable[[str], House], ledger_url: str) -> House:
    return make_house(ledger_url)


Run = Callable[..., Result]
"""A command of `lienthong` in the house, said by lan."""


@pytest.fixture
def run(house: House, time: Time, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LIENTHONG_WHO", "lan")

    def call(*arguments: str) -> Result:
        told = CliRunner().invoke(root, [*arguments, "--home", str(house.gateway.config.home)])
        time.at = max(time.at, utc_now())  # the command read the real clock
        return told

    return call
