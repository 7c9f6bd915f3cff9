"""Statements that run for every message, compiled once: Core's own work for a call costs several times what the database does.

The statement stays a Core one, so that both engines stay right; values are bound, and instants come back, as its column types say.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Dialect
from sqlalchemy.exc import DBAPIError

from gateway.ledger.opening import ONLY_READS

Convert = Callable[[Any], Any]
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class _Compiled:
    """For one dialect. `binds` in the order the driver wants; `fixed` are the values that stand in the statement itself."""

    sql: str
    wanted: frozenset[str]
    fixed: Mapping[str, Any]
    binds: Sequence[tuple[str, Convert | None]]
    positional: bool
    make: Any
    results: Sequence[tuple[int, Convert]]

    def bound(self, row: Row) -> Any:
        if row.keys() != self.wanted:
            raise ValueError(f"this statement takes {sorted(self.wanted)}, not {sorted(row)}")
        whole = {**self.fixed, **row} if self.fixed else row
        if self.positional:
            return [convert(whole[n]) if convert else whole[n] for n, convert in self.binds]
        return {n: convert(whole[n]) if convert else whole[n] for n, convert in self.binds}

    def read(self, found: Sequence[Any]) -> Any:
        values = list(found)
        for at, convert in self.results:
            values[at] = convert(values[at])
        return self.make._make(values)


class Prepared:
    """One statement, or one for each dialect by its name. Every call gives the same parameters; a list only where `among` stands."""

    def __init__(self, statement: Any) -> None:
        self._statement = statement
        self._compiled: dict[str, _Compiled] = {}

    def run(self, connection: Connection, row: Row) -> None:
        compiled = self._ready(connection, row)
        self._execute(connection, compiled.sql, compiled.bound(row), many=False)

    def run_many(self, connection: Connection, rows: Sequence[Row]) -> None:
        if len(rows) == 1:  # the drivers' way with many costs more than one statement
            self.run(connection, rows[0])
        elif rows:
            compiled = self._ready(connection, rows[0])
            self._execute(connection, compiled.sql, [compiled.bound(row) for row in rows], many=True)

    def rows(self, connection: Connection, row: Row) -> list[Any]:
        """What it selects or returns, as named tuples."""
        compiled = self._ready(connection, row)
        found = self._execute(connection, compiled.sql, compiled.bound(row), many=False, fetch=True)
        return [compiled.read(one) for one in found]

    def first(self, connection: Connection, row: Row) -> Any | None:
        found = self.rows(connection, row)
        return found[0] if found else None

    def _ready(self, connection: Connection, row: Row) -> _Compiled:
        name = connection.dialect.name
        if name not in self._compiled:
            statement = self._statement[name] if isinstance(self._statement, dict) else self._statement
            self._compiled[name] = _compile(statement, connection.dialect, row)
        return self._compiled[name]

    def _execute(self, connection: Connection, sql: str, bound: Any, *, many: bool, fetch: bool = False) -> list[Any]:
        if not connection.in_transaction():
            connection.begin()  # Core would have begun it
        try:
            with closing(connection.connection.cursor()) as cursor:
                if many:
                    cursor.executemany(sql, bound)
                else:
                    cursor.execute(sql, bound)
                return list(cursor.fetchall()) if fetch else []
        except Exception as error:
            raise _known(connection, sql, error) from error


def _known(connection: Connection, sql: str, error: Exception) -> BaseException:
    """The error as Core raises it, without the values: those may be personal."""
    dialect, fault = connection.dialect, connection.dialect.loaded_dbapi.Error
    only_reads = (
        getattr(error, "sqlstate", None) in ONLY_READS
    )  # a standby: the next connection may lead to the primary
    gone = only_reads or (isinstance(error, fault) and dialect.is_disconnect(error, connection.connection, None))
    if gone:
        connection.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, fault, hide_parameters=True, connection_invalidated=gone, dialect=dialect
    )


def _compile(statement: Any, dialect: Dialect, row: Row) -> _Compiled:
    # only an insert of given values takes its columns from the row
    valued = statement.is_insert and statement.select is None
    compiled: Any = statement.compile(dialect=dialect, column_keys=list(row) if valued else None)
    binds = {name: bind for bind, name in compiled.bind_names.items()}
    lost = [name for name, bind in binds.items() if bind.required and name not in row] + sorted(row.keys() - binds)
    if lost:
        raise ValueError(f"not both in the statement and in the row: {lost}")
    values = compiled.construct_params(dict(row))
    order = compiled.positiontup if compiled.positional else list(binds)
    columns = list(statement.exported_columns)
    return _Compiled(
        sql=str(compiled),
        wanted=frozenset(row),
        fixed={name: values[name] for name in binds if name not in row},
        binds=[(name, binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in order],
        positional=compiled.positional,
        make=namedtuple("Row", [c.key for c in columns]),  # its fields are known only here
        results=[
            (i, convert)
            for i, c in enumerate(columns)
            if (convert := c.type.dialect_impl(dialect).result_processor(dialect, None)) is not None
        ],
    )
