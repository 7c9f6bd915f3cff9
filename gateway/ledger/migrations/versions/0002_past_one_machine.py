"""Past one machine: how fast each destination is served, over all workers."""

import sqlalchemy as sa
from alembic import op

from gateway.ledger.tables import Instant

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "paces",
        sa.Column("destination", sa.Text(), nullable=False),
        sa.Column("level", sa.Float(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("destination", name=op.f("pk_paces")),
    )


def downgrade() -> None:
    op.drop_table("paces")
