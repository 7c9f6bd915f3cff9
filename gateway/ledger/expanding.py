"""What migrations may do beside a program that is working, apart from making tables and adding columns that may be empty.

The rule is in docs/decisions/migrations.md; tests/unit/test_migrations.py reads every migration for it.
"""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import text

from gateway.ledger.tables import schema_floor


def add_index(name: str, table: str, columns: list[str], **more: Any) -> None:
    """An index on a table that is in use. PostgreSQL builds it without holding up writers; one left half built by an earlier try goes first.

    `more`: as of Alembic's `create_index`. Must be a migration's last act, or only: what stood before it is committed.
    """
    if op.get_context().dialect.name == "sqlite":
        op.create_index(name, table, columns, **more)
        return
    with op.get_context().autocommit_block():
        before = op.get_bind().execute(text("SHOW lock_timeout")).scalar_one()
        op.execute("SET lock_timeout = 0")  # it waits for those who read and write, and they do not wait for it
        op.drop_index(name, table_name=table, if_exists=True, postgresql_concurrently=True)
        op.create_index(name, table, columns, postgresql_concurrently=True, **more)
        op.execute(f"SET lock_timeout = '{before}'")


def set_storage(table: str, **settings: str) -> None:
    """How PostgreSQL keeps and sweeps a table; whoever works on it notices nothing. SQLite has no such settings."""
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"ALTER TABLE {table} SET ({', '.join(f'{name} = {value}' for name, value in settings.items())})")


def raise_floor(oldest: str) -> None:
    """From now on only programs of schema revision `oldest` and later may work on this ledger. The others must have ended before."""
    op.execute(schema_floor.update().values(oldest=oldest))
