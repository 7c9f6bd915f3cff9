"""The database's host dies and its copy takes over: the gateway goes on by itself, and nothing that was accepted is lost."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from http.client import HTTPException  # noqa: TID251 - what tests.commands raises
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.ledger import facts, open_ledger
from gateway.ledger.keys import add_key
from gateway.ledger.opening import LedgerAway
from gateway.ledger.tables import attempts, leaders, messages
from gateway.message import utc_now
from tests.commands import Caller, Command, free_port, running, until
from tests.engines import PostgreSQL, Standby, find_postgresql
from tests.house import dossier
from tests.proxy import Proxy

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]


class Pair:
    """A primary and its copy, each behind a port of its own, and the address that names both."""

    def __init__(self, primary: PostgreSQL) -> None:
        self.primary = primary
        primary.execute("CREATE DATABASE ledger TEMPLATE pattern")
        self.standby = Standby(primary)
        self.wires = [Proxy(server.folder / ".s.PGSQL.5432") for server in (primary, self.standby)]
        for wire in self.wires:
            wire.open()
        ports = ",".join(str(wire.port) for wire in self.wires)
        self.url = (
            "postgresql+psycopg://lienthong@/ledger"
            f"?host=127.0.0.1,127.0.0.1&port={ports}&target_session_attrs=read-write"
        )

    def close(self) -> None:
        for wire in self.wires:
            wire.shut()
        self.standby.stop()


@pytest.fixture
def pair() -> Iterator[Pair]:
    binaries = find_postgresql()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: `make test` installs it")
    primary = PostgreSQL(binaries)
    try:
        pair = Pair(primary)
        yield pair
        pair.close()
    finally:
        primary.stop()


class Agency(threading.Thread):
    """Sends one dossier after the other, each until it has its receipt."""

    def __init__(self, port: int, key: str, first: int, stop: threading.Event) -> None:
        super().__init__()
        self.caller = Caller(port, key, keep=True)
        self.number = first
        self.stop = stop
        self.accepted: list[str] = []
        self.turned_away: list[int] = []

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                status = self.caller.send(self.number)
            except (OSError, HTTPException):
                status = 0
            if status in (200, 202):
                self.accepted.append(dossier(self.number)["id"])
                self.number += 1
            else:
                self.turned_away.append(status)
                time.sleep(0.1)


def test_no_accepted_message_is_lost_when_the_primary_dies_and_its_copy_takes_over(tmp_path: Path, pair: Pair) -> None:
    ledger = open_ledger(pair.url)
    with ledger.write() as connection:
        _, key = add_key(connection, "one-stop", "bearer", None, utc_now())
    port = free_port()
    place = {"LIENTHONG_HOME": str(tmp_path), "LIENTHONG_LEDGER": pair.url, "LIENTHONG_PORT": str(port)}
    processes = [Command(tmp_path, place, one) for one in ("web", "work", "clock")]
    stop = threading.Event()
    agencies = [Agency(port, key, 1 + 1000 * n, stop) for n in range(4)]
    with running(*processes):
        until(lambda: Caller(port).status("/readyz") == 200)
        for agency in agencies:
            agency.start()
        try:
            until(lambda: all(len(agency.accepted) > 20 for agency in agencies))

            pair.primary.kill()
            until(lambda: all(agency.turned_away for agency in agencies))
            before = [len(agency.accepted) for agency in agencies]
            assert Caller(port).status("/readyz") == 503, "a copy that only reads is no ledger"
            pair.standby.promote()

            until(lambda: all(len(a.accepted) > b + 20 for a, b in zip(agencies, before, strict=True)), 60)
        finally:
            stop.set()
            for agency in agencies:
                agency.join()
        promoted = utc_now()
        until(lambda: latest(pair.url) > promoted)
        assert [process.stop() for process in processes] == [0, 0, 0]

    with ledger.read() as connection:
        kept = list(connection.execute(select(messages.c.source_id)).scalars())
    ledger.close()
    accepted = [one for agency in agencies for one in agency.accepted]
    assert set(accepted) <= set(kept)
    assert len(kept) == len(set(kept))
    assert {status for agency in agencies for status in agency.turned_away} == {503}


def test_a_copy_that_may_not_be_written_to_is_away_also_to_a_connection_that_has_read_from_it(pair: Pair) -> None:
    ledger = open_ledger(pair.standby.url("ledger"))
    for _ in range(2):
        with ledger.read() as connection:
            assert facts.cursor(connection, "vnpost") is None
        with pytest.raises(LedgerAway), ledger.write() as connection:
            facts.set_cursor(connection, "vnpost", "1", utc_now())

    pair.standby.promote()

    with ledger.write() as connection:
        facts.set_cursor(connection, "vnpost", "1", utc_now())
    ledger.close()


def latest(url: str) -> datetime:
    """The moment at which both the worker and the clock have done something."""
    ledger = open_ledger(url)
    try:
        with ledger.read() as connection:
            worked: datetime = connection.execute(select(func.max(attempts.c.started_at))).scalar_one()
            led: datetime = connection.execute(select(leaders.c.until)).scalar_one()
            return min(worked, led)
    except LedgerAway:
        return datetime.min.replace(tzinfo=UTC)
    finally:
        ledger.close()
