"""Tables. Every statement on them must be right on SQLite and on PostgreSQL.

Messages are immutable. Deliveries, lanes and attempts carry the work; `statuses` is the history of the status axis and the feed.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    text,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

BigKey = BigInteger().with_variant(Integer, "sqlite")  # SQLite numbers rows by itself only in an INTEGER key


class Instant(TypeDecorator[datetime]):
    """An aware instant: `timestamptz` on PostgreSQL, UTC text of fixed width on SQLite. Naive values are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive time never enters the ledger")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


messages = Table(
    "messages",
    metadata,
    Column("seq", BigKey, primary_key=True, autoincrement=True),
    Column("id", Text, nullable=False, unique=True),
    Column("source", Text, nullable=False),
    Column("source_id", Text, nullable=False),
    Column("idempotency_key", Text),
    Column("type", Text, nullable=False),
    Column("dossier", Text, nullable=False),  # "" for a polled item that nobody could read
    Column("event_time", Instant, nullable=False),
    Column("received_time", Instant, nullable=False),
    Column("digest", Text, nullable=False),
    Column("content_type", Text, nullable=False),
    Column("original", LargeBinary, nullable=False),
    Column("body", Text, nullable=False),
    Column("mapping", Text),  # name@version of the inbound mapping
    Column("held", Text),  # why it moved nothing
    Column(
        "routed", Integer, nullable=False
    ),  # how many deliveries were made for it: what conservation is checked against
    Column("because", Text),  # our id of the message that this one was derived from
    Column("trace", Text),
    UniqueConstraint("source", "source_id"),
    Index("ix_messages_dossier_seq", "dossier", "seq"),
    Index(
        "uq_messages_source_key",
        "source",
        "idempotency_key",
        unique=True,
        sqlite_where=text("idempotency_key IS NOT NULL"),
        postgresql_where=text("idempotency_key IS NOT NULL"),
    ),
    Index("ix_messages_held", "seq", sqlite_where=text("held IS NOT NULL"), postgresql_where=text("held IS NOT NULL")),
    Index(
        "ix_messages_ratings",
        "event_time",
        sqlite_where=text("type = 'RatingGiven'"),
        postgresql_where=text("type = 'RatingGiven'"),
    ),
)

dossiers = Table(
    "dossiers",
    metadata,
    Column("code", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("procedure", Text, nullable=False),
    Column("organisation", Text, nullable=False),
    Column("channel", Integer, nullable=False),
    Column("status", Integer, nullable=False),
    Column("status_time", Instant, nullable=False),
    Column("status_seq", BigInteger, nullable=False),
    Column("due_at", Instant),
    Column("newest", BigInteger, nullable=False),  # seq of the newest DossierSubmitted
    Column("created_at", Instant, nullable=False),
)

statuses = Table(
    "statuses",
    metadata,
    Column("seq", BigInteger, ForeignKey("messages.seq"), primary_key=True, autoincrement=False),
    Column("message", Text, nullable=False),
    Column("dossier", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("event_time", Instant, nullable=False),
    Column("received_time", Instant, nullable=False),
    Column("held", Text),
    Column("position", BigInteger, unique=True),  # place in the feed; given in one go, in order, to committed rows only
    Index("ix_statuses_dossier_seq", "dossier", "seq"),
    Index(
        "ix_statuses_unplaced",
        "seq",
        sqlite_where=text("position IS NULL AND held IS NULL"),
        postgresql_where=text("position IS NULL AND held IS NULL"),
    ),
)

beliefs = Table(
    "beliefs",
    metadata,
    Column("dossier", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("status", Integer, nullable=False),
    Column("since", Instant, nullable=False),  # event time of what it said, or was told
    Column("message", Text, nullable=False),
    Column("how", Text, nullable=False),  # said | accepted | confirmed
    Column("at", Instant, nullable=False),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("message_seq", BigInteger, ForeignKey("messages.seq"), nullable=False),
    Column("dossier", Text, nullable=False),
    Column("destination", Text, nullable=False),
    Column("state", Text, nullable=False),  # waiting | in_doubt | parked | delivered | cancelled
    Column("duplicate", Boolean, nullable=False, default=False),
    Column("reason", Text),
    Column("code", Text),
    Column("attempts", Integer, nullable=False, default=0),
    Column("asks", Integer, nullable=False, default=0),
    Column("open_attempt", BigInteger),  # the attempt under way; still set after a crash
    Column("steps", Text),
    Column("edited", Text),  # documents a person put in place of the mapping's, as JSON
    Column("reference", Text),
    Column("created_at", Instant, nullable=False),
    Column("ended_at", Instant),
    UniqueConstraint("message_seq", "destination"),
    Index("ix_deliveries_lane", "destination", "dossier", "message_seq"),
    Index(
        "ix_deliveries_open",
        "destination",
        "state",
        "created_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

lanes = Table(
    "lanes",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("dossier", Text, primary_key=True),
    Column("open", Integer, nullable=False),
    Column("delivered", Integer, nullable=False, default=0),
    Column("blocked", Boolean, nullable=False, default=False),
    Column("due_at", Instant, nullable=False),
    Column("urgency", Instant, nullable=False),
    Column("fence", BigInteger, nullable=False, default=0),
    Column("lease_until", Instant),
    Index(
        "ix_lanes_work",
        "destination",
        "urgency",
        "due_at",
        sqlite_where=text("open > 0 AND blocked = 0"),
        postgresql_where=text("open > 0 AND NOT blocked"),
    ),
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("delivery", BigInteger, ForeignKey("deliveries.id"), nullable=False, index=True),
    Column("fence", BigInteger, nullable=False),
    Column("kind", Text, nullable=False),  # send | ask
    Column("worker", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", Text),
    Column("code", Text),
    Column("reason", Text),
    Column("answer", Text),
)

breakers = Table(
    "breakers",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("state", Text, nullable=False),  # closed | open | half_open
    Column("failures", Integer, nullable=False),
    Column("opened_at", Instant),
    Column("probe_at", Instant),
    Column("reason", Text),
)

paces = Table(
    "paces",
    metadata,
    Column("destination", Text, primary_key=True),
    Column("level", Float, nullable=False),  # lanes that may be taken at once, as of `at`
    Column("at", Instant, nullable=False),
)

cursors = Table(
    "cursors",
    metadata,
    Column("partner", Text, primary_key=True),
    Column("value", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("sha256", Text, primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("media_type", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

keys = Table(
    "keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("partner", Text, nullable=False),
    Column("kind", Text, nullable=False),  # bearer | hmac
    Column("digest", Text, nullable=False),
    Column("note", Text),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
    Column("disabled_at", Instant),
)

nonces = Table(
    "nonces",
    metadata,
    Column("key", Text, primary_key=True),
    Column("nonce", Text, primary_key=True),
    Column("at", Instant, nullable=False, index=True),
)

acts = Table(
    "acts",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("act", Text, nullable=False),
    Column("subject", Text, nullable=False, index=True),
    Column("reason", Text, nullable=False),
    Column("detail", Text),
)

asked = Table(
    "asked",
    metadata,
    Column("dossier", Text, primary_key=True),
    Column("system", Text, primary_key=True),
    Column("at", Instant, nullable=False),  # when it answered last
    Column("there", Boolean, nullable=False),
    Column("theirs", Text),  # its own word for the status
    Column("status", Integer),  # which of ours that is; several, or none that a table knows: empty
    Column("since", Instant),
    Column("finding", Text, nullable=False),  # agrees, or the kind of the difference
    Column("answer", Text),
)

differences = Table(
    "differences",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("system", Text, nullable=False),
    Column("dossier", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),  # open | proposed | approved | healing | person | declined | healed | gone
    Column("seen", Integer, nullable=False),  # answers in a row that said so
    Column("rounds", Integer, nullable=False),  # how often it was healed in vain
    Column("told", Integer),  # the status that the system was told last
    Column("theirs", Text),
    Column("plan", Text, nullable=False),  # JSON: the messages that would heal it
    Column("found_at", Instant, nullable=False),
    Column("again_at", Instant),  # asked about again; empty while nothing is to be asked
    Column("ended_at", Instant),
    Index(
        "uq_differences_open",
        "system",
        "dossier",
        unique=True,
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
    Index("ix_differences_found", "system", "found_at"),
)

rulings = Table(
    "rulings",
    metadata,
    Column("message", Text, primary_key=True),  # our id of a held message
    Column("ruling", Text, nullable=False),  # applied | discarded
    Column("made", Text),  # our id of the message that was made of it
    Column("at", Instant, nullable=False),
    Column("who", Text, nullable=False),
    Column("reason", Text, nullable=False),
)

incidents = Table(
    "incidents",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("trouble", Text, nullable=False),
    Column("owner", Text, nullable=False),  # a partner, or operator
    Column("what", Text, nullable=False),
    Column("what_en", Text, nullable=False),
    Column("count", Integer, nullable=False),  # how many it concerns: deliveries, differences, files
    Column("most", Integer, nullable=False),
    Column("again", Integer, nullable=False),  # how often it came back before it was closed
    Column("since", Instant, nullable=False),  # when it began, as far as is known
    Column("opened_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("well_at", Instant),  # the first look that no longer saw it
    Column("closed_at", Instant),
    Index(
        "uq_incidents_open",
        "trouble",
        "owner",
        unique=True,
        sqlite_where=text("closed_at IS NULL"),
        postgresql_where=text("closed_at IS NULL"),
    ),
)

notices = Table(
    "notices",
    metadata,
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column(
        "name", Text, nullable=False, unique=True
    ),  # what it is about and by which channel: written once, whoever writes it
    Column("token", Text, nullable=False),  # by which a receiver knows a repeat
    Column("kind", Text, nullable=False),  # opened | closed | digest
    Column("incident", BigInteger, ForeignKey("incidents.id")),
    Column("channel", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("text", Text, nullable=False),
    Column("data", Text, nullable=False),  # JSON: the same for a machine
    Column("state", Text, nullable=False),  # waiting | sent | given_up
    Column("tries", Integer, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("error", Text),
    Index(
        "ix_notices_waiting", "due_at", sqlite_where=text("ended_at IS NULL"), postgresql_where=text("ended_at IS NULL")
    ),
)

leaders = Table(
    "leaders",
    metadata,
    Column("name", Text, primary_key=True),
    Column("owner", Text, nullable=False),
    Column("until", Instant, nullable=False),
)

schema_floor = Table(
    "schema_floor",
    metadata,
    Column("oldest", Text, primary_key=True),  # one row: programs of this schema revision and later may work here
)

OPEN = ("waiting", "in_doubt", "parked")
RETOLD = "Retold"  # the type of a message of our own: it names one that is told again
FAR = datetime(9999, 1, 1, tzinfo=UTC)  # the urgency of a dossier without a deadline: last
