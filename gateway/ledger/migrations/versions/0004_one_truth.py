"""One truth: what partners answer when asked how a dossier stands, differences and what became of them, rulings on held messages."""

import sqlalchemy as sa
from alembic import op

from gateway.ledger.tables import BigKey, Instant

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_OPEN = sa.text("ended_at IS NULL")


def upgrade() -> None:
    op.create_table(
        "asked",
        sa.Column("dossier", sa.Text(), nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("there", sa.Boolean(), nullable=False),
        sa.Column("theirs", sa.Text()),
        sa.Column("status", sa.Integer()),
        sa.Column("since", Instant()),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("dossier", "system", name=op.f("pk_asked")),
    )
    op.create_table(
        "differences",
        sa.Column("id", BigKey, autoincrement=True, nullable=False),
        sa.Column("system", sa.Text(), nullable=False),
        sa.Column("dossier", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("seen", sa.Integer(), nullable=False),
        sa.Column("rounds", sa.Integer(), nullable=False),
        sa.Column("told", sa.Integer()),
        sa.Column("theirs", sa.Text()),
        sa.Column("plan", sa.Text(), nullable=False),
        sa.Column("found_at", Instant(), nullable=False),
        sa.Column("again_at", Instant()),
        sa.Column("ended_at", Instant()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_differences")),
    )
    op.create_index(
        "uq_differences_open",
        "differences",
        ["system", "dossier"],
        unique=True,
        sqlite_where=_OPEN,
        postgresql_where=_OPEN,
    )
    op.create_index("ix_differences_found", "differences", ["system", "found_at"])
    op.create_table(
        "rulings",
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("ruling", sa.Text(), nullable=False),
        sa.Column("made", sa.Text()),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("who", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("message", name=op.f("pk_rulings")),
    )


def downgrade() -> None:
    op.drop_table("rulings")
    op.drop_table("differences")
    op.drop_table("asked")
