"""The servers of a production installation, started for a measurement: PostgreSQL that syncs what it commits, RabbitMQ of one node or three."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from tests.brokers import Cluster
from tests.engines import PostgreSQL, find_postgresql

SETTINGS = {
    "shared_buffers": "1GB",
    "effective_cache_size": "6GB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "wal_compression": "lz4",
    "default_toast_compression": "lz4",
    "random_page_cost": "1.1",
    "shared_preload_libraries": "pg_stat_statements",
}


@contextmanager
def database() -> Iterator[PostgreSQL]:
    """A server with `SETTINGS` and with fsync, which the tests' own server leaves out."""
    binaries = find_postgresql()
    if binaries is None:
        raise RuntimeError("no PostgreSQL server is installed: `make setup-test` installs it")
    server = PostgreSQL(binaries, {**SETTINGS, "fsync": "on"})
    try:
        yield server
    finally:
        server.stop()


@dataclass(frozen=True, slots=True)
class Broker:
    """How the gateway reaches it, and its processes. No address: tickets travel in a folder."""

    addresses: Sequence[str] = ()
    pids: Sequence[int] = field(default=())


@contextmanager
def broker(nodes: int) -> Iterator[Broker]:
    """RabbitMQ with so many nodes on this host; none at all with 0."""
    if not nodes:
        yield Broker()
        return
    cluster = Cluster(nodes)
    try:
        yield Broker(cluster.addresses(), [node.pid for node in cluster.nodes])
    finally:
        cluster.close()
