"""The schema and its migrations (Alembic). `require_schema` is cheap; Alembic is loaded only when something must change."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import column, inspect, select, table

from gateway.errors import Misconfigured
from gateway.ledger.opening import Ledger

HEAD = "0001"


def revision(ledger: Ledger) -> str | None:
    """The schema's revision; None for an empty database."""
    with ledger.read() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(select(column("version_num")).select_from(table("alembic_version"))).scalar()


def require_schema(ledger: Ledger) -> None:
    """Raises `Misconfigured` when the database has no schema, or another one than this program's."""
    here = revision(ledger)
    if here != HEAD:
        raise Misconfigured(
            f"the ledger is at revision {here or 'none'}, this program needs {HEAD}: run `lienthong db upgrade`"
        )


def upgrade(url: str) -> None:
    """Bring the database at `url` to this program's schema."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["url"] = url
    command.upgrade(config, "head")
