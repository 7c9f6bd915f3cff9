"""`lienthong bench statistics`: statistics over a ledger of many messages, beside one plain reading of its status rows in the same run."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import select

from bench.dossiers import bench_dossier, dossier_code
from bench.preload import plain
from gateway.canonical.scalars import write_instant
from gateway.codes import CsvCodes
from gateway.config import Config
from gateway.dossiers.statistics import BY, gather_statistics
from gateway.ledger import Ledger, open_ledger
from gateway.ledger.queries import Reader
from gateway.ledger.schema import upgrade
from gateway.ledger.tables import statuses
from tests.engines import PostgreSQL, find_postgresql

LIFE = (2, 4, 9, 10)  # four messages a dossier
YEAR = datetime(2025, 1, 2, 1, tzinfo=UTC)
UNITS = ("000.00.01.H99", "000.00.02.H99", "000.00.03.H99", "000.00.04.H99")
PROCEDURES = ("1.001193", "1.000656", "2.000635", "2.000815", "2.000488")
CHUNK = 5000  # dossiers
COLUMNS = {
    "messages": "seq,id,source,source_id,type,dossier,event_time,received_time,digest,content_type,original,body,routed",
    "dossiers": "code,owner,origin,procedure,organisation,channel,status,status_time,status_seq,due_at,newest,created_at",
    "statuses": "seq,message,dossier,source,status,event_time,received_time,position",
    "lanes": "destination,dossier,open,delivered,blocked,due_at,urgency,fence",
}
Rows = dict[str, list[tuple[Any, ...]]]


class Bench:
    def __init__(self, messages: int) -> None:
        self.dossiers = messages // len(LIFE)

    def run(self) -> list[dict[str, Any]]:
        """A row per engine and question: seconds, CPU seconds of this process, and times the floor."""
        return [*self._sqlite(), *self._postgresql()]

    def _sqlite(self) -> list[dict[str, Any]]:
        with tempfile.TemporaryDirectory(prefix="lt-statistics-") as folder:
            file = Path(folder) / "ledger.db"
            upgrade(f"sqlite:///{file}")
            connection = sqlite3.connect(file)
            connection.execute("PRAGMA synchronous=OFF")
            for rows in chunks(self.dossiers, lambda at: at.strftime("%Y-%m-%d %H:%M:%S.%f")):
                for table, many in rows.items():
                    places = ",".join("?" * len(many[0]))
                    connection.executemany(f"INSERT INTO {table} ({COLUMNS[table]}) VALUES ({places})", many)  # noqa: S608
                connection.commit()
            connection.execute("ANALYZE")
            connection.commit()
            connection.close()
            return self._ask("sqlite", f"sqlite:///{file}")

    def _postgresql(self) -> list[dict[str, Any]]:
        binaries = find_postgresql()
        if binaries is None:
            print("  no PostgreSQL server is installed", file=sys.stderr)
            return []
        with ExitStack() as stack:
            server = PostgreSQL(binaries)
            stack.callback(server.stop)
            url = stack.enter_context(server.database())
            with psycopg.connect(plain(url)) as connection:
                connection.execute("SET session_replication_role = replica")
                for rows in chunks(self.dossiers, lambda at: at):
                    for table, many in rows.items():
                        with (
                            connection.cursor() as cursor,
                            cursor.copy(f"COPY {table} ({COLUMNS[table]}) FROM STDIN") as copy,
                        ):
                            for row in many:
                                copy.write_row(row)
                    connection.commit()
            with psycopg.connect(plain(url), autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
            return self._ask("postgresql", url)

    def _ask(self, engine: str, url: str) -> list[dict[str, Any]]:
        ledger, home = open_ledger(url), Path(tempfile.mkdtemp(prefix="lt-statistics-"))
        config = Config(home)
        codes = CsvCodes(config.folder / "codelists")
        now = YEAR + timedelta(days=365)

        def asking(first: date, last: date, by: str) -> Callable[[], Any]:
            return lambda: gather_statistics(ledger, config, codes, Reader("", "all"), first, last, by, now)

        year = date(2025, 1, 1), date(2025, 12, 31)
        questions = {
            "floor: read every status row": lambda: floor(ledger),
            "a month, by agency": asking(date(2025, 6, 1), date(2025, 6, 30), "agency"),
            **{f"the year, by {by}": asking(*year, by) for by in BY},
        }
        found: list[dict[str, Any]] = []
        for question, ask in questions.items():
            seconds, cpu = min(timed(ask) for _ in range(2))
            print(f"  {engine}: {question}: {seconds:.2f} s, {cpu:.2f} CPU s of ours", file=sys.stderr, flush=True)
            ratio = seconds / found[0]["seconds"] if found else 1.0
            found.append({"engine": engine, "question": question, "seconds": seconds, "cpu": cpu, "ratio": ratio})
        ledger.close()
        shutil.rmtree(home)
        return found


def floor(ledger: Ledger) -> int:
    """Every status row's code and time, fetched."""
    with ledger.read() as connection:
        return sum(1 for _ in connection.execute(select(statuses.c.dossier, statuses.c.status, statuses.c.event_time)))


def timed(ask: Callable[[], Any]) -> tuple[float, float]:
    """Seconds, and CPU seconds of this process (of a server's none)."""
    begun, spent = time.perf_counter(), time.process_time()
    ask()
    return time.perf_counter() - begun, time.process_time() - spent


def chunks(dossiers: int, write: Callable[[datetime], Any]) -> Iterator[Rows]:
    """Rows of so many dossiers over a year, each done and returned; `write` makes a driver's instant."""
    dice, body = random.Random(1), json.dumps(bench_dossier(1), ensure_ascii=False)
    for start in range(0, dossiers, CHUNK):
        rows: Rows = {name: [] for name in COLUMNS}
        for number in range(start, min(start + CHUNK, dossiers)):
            for table, row in _life(number, dossiers, dice, body, write):
                rows[table].append(row)
        yield rows


def _life(
    number: int, dossiers: int, dice: random.Random, body: str, write: Callable[[datetime], Any]
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    code, first = dossier_code(number), number * len(LIFE) + 1
    received = YEAR + timedelta(days=360) * (number / dossiers)
    due = received + timedelta(days=dice.randrange(2, 12))
    at = [
        received,
        received + timedelta(hours=1),
        received + timedelta(days=dice.randrange(1, 9)),
        due + timedelta(days=1),
    ]
    for i, status in enumerate(LIFE):
        seq, name = first + i, f"00000000-0000-7000-8000-{first + i:012d}"
        told = (
            body
            if i == 0
            else json.dumps({"type": "StatusChanged", "status": status, "event_time": write_instant(at[i])})
        )
        kind = "DossierSubmitted" if i == 0 else "StatusChanged"
        when = write(at[i])
        yield (
            "messages",
            (
                seq,
                name,
                "one-stop",
                f"{code}-{i}",
                kind,
                code,
                when,
                when,
                f"{seq:064d}",
                "application/json",
                told.encode(),
                told,
                1,
            ),
        )
        yield "statuses", (seq, name, code, "one-stop", status, when, when, seq)
    last = write(at[3])
    unit, procedure, channel = UNITS[number % 4], PROCEDURES[number % 5], 1 + number % 3
    yield (
        "dossiers",
        (code, "one-stop", "local", procedure, unit, channel, 10, last, first + 3, write(due), first, write(received)),
    )
    yield "lanes", ("portal", code, 0, 4, False, last, last, 1)
    if number % 4 == 0:
        yield "lanes", ("vnpost", code, 0, 1, False, last, last, 1)
