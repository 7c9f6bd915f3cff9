"""Alembic's entry: migrations run online, through the ledger's own engine, so SQLite and PostgreSQL begin as the program does."""

from alembic import context

from gateway.ledger.opening import open_ledger
from gateway.ledger.tables import metadata

ledger = open_ledger(context.config.attributes["url"])
with ledger.write() as connection:
    context.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
    with context.begin_transaction():
        context.run_migrations()
ledger.close()
