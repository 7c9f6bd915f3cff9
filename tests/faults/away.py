"""The database goes away in the middle of the work, and comes back: locked, full, stopped, killed."""

from __future__ import annotations

import shlex
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import make_url

from tests.engines import PostgreSQL, find_postgresql
from tests.faults.grounds import fresh
from tests.faults.table import Absent, Row, fault, seeds
from tests.faults.verdict import Tally
from tests.faults.world import World

TIMES = 5  # that it goes away in one run
STIRS = 60  # things that happen before, and while it is away


@contextmanager
def _every_connection(world: World, pragma: str) -> Iterator[None]:
    """Connections of processes are opened anew with this pragma, also those of processes born meanwhile."""
    world.pragma = pragma
    for process in world.processes:
        process.reconnect()
    try:
        yield
    finally:
        world.pragma = ""
        for process in world.processes:
            process.reconnect()


@contextmanager
def _locked(world: World) -> Iterator[None]:
    """Another program holds the ledger's file, as a careless copy does."""
    file = make_url(world.config.settings.ledger).database or ""
    with _every_connection(world, "PRAGMA busy_timeout=1"):
        other = sqlite3.connect(file, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            other.execute("ROLLBACK")
            other.close()


@contextmanager
def _full(world: World) -> Iterator[None]:
    """The file may not grow by a page: what a full disk says to SQLite."""
    with world.ledger.read() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    with _every_connection(world, f"PRAGMA max_page_count={pages}"):
        yield


@fault("SQLite bị khóa, hết đĩa giữa chừng · SQLite locked, and out of space, in the middle")
def sqlite_away(seed: int, scale: float) -> Row:
    tally, refused = Tally("sqlite_away"), 0
    for one in seeds(seed, scale, 20):
        with fresh("sqlite") as url:
            refused += _run(tally, url, one, [_locked, _full])
    return tally.row(f"{refused} lần bị từ chối lúc đó · refused meanwhile, with “later”")


@fault("PostgreSQL dừng và chạy lại giữa chừng · PostgreSQL stopped and started in the middle")
def postgresql_away(seed: int, scale: float) -> Row:
    binaries = find_postgresql()
    if binaries is None:
        raise Absent("chưa cài PostgreSQL · no PostgreSQL server is installed: apt-get install postgresql")
    server, tally, refused = PostgreSQL(binaries), Tally("postgresql_away"), 0

    @contextmanager
    def stopped(world: World) -> Iterator[None]:
        data = server.folder / "data"
        options = " ".join(shlex.split((data / "postmaster.opts").read_text())[3:])
        server._run("pg_ctl", "-D", str(data), "-w", "-m", world.dice.choice(["fast", "immediate"]), "stop")
        world.ledger_stopped = True
        try:
            yield
        finally:
            world.ledger_stopped = False
            options = options.replace("listen_addresses=", "listen_addresses=''")
            server._run("pg_ctl", "-D", str(data), "-w", "-l", str(server.folder / "log"), "-o", options, "start")

    try:
        for one in seeds(seed, scale, 6):
            with server.database() as url:
                refused += _run(tally, url, one, [stopped])
    finally:
        server.stop()
    return tally.row(f"{refused} lần bị từ chối lúc đó · refused meanwhile, with “later”")


def _run(tally: Tally, url: str, seed: int, ways: list[Callable[[World], Any]]) -> int:
    """Returns how often the gateway said that the ledger is away."""
    world = World(url, seed, habits=["teller", "steps"], dossiers=4, trouble=0.1)
    try:
        for _ in range(TIMES):
            world.sender.begin(4)
            for _ in range(STIRS):
                world.stir()
            with world.dice.choice(ways)(world):
                for _ in range(STIRS):
                    world.stir()
        since = world.time()
        stuck = world.calm()
        verdict = world.verdict(since)
        verdict.wrong += stuck
        if not world.refused:
            verdict.wrong.append("nobody noticed that the ledger was away")
        tally.add(seed, verdict, runs=TIMES)
        return world.refused
    finally:
        world.close()
