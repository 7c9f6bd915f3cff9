"""Past one machine: which programs may work here, how fast each destination is served, over all workers."""

import sqlalchemy as sa
from alembic import op

from gateway.ledger.expanding import set_storage
from gateway.ledger.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    floor = op.create_table(
        "schema_floor",
        sa.Column("oldest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("oldest", name=op.f("pk_schema_floor")),
    )
    op.bulk_insert(floor, [{"oldest": "0001"}])
    op.create_table(
        "paces",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_paces")),
    )
    # A fifth of five million rows would have to be dead before PostgreSQL's default sweeps these, and every taking, every
    # placing of the feed and every scrape steps over the dead ones at the front of their small partial indexes.
    for table in ("lanes", "deliveries", "statuses"):
        set_storage(
            table, autovacuum_vacuum_scale_factor="0", autovacuum_vacuum_threshold="50000", vacuum_index_cleanup="on"
        )


def downgrade() -> None:
    op.drop_table("schema_floor")
    op.drop_table("paces")
