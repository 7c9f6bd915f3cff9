"""A ledger that has already carried a great many messages, written straight into its tables: all delivered, all sound."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from bench.dossiers import bench_dossier, dossier_code
from gateway.canonical import DossierSubmitted
from gateway.ledger.schema import upgrade

PATTERN = 5_000_000  # dossiers are numbered from here, all with seven figures; no load uses these
_CHUNK = 20_000
_AT = datetime(2026, 1, 5, 2, 30, tzinfo=UTC)
_TABLES = {
    "messages": "seq,id,source,source_id,type,dossier,event_time,received_time,digest,content_type,original,body,routed",
    "dossiers": "code,owner,origin,procedure,organisation,channel,status,status_time,status_seq,due_at,newest,created_at",
    "statuses": "seq,message,dossier,source,status,event_time,received_time,position",
    "beliefs": "dossier,system,status,since,message,how,at",
    "deliveries": "id,message_seq,dossier,destination,state,duplicate,attempts,asks,created_at,ended_at",
    "lanes": "destination,dossier,open,delivered,blocked,due_at,urgency,fence",
    "attempts": "id,delivery,fence,kind,worker,started_at,ended_at,outcome",
}
_NUMBERED = {"messages": "seq", "deliveries": "id", "attempts": "id"}
Rows = dict[str, list[tuple[Any, ...]]]


def preload(home: Path, messages: int) -> None:
    """Fill `home/data/lienthong.db`. Bounded by the disk: about 6 KiB a message."""
    (home / "data").mkdir(parents=True)
    file = home / "data" / "lienthong.db"
    upgrade(f"sqlite:///{file}")
    connection = sqlite3.connect(file)
    connection.execute("PRAGMA synchronous=OFF")
    sql = {t: f"INSERT INTO {t} ({c}) VALUES ({','.join('?' * (c.count(',') + 1))})" for t, c in _TABLES.items()}  # noqa: S608
    for rows in _chunks(messages, _AT.strftime("%Y-%m-%d %H:%M:%S.%f")):
        for table, many in rows.items():
            connection.executemany(sql[table], many)
        connection.commit()
    connection.execute("ANALYZE")
    connection.commit()
    connection.close()


def preload_postgresql(url: str, messages: int) -> None:
    """Fill the fresh ledger at an SQLAlchemy address by COPY, as its superuser; then VACUUM ANALYZE, as autovacuum would have done, and a
    checkpoint: pages that years would have written back must not be written back during the measurement."""
    with psycopg.connect(plain(url)) as connection:
        connection.execute("SET session_replication_role = replica")  # no look-up of a foreign key for every row
        connection.execute("SET synchronous_commit = off")
        for rows in _chunks(messages, _AT):
            _copy(connection, rows)
        for table in _NUMBERED:
            _reserve(connection, table, messages)
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")
    os.sync()


def add_backlog(url: str, dossiers: int, first: int) -> None:
    """New dossiers numbered from `first`, each waiting for the portal, their deadlines in no order; into the PostgreSQL ledger at `url`."""
    dice = random.Random(first)
    with psycopg.connect(plain(url)) as connection:
        seq, delivery = (_reserve(connection, table, dossiers) for table in ("messages", "deliveries"))
        texts = _texts(PATTERN)
        for start in range(0, dossiers, _CHUNK):
            rows: Rows = {t: [] for t in _TABLES if t != "attempts"}
            for i in range(start, min(start + _CHUNK, dossiers)):
                due = _AT + timedelta(seconds=dice.randrange(30 * 86_400))
                for table, row in _waiting(seq + i, delivery + i, first + i, texts, due):
                    rows[table].append(row)
            _copy(connection, rows)
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("ANALYZE")


def _reserve(connection: Any, table: str, many: int) -> int:
    """The first of so many numbers that nobody else gets."""
    sequence = "pg_get_serial_sequence(%s, %s)", (table, _NUMBERED[table])
    (first,) = connection.execute(f"SELECT nextval({sequence[0]})", sequence[1]).fetchone()
    connection.execute(f"SELECT setval({sequence[0]}, %s)", (*sequence[1], first + many - 1))
    return int(first)


def _copy(connection: Any, rows: Rows) -> None:
    for table, many in rows.items():
        with connection.cursor() as cursor, cursor.copy(f"COPY {table} ({_TABLES[table]}) FROM STDIN") as copy:
            for row in many:
                copy.write_row(row)
    connection.commit()


def plain(url: str) -> str:
    """An SQLAlchemy address as psycopg itself reads it."""
    return make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


def _chunks(messages: int, at: Any) -> Iterator[Rows]:
    texts = _texts(PATTERN)
    for start in range(1, messages + 1, _CHUNK):
        rows: Rows = {t: [] for t in _TABLES}
        for seq in range(start, min(start + _CHUNK, messages + 1)):
            for table, row in _delivered(seq, PATTERN + seq - 1, texts, at):
                rows[table].append(row)
        yield rows


def _texts(number: int) -> tuple[str, str]:
    """The bytes and the canonical body of the dossier of this number; it stands in them wherever another one's would."""
    raw = bench_dossier(number)
    return json.dumps(raw), DossierSubmitted.model_validate(raw).model_dump_json(exclude_none=True)


def _entered(seq: int, number: int, texts: tuple[str, str], at: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    """What accept writes of a new dossier."""
    code, ours = dossier_code(number), _id(number)
    original, body = (text.replace(str(PATTERN), str(number)) for text in texts)
    yield (
        "messages",
        (
            seq, ours, "one-stop", f"bench-{code}", "DossierSubmitted", code, at, at, f"{number:064d}", "application/json",
            original.encode(), body, 1,
        ),
    )  # fmt: skip
    yield "dossiers", (code, "one-stop", "local", "1.001193", "000.00.01.H99", 2, 2, at, seq, at, seq, at)
    yield "beliefs", (code, "one-stop", 2, at, ours, "said", at)


def _delivered(seq: int, number: int, texts: tuple[str, str], at: Any) -> Iterator[tuple[str, tuple[Any, ...]]]:
    code, ours = dossier_code(number), _id(number)
    yield from _entered(seq, number, texts, at)
    yield "beliefs", (code, "portal", 2, at, ours, "accepted", at)
    yield "statuses", (seq, ours, code, "one-stop", 2, at, at, seq)
    yield "deliveries", (seq, seq, code, "portal", "delivered", 0, 1, 0, at, at)
    yield "lanes", ("portal", code, 0, 1, 0, at, at, 1)
    yield "attempts", (seq, seq, 1, "send", "bench", at, at, "delivered")


def _waiting(
    seq: int, delivery: int, number: int, texts: tuple[str, str], due: datetime
) -> Iterator[tuple[str, tuple[Any, ...]]]:
    code = dossier_code(number)
    yield from _entered(seq, number, texts, _AT)
    yield "statuses", (seq, _id(number), code, "one-stop", 2, _AT, _AT, None)
    yield "deliveries", (delivery, seq, code, "portal", "waiting", 0, 0, 0, _AT, None)
    yield "lanes", ("portal", code, 1, 0, 0, _AT, due, 0)


def _id(number: int) -> str:
    return f"00000000-0000-7000-8000-{number:012d}"
