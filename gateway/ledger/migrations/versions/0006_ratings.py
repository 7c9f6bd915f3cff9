"""Ratings found by their day: without an index statistics would read every message there is."""

import sqlalchemy as sa
from alembic import op

from gateway.ledger.expanding import add_index

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_RATINGS = sa.text("type = 'RatingGiven'")


def upgrade() -> None:
    add_index("ix_messages_ratings", "messages", ["event_time"], sqlite_where=_RATINGS, postgresql_where=_RATINGS)


def downgrade() -> None:
    op.drop_index("ix_messages_ratings", table_name="messages")
