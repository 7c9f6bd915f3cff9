"""Opening the ledger: one engine, a reading and a writing transaction."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, create_engine, event, func, make_url, select
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, NotSupportedError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from gateway.ledger.absence import Absence, LedgerAway
from gateway.ledger.turns import Group, Turn

T = TypeVar("T")

PATIENCE = 10.0  # seconds a statement of a serving process may take
LOCK_SECONDS = 0.2  # between two questions for a lock that another holds


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
        self._absence = Absence()
        # PostgreSQL's own default takes a new snapshot for every statement
        self._reading: dict[str, Any] = (
            {"reading": True} if self.sqlite else {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        )

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction; committed when the block ends well, rolled back when it raises."""
        with self._turn, self._reach(self.engine.begin()) as connection:
            yield connection

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
        with self._reach(self._snapshot()) as connection:
            yield connection

    @contextmanager
    def hold(self, lock: int) -> Iterator[None]:
        """PostgreSQL's advisory lock of this number, for as long as the block runs; whoever comes second waits.

        Who waits asks again and again: inside the lock's own waiting function its snapshot would stay open, and an index that the first one
        builds CONCURRENTLY waits for every open snapshot, so that each would wait for the other.
        """
        with self._reach(self.engine.connect()) as connection:
            while not connection.execute(select(func.pg_try_advisory_lock(lock))).scalar_one():
                connection.commit()
                time.sleep(LOCK_SECONDS)
            connection.commit()  # the lock stays; a transaction left open would keep old rows from being cleared
            yield

    @contextmanager
    def _snapshot(self) -> Iterator[Connection]:
        with self.engine.connect().execution_options(**self._reading) as connection:
            yield connection

    @contextmanager
    def _reach(self, opening: AbstractContextManager[Connection]) -> Iterator[Connection]:
        """The connection that `opening` gives, and what its errors mean."""
        try:
            with ExitStack() as stack:
                with self._absence.question():
                    connection = stack.enter_context(opening)
                yield connection
        except (DBAPIError, PoolTimeout) as error:
            if (known := known_error(error)) is None:
                raise
            if _is_gone(error):
                self._absence.note(str(known))
            raise known from error

    def close(self) -> None:
        self.engine.dispose()
        if isinstance(self._turn, Turn):
            self._turn.close()


_OURS = (ProgrammingError, DataError, NotSupportedError)  # a wrong statement or value: waiting mends nothing
ONLY_READS = {
    "25006",
    "0A000",
}  # a standby: of a write, and of the wish to write, which PostgreSQL calls "not supported"
_IN_THE_WAY = {"40001", "40P01", "55P03"}  # serialization failure, deadlock, a lock not had in time


def known_error(error: DBAPIError | PoolTimeout) -> LedgerAway | None:
    """What an error of the database means; None for a mistake of ours. A standby that only reads, a full pool, a full disk: away."""
    if isinstance(error, PoolTimeout):
        return LedgerAway(str(error))
    told, state = " ".join(str(error.orig).split()), getattr(error.orig, "sqlstate", None)  # libpq tells long stories
    if isinstance(error, IntegrityError) or state in _IN_THE_WAY:
        return Clash(told)
    if state in ONLY_READS:
        return LedgerAway(told)
    return None if isinstance(error, _OURS) else LedgerAway(told)


def _is_gone(error: DBAPIError | PoolTimeout) -> bool:
    """The connection ended, or none could be had; SQLite has none."""
    if not isinstance(error, DBAPIError) or type(error.orig).__module__.startswith("sqlite3"):
        return False
    return error.connection_invalidated or (
        isinstance(error, OperationalError) and getattr(error.orig, "sqlstate", None) is None
    )


def place_of(url: str) -> str:
    """The address as people may read it: without any password."""
    return make_url(url).set(password=None).difference_update_query(["password", "sslpassword"]).render_as_string()


def open_ledger(url: str, *, pool: int = 16, patience: float | None = None) -> Ledger:
    """The ledger at an SQLAlchemy URL: `sqlite:////path/file.db` or `postgresql+psycopg://…`. Nothing is asked of it yet.

    `patience`: seconds that PostgreSQL may work on a statement; None: as long as it takes. The schema is `gateway.ledger.schema`'s work.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(
            parsed, pool_size=pool, max_overflow=pool, connect_args={"check_same_thread": False, "timeout": 20}
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
    else:
        from gateway.ledger.postgresql import open_engine

        engine = open_engine(parsed, pool, patience, ONLY_READS)
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


__all__ = ["PATIENCE", "Clash", "Ledger", "LedgerAway", "open_ledger", "place_of"]
