"""Floors of a run: what the database, the broker and HTTP do on this machine with none of our code in the way."""

from __future__ import annotations

import threading
import time

import psycopg

from bench.machine import free_port
from bench.posting import Sender, Sent
from bench.preload import plain
from bench.programs import granian

_ROW = b"x" * 2048, "x" * 2048


def commits(url: str, connections: int, rows: int) -> float:
    """Single-row commits a second into the PostgreSQL database at `url`, a row of 2 × 2 KiB each, over so many connections."""
    with psycopg.connect(plain(url), autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS floor (id bigserial PRIMARY KEY, original bytea, body text)")
    each = rows // connections
    opened = [psycopg.connect(plain(url), autocommit=True) for _ in range(connections)]
    threads = [threading.Thread(target=_insert, args=(connection, each)) for connection in opened]
    begun = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - begun
    for connection in opened:
        connection.close()
    with psycopg.connect(plain(url), autocommit=True) as connection:
        (count,) = connection.execute("SELECT count(*) FROM floor").fetchone() or (0,)
        connection.execute("DROP TABLE floor")
    assert count == each * connections
    return float(count / seconds)


def _insert(connection: psycopg.Connection, rows: int) -> None:
    for _ in range(rows):
        connection.execute("INSERT INTO floor (original, body) VALUES (%s, %s)", _ROW, prepare=True)


def answers(sender: Sender, messages: int) -> Sent:
    """Flask on granian that parses the body and stores nothing."""
    port = free_port()
    with granian("bench.sink:flask_floor", port, "--factory"):
        return sender.send(messages, f"http://127.0.0.1:{port}/api/v1/dossiers", [])
