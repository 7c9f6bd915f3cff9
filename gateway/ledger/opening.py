"""Opening the ledger: one engine, a reading and a writing transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.ledger.turns import Group, Turn

T = TypeVar("T")


class LedgerAway(Exception):
    """The database does not answer. Accept says 503; workers wait."""


class Clash(LedgerAway):
    """Another transaction was in the way (it wrote the same unique key first, or both waited for each other): try again from the start."""


class Ledger:
    """The engine with its two kinds of transaction.

    `write()` on SQLite begins IMMEDIATE, and writers take turns: see `gateway.ledger.turns`.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.sqlite = engine.dialect.name == "sqlite"
        self._turn: Any = Turn(engine.url.database) if self.sqlite and engine.url.database else nullcontext()
        self._group = Group(self)
        # PostgreSQL's own default takes a new snapshot for every statement
        self._reading: dict[str, Any] = (
            {"reading": True} if self.sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction; committed when the block ends well, rolled back when it raises."""
        try:
            with self._turn, self.engine.begin() as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            if (known := _known(error)) is None:
                raise
            raise known from error

    def write_together(self, work: Callable[[Connection], T]) -> T:
        """What `work` gives, committed. On SQLite the works of threads that wait share one commit; `work` may then run a second time."""
        if self.sqlite:
            answer: T = self._group.run(work)
            return answer
        with self.write() as connection:
            return work(connection)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent snapshot; nothing may be written."""
        try:
            with self.engine.connect().execution_options(**self._reading) as connection:
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            if (known := _known(error)) is None:
                raise
            raise known from error

    def close(self) -> None:
        self.engine.dispose()


_OURS = (ProgrammingError, DataError, NotSupportedError)  # a wrong statement or value: waiting mends nothing
_IN_THE_WAY = {"40001", "40P01"}  # serialization failure, deadlock


def _known(error: DBAPIError | PoolTimeout) -> LedgerAway | None:
    """What an error of the database means; None for a mistake of ours. A standby that only reads, a full pool, a full disk: away."""
    if isinstance(error, PoolTimeout):
        return LedgerAway(str(error))
    if isinstance(error, IntegrityError) or getattr(error.orig, "sqlstate", None) in _IN_THE_WAY:
        return Clash(str(error.orig))
    return None if isinstance(error, _OURS) else LedgerAway(str(error.orig))


def open_ledger(url: str, *, pool: int = 16) -> Ledger:
    """The ledger at an SQLAlchemy URL: `sqlite:////path/file.db` or `postgresql+psycopg://…`. The schema is `gateway.ledger.schema`'s work."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, pool_size=pool, max_overflow=pool, connect_args={"check_same_thread": False, "timeout": 20}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        engine = create_engine(
            parsed, pool_size=pool, max_overflow=pool, pool_pre_ping=True, connect_args={"connect_timeout": 5}
        )
    return Ledger(engine)


def _prepare_sqlite(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # we begin ourselves: pysqlite would begin late and deferred
    cursor = connection.cursor()
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",
        "busy_timeout=20000",
        "foreign_keys=ON",
        "cache_size=-8000",
        "wal_autocheckpoint=4000",  # pages: each checkpoint syncs the whole database file
        "temp_store=MEMORY",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


__all__ = ["Clash", "Ledger", "LedgerAway", "open_ledger"]
