"""The migrations and the tables say the same, on both engines."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from gateway.ledger import open_ledger
from gateway.ledger.schema import HEAD, SchemaBehind, require_schema, revision, upgrade
from gateway.ledger.tables import metadata


def test_what_the_migrations_make_is_what_the_tables_say(ledger_url: str) -> None:
    ledger = open_ledger(ledger_url)
    with ledger.read() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), metadata)
    ledger.close()

    assert differences == []


def test_upgrading_twice_changes_nothing_and_an_older_schema_is_behind(ledger_url: str) -> None:
    upgrade(ledger_url)
    ledger = open_ledger(ledger_url)
    require_schema(ledger)
    assert revision(ledger) == HEAD
    with ledger.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))

    with pytest.raises(SchemaBehind, match="lienthong db upgrade"):
        require_schema(ledger)
    ledger.close()


def test_an_empty_database_is_named_with_its_cure(tmp_path) -> None:
    ledger = open_ledger(f"sqlite:///{tmp_path / 'empty.db'}")
    assert revision(ledger) is None
    ledger.close()
