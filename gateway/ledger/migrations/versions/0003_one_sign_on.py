"""One sign-on: people, sessions, clients, what was granted and what happened."""

import sqlalchemy as sa
from alembic import op

from gateway.ledger.tables import Instant

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "signon_clients",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("disabled_at", Instant(), nullable=True),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signon_clients")),
    )
    op.create_table(
        "signon_consents",
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("person", "client", name=op.f("pk_signon_consents")),
    )
    op.create_table(
        "signon_events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("event", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=True),
        sa.Column("client", sa.Text(), nullable=True),
        sa.Column("session", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signon_events")),
    )
    op.create_index(op.f("ix_signon_events_at"), "signon_events", ["at"], unique=False)
    op.create_index(op.f("ix_signon_events_person"), "signon_events", ["person"], unique=False)
    op.create_table(
        "signon_families",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("offline", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signon_families")),
    )
    op.create_index(op.f("ix_signon_families_expires_at"), "signon_families", ["expires_at"], unique=False)
    op.create_index(op.f("ix_signon_families_person"), "signon_families", ["person"], unique=False)
    op.create_index(op.f("ix_signon_families_session"), "signon_families", ["session"], unique=False)
    op.create_table(
        "signon_identifiers",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("masked", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("since", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "hash", name=op.f("pk_signon_identifiers")),
    )
    op.create_index(op.f("ix_signon_identifiers_person"), "signon_identifiers", ["person"], unique=False)
    op.create_table(
        "signon_keys",
        sa.Column("kid", sa.Text(), nullable=False),
        sa.Column("alg", sa.Text(), nullable=False),
        sa.Column("sealed", sa.Text(), nullable=False),
        sa.Column("made_at", Instant(), nullable=False),
        sa.Column("use_from", Instant(), nullable=False),
        sa.Column("gone_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("kid", name=op.f("pk_signon_keys")),
    )
    op.create_table(
        "signon_limits",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("full_until", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_signon_limits")),
    )
    op.create_index(op.f("ix_signon_limits_full_until"), "signon_limits", ["full_until"], unique=False)
    op.create_table(
        "signon_merges",
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("moved", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("source", name=op.f("pk_signon_merges")),
    )
    op.create_index(op.f("ix_signon_merges_target"), "signon_merges", ["target"], unique=False)
    op.create_table(
        "signon_notices",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("tries", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("outcome", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signon_notices")),
    )
    op.create_index(
        "ix_signon_notices_due",
        "signon_notices",
        ["due_at"],
        unique=False,
        sqlite_where=sa.text("ended_at IS NULL"),
        postgresql_where=sa.text("ended_at IS NULL"),
    )
    op.create_table(
        "signon_people",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("profile", sa.Text(), nullable=False),
        sa.Column("organisation", sa.Text(), nullable=True),
        sa.Column("roles", sa.Text(), nullable=False),
        sa.Column("merged_into", sa.Text(), nullable=True),
        sa.Column("disabled_at", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signon_people")),
    )
    op.create_table(
        "signon_secrets",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signon_secrets")),
    )
    op.create_index(op.f("ix_signon_secrets_client"), "signon_secrets", ["client"], unique=False)
    op.create_table(
        "signon_sessions",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("auth_time", Instant(), nullable=False),
        sa.Column("seen_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("ended_at", Instant(), nullable=True),
        sa.Column("because", sa.Text(), nullable=True),
        sa.Column("upstream", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_signon_sessions")),
        sa.UniqueConstraint("secret", name=op.f("uq_signon_sessions_secret")),
    )
    op.create_index(op.f("ix_signon_sessions_person"), "signon_sessions", ["person"], unique=False)
    op.create_table(
        "signon_visits",
        sa.Column("session", sa.Text(), nullable=False),
        sa.Column("client", sa.Text(), nullable=False),
        sa.Column("sub", sa.Text(), nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("session", "client", name=op.f("pk_signon_visits")),
    )
    op.create_table(
        "signon_vouchers",
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("family", sa.Text(), nullable=True),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("digest", name=op.f("pk_signon_vouchers")),
    )
    op.create_index(op.f("ix_signon_vouchers_expires_at"), "signon_vouchers", ["expires_at"], unique=False)
    op.create_index(op.f("ix_signon_vouchers_family"), "signon_vouchers", ["family"], unique=False)


def downgrade() -> None:
    op.drop_table("signon_vouchers")
    op.drop_table("signon_visits")
    op.drop_table("signon_sessions")
    op.drop_table("signon_secrets")
    op.drop_table("signon_people")
    op.drop_table("signon_notices")
    op.drop_table("signon_merges")
    op.drop_table("signon_limits")
    op.drop_table("signon_keys")
    op.drop_table("signon_identifiers")
    op.drop_table("signon_families")
    op.drop_table("signon_events")
    op.drop_table("signon_consents")
    op.drop_table("signon_clients")
