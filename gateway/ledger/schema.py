"""The schema and its migrations (Alembic). `require_schema` is cheap; Alembic is loaded only when something must change."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import String, column, inspect, select, table
from sqlalchemy.exc import DBAPIError

from gateway.errors import Misconfigured
from gateway.ledger.opening import Clash, Ledger, known_error, open_ledger
from gateway.ledger.tables import schema_floor

HEAD = "0006"

MIGRATIONS = Path(__file__).parent / "migrations"
TURN = 0x6C69656E  # PostgreSQL's advisory lock: of two upgrades the second waits
TRIES, PAUSE = 120, 1.0  # a migration that traffic held up gives way, and tries again
_LOCK_NOT_HAD = "55P03"
_VERSION = select(column("version_num", String)).select_from(table("alembic_version"))


class SchemaBehind(Misconfigured):
    """The database has no schema yet, or one older than this program's. Those that serve wait for it."""


def revision(ledger: Ledger) -> str | None:
    """The schema's revision; None for an empty database."""
    with ledger.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(_VERSION).scalar()
        return found


def require_schema(ledger: Ledger) -> str:
    """The schema's revision, which this program can work with: its own, or a later one that says so (`schema_floor`).

    Raises `SchemaBehind`, or `Misconfigured` when the schema has left this program behind.
    """
    here = revision(ledger)
    if here is None or here < HEAD:
        raise SchemaBehind(
            f"sổ cái ở lược đồ {here or 'trống'}, chương trình cần {HEAD} · the ledger is at revision {here or 'none'}, "
            f"this program needs {HEAD}: chạy · run `lienthong db upgrade`"
        )
    if here > HEAD:
        with ledger.read() as connection:
            oldest = connection.execute(select(schema_floor.c.oldest)).scalar_one()
        if oldest > HEAD:
            raise Misconfigured(
                f"sổ cái ở lược đồ {here}, chỉ dành cho chương trình từ {oldest}, chương trình này là {HEAD}: hãy cài bản mới · "
                f"the ledger is at revision {here}, for programs of {oldest} and later, this one is {HEAD}: install the newer one"
            )
    return here


def upgrade(url: str, to: str = "head", migrations: Path = MIGRATIONS) -> None:
    """Bring the database at `url` to this program's schema, beside whatever is working on it. A newer one is left as it is.

    Raises `LedgerAway`, and `Clash` when what is working never left a moment for it.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations))
    config.attributes["url"] = url
    with _turn(url) as here:
        if to == "head" and migrations is MIGRATIONS and here is not None and here > HEAD:
            return
        for _ in range(TRIES):
            try:
                return command.upgrade(config, to)
            except DBAPIError as error:
                known = known_error(error)
                if known is None:
                    raise
                if getattr(error.orig, "sqlstate", None) != _LOCK_NOT_HAD:
                    raise known from error
                time.sleep(PAUSE)
    raise Clash(f"a lock was not to be had in {TRIES} tries")


@contextmanager
def _turn(url: str) -> Iterator[str | None]:
    """Alone among upgrades; gives the revision found. SQLite's migrations run in the writer's turn anyway."""
    ledger = open_ledger(url)
    try:
        if ledger.sqlite:
            yield revision(ledger)
            return
        with ledger.hold(TURN):
            yield revision(ledger)
    finally:
        ledger.close()
