"""Alembic's entry: migrations run online, through the ledger's own engine, so SQLite and PostgreSQL begin as the program does.

SQLite: all of them in one turn of the writer. PostgreSQL: each in its own transaction, which would rather fail than wait for a lock, because
behind a waiting migration everything else would queue up; `gateway.ledger.schema.upgrade` tries again.
"""

from alembic import context
from sqlalchemy import Connection, text

from gateway.ledger.opening import open_ledger
from gateway.ledger.tables import metadata

LOCK_TIMEOUT = "500ms"


def run(connection: Connection) -> None:
    context.configure(
        connection=connection, target_metadata=metadata, transactional_ddl=True, transaction_per_migration=True
    )
    with context.begin_transaction():
        context.run_migrations()


ledger = open_ledger(context.config.attributes["url"])
try:
    if ledger.sqlite:
        with ledger.write() as connection:
            run(connection)
    else:
        with ledger.engine.connect() as connection:
            connection.execute(text(f"SET lock_timeout = '{LOCK_TIMEOUT}'"))
            connection.commit()
            run(connection)
finally:
    ledger.close()
