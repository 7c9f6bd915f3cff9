"""How much disk a message takes in PostgreSQL: tables, indexes, WAL. For docs/sizing.md.

``python -m bench.sizes --dossiers 1500 --words 0``: each dossier is a submission and three statuses, all delivered to one partner that says
yes; `words` is how many characters more an officer writes with each status.
"""

from __future__ import annotations

import argparse
import logging
import os
import random
import shutil
import string
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import psycopg
import structlog

from gateway.config import default_folder
from gateway.flow.gateway import Gateway
from tests.engines import PostgreSQL, find_postgresql
from tests.house import ADDRESSES, House, dossier, plain_config, status

LIFE = ((4, 1), (4, 2), (9, 3))
TABLES = """SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
            WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY pg_total_relation_size(oid) DESC LIMIT 7"""


def fill(house: House, dossiers: int, words: int) -> None:
    dice = random.Random(1)
    for number in range(1, dossiers + 1):
        house.accept("one-stop", dossier(number))
        for code, minute in LIFE:
            body = status(number, code, minute)
            more = "".join(dice.choices(string.ascii_letters, k=words))  # nothing that PostgreSQL could compress
            house.accept("one-stop", {**body, "content": body["content"] + more})
        if number % 50 == 0 or number == dossiers:
            house.work("portal")


def measure(server: PostgreSQL, dossiers: int, words: int) -> None:
    """Prints bytes per message."""
    server.execute("CREATE DATABASE sizes TEMPLATE pattern")
    home = Path(tempfile.mkdtemp(prefix="lt-sizes-"))
    shutil.copytree(default_folder(), home / "config")
    plain_config(home / "config")
    os.environ.update({**ADDRESSES, "LIENTHONG_LEDGER": server.url("sizes")})
    with psycopg.connect(host=str(server.folder), user="lienthong", dbname="sizes", autocommit=True) as watch:
        begun = watch.execute("SELECT pg_current_wal_lsn()").fetchall()[0][0]
        gateway = Gateway(home)
        fill(House(gateway), dossiers, words)
        gateway.close()
        [(wal,)] = watch.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), %s)", [begun]).fetchall()
        watch.execute("VACUUM ANALYZE")
        [(count, mean)] = watch.execute("SELECT count(*), avg(octet_length(original)) FROM messages").fetchall()
        print(f"{count} messages of {mean:.0f} bytes on average; WAL {wal / count:,.0f} bytes a message")
        print(f"{'table':<14}{'rows':>8}{'indexes':>10}   bytes a message")
        for name, rows, indexes in watch.execute(TABLES):
            print(f"{name:<14}{rows / count:>8,.0f}{indexes / count:>10,.0f}")
    shutil.rmtree(home)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dossiers", type=int, default=1500)
    parser.add_argument("--words", type=int, default=0)
    chosen = parser.parse_args(arguments)
    binaries = find_postgresql()
    if binaries is None:
        print("no PostgreSQL server is installed", file=sys.stderr)
        return 1
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    server = PostgreSQL(binaries)
    try:
        measure(server, chosen.dossiers, chosen.words)
    finally:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
