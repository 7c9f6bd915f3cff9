"""What the sign-on keeps: its tables, and five verbs on them.

The rules of signing on are in `sso/`, which knows no database: it is handed a `SignOnLedger` and asks through these verbs
(docs/decisions/sign-on-storage.md). Secrets stand here as digests, personal data sealed or as a keyed hash; neither is made here.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Executable,
    Index,
    Integer,
    Table,
    Text,
    bindparam,
    delete,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from gateway.ledger.opening import Ledger
from gateway.ledger.tables import BigKey, Instant, metadata

_TABLES: dict[str, Table] = {}


def _table(name: str, *parts: Any) -> Table:
    """A table of the sign-on; known to the verbs by its name without the prefix."""
    _TABLES[name] = Table(f"signon_{name}", metadata, *parts)
    return _TABLES[name]


people = _table(
    "people",
    Column("id", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # citizen | enterprise | officer
    Column("profile", Text, nullable=False),  # sealed
    Column("organisation", Text),
    Column("roles", Text, nullable=False),  # words, blank between them
    Column("merged_into", Text),
    Column("disabled_at", Instant),
    Column("created_at", Instant, nullable=False),
)

identifiers = _table(
    "identifiers",
    Column("kind", Text, primary_key=True),  # citizen:cccd, enterprise:tax_code …
    Column("hash", Text, primary_key=True),  # keyed: a copy of the database alone finds nobody by number
    Column("person", Text, nullable=False, index=True),
    Column("masked", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("level", Integer, nullable=False),  # how sure that provider was: never found by one less sure
    Column("since", Instant, nullable=False),
)

merges = _table(
    "merges",
    Column("source", Text, primary_key=True),
    Column("target", Text, nullable=False, index=True),
    Column("at", Instant, nullable=False),
    Column("how", Text, nullable=False),
    Column("moved", Text, nullable=False),  # which identifiers moved, masked, as JSON
    Column("profile", Text, nullable=False),  # the source's, sealed, as it was
)

sessions = _table(
    "sessions",
    Column("id", Text, primary_key=True),  # no secret: the `sid` that each client is told is made of it
    Column("secret", Text, nullable=False, unique=True),  # digest of the cookie
    Column("person", Text, nullable=False, index=True),
    Column("provider", Text, nullable=False),
    Column("level", Integer, nullable=False),
    Column("auth_time", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False),
    Column("ended_at", Instant),
    Column("because", Text),
    Column("upstream", Text),  # sealed: what its provider wants back at the logout
    Column("place", Text, nullable=False),
)

visits = _table(
    "visits",
    Column("session", Text, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("sub", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

families = _table(
    "families",
    Column("id", Text, primary_key=True),
    Column("client", Text, nullable=False),
    Column("person", Text, nullable=False, index=True),
    Column("session", Text, nullable=False, index=True),
    Column("offline", Boolean, nullable=False),  # outlives the session
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("revoked_at", Instant),
    Column("because", Text),
)

vouchers = _table(
    "vouchers",
    Column("digest", Text, primary_key=True),
    Column("kind", Text, nullable=False),  # code | refresh | request | pending | upstream | link | jti | revoked …
    Column("data", Text, nullable=False),  # sealed
    Column("family", Text, index=True),
    Column("expires_at", Instant, nullable=False, index=True),
    Column("used_at", Instant),
)

consents = _table(
    "consents",
    Column("person", Text, primary_key=True),
    Column("client", Text, primary_key=True),
    Column("scopes", Text, nullable=False),
    Column("at", Instant, nullable=False),
)

clients = _table(
    "clients",
    Column("id", Text, primary_key=True),
    Column("disabled_at", Instant),
    Column("at", Instant, nullable=False),
)

secrets = _table(
    "secrets",
    Column("id", Text, primary_key=True),
    Column("client", Text, nullable=False, index=True),
    Column("digest", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("expires_at", Instant),
)

signing_keys = _table(
    "keys",
    Column("kid", Text, primary_key=True),
    Column("alg", Text, nullable=False),
    Column("sealed", Text, nullable=False),
    Column("made_at", Instant, nullable=False),
    Column("use_from", Instant, nullable=False),
    Column("gone_at", Instant),  # nothing signed with it is good any more from here on
)

limits = _table(
    "limits",
    Column("name", Text, primary_key=True),
    Column("full_until", Instant, nullable=False, index=True),
)

events = _table(
    "events",
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("at", Instant, nullable=False, index=True),
    Column("event", Text, nullable=False),
    Column("person", Text, index=True),
    Column("client", Text),
    Column("session", Text),
    Column("place", Text),
    Column("detail", Text),
)

notices = _table(
    "notices",
    Column("id", BigKey, primary_key=True, autoincrement=True),
    Column("client", Text, nullable=False),
    Column("session", Text, nullable=False),
    Column("sub", Text, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("tries", BigInteger, nullable=False),
    Column("ended_at", Instant),
    Column("outcome", Text),
    Index(
        "ix_signon_notices_due",
        "due_at",
        sqlite_where=text("ended_at IS NULL"),
        postgresql_where=text("ended_at IS NULL"),
    ),
)

Row = dict[str, Any]


class SignOnRows:
    """The verbs, inside one transaction. Conditions are by keyword: ``name=value``, ``name=None`` for empty, ``name_until=t`` for `<=`,
    ``name_after=t`` for `>`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._sqlite = connection.dialect.name == "sqlite"

    def add(self, table: str, **values: Any) -> bool:
        """False when such a row is there already; it is then left as it is."""
        return self._connection.execute(_insert(table, self._sqlite), values).first() is not None

    def first(self, table: str, *, lock: bool = False, **where: Any) -> Row | None:
        """With `lock` nobody else changes it before this transaction has ended."""
        statement = _select(table, _shape(where), "", "", 1, lock)
        found = self._connection.execute(statement, _given(where)).first()
        return None if found is None else dict(found._mapping)

    def all(self, table: str, *, order: str = "", newest: str = "", most: int = 1000, **where: Any) -> list[Row]:
        """At most `most`, in the order of the column `order`, or the other way round of the column `newest`."""
        statement = _select(table, _shape(where), order, newest, most, False)
        return [dict(row._mapping) for row in self._connection.execute(statement, _given(where))]

    def change(self, table: str, where: Mapping[str, Any], **values: Any) -> list[Row]:
        """The rows that were changed, as they are now. Of two who change ``used_at=None`` to a time, one gets the row."""
        _must_choose(where)
        statement = _update(table, _shape(where), tuple(values))
        given = {**_given(where), **{f"to_{name}": value for name, value in values.items()}}
        return [dict(row._mapping) for row in self._connection.execute(statement, given)]

    def drop(self, table: str, **where: Any) -> None:
        _must_choose(where)
        self._connection.execute(_delete(table, _shape(where)), _given(where))


# Statements are made once for each shape of question: making them costs more than asking.

Shape = tuple[tuple[str, bool], ...]
"""The conditions' names, and whether each asks for empty."""


def _shape(where: Mapping[str, Any]) -> Shape:
    return tuple((name, value is None) for name, value in where.items())


def _given(where: Mapping[str, Any]) -> dict[str, Any]:
    return {f"if_{name}": value for name, value in where.items() if value is not None}


@cache
def _insert(table: str, sqlite: bool) -> Executable:
    kind = sqlite_insert if sqlite else postgresql_insert
    made: Executable = kind(_TABLES[table]).on_conflict_do_nothing().returning(*_TABLES[table].primary_key.columns)
    return made


@cache
def _select(table: str, shape: Shape, order: str, newest: str, most: int, lock: bool) -> Executable:
    columns = _TABLES[table].c
    statement = select(_TABLES[table]).where(*_conditions(table, shape)).limit(most)
    if order or newest:
        statement = statement.order_by(columns[order] if order else columns[newest].desc())
    return statement.with_for_update() if lock else statement


@cache
def _update(table: str, shape: Shape, names: tuple[str, ...]) -> Executable:
    columns = _TABLES[table].c
    values = {name: bindparam(f"to_{name}", type_=columns[name].type) for name in names}
    return update(_TABLES[table]).where(*_conditions(table, shape)).values(values).returning(_TABLES[table])


@cache
def _delete(table: str, shape: Shape) -> Executable:
    return delete(_TABLES[table]).where(*_conditions(table, shape))


def _conditions(table: str, shape: Shape) -> Sequence[ColumnElement[bool]]:
    return [_condition(_TABLES[table], name, empty) for name, empty in shape]


def _condition(table: Table, name: str, empty: bool) -> ColumnElement[bool]:
    base, how = (name, "") if name in table.c else name.rpartition("_")[::2]
    column = table.c[base]
    given = bindparam(f"if_{name}", type_=column.type)
    return column.is_(None) if empty else {"": column == given, "until": column <= given, "after": column > given}[how]


def _must_choose(where: Mapping[str, Any]) -> None:
    if not where:
        raise ValueError("without a condition the whole table is meant")


class SignOnLedger:
    """The two kinds of transaction. They do not nest."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @contextmanager
    def read(self) -> Iterator[SignOnRows]:
        with self._ledger.read() as connection:
            yield SignOnRows(connection)

    @contextmanager
    def write(self) -> Iterator[SignOnRows]:
        with self._ledger.write() as connection:
            yield SignOnRows(connection)


def note_admin(rows: SignOnRows, at: datetime, event: str, client: str, detail: str) -> None:
    """What an operator did with a client or a key, in the journal of the sign-on."""
    rows.add("events", at=at, event=event, client=client, place="lienthong", detail=detail)


def forget_grants(connection: Connection, now: datetime) -> None:
    """A copy that was put back knows what was spent or ended since as good: every session and everything granted ends, people sign in again.
    A signing key may have been stolen and replaced since: none of the copy's is good any more."""
    because = "the ledger is a restored copy"
    connection.execute(update(sessions).where(sessions.c.ended_at.is_(None)).values(ended_at=now, because=because))
    connection.execute(update(families).where(families.c.revoked_at.is_(None)).values(revoked_at=now, because=because))
    connection.execute(update(vouchers).where(vouchers.c.used_at.is_(None)).values(used_at=now))
    gone = signing_keys.c.gone_at
    connection.execute(update(signing_keys).where(gone.is_(None) | (gone > now)).values(gone_at=now))


__all__ = ["SignOnLedger", "SignOnRows", "forget_grants", "note_admin"]
