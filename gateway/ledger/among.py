"""One of many values, given as a single parameter: the statement is the same however many there are, so it is compiled and planned once."""

from __future__ import annotations

from typing import Any, Self

from sqlalchemy import JSON, Boolean, Column, Dialect, TypeDecorator, bindparam
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine


class Many(TypeDecorator[list[Any]]):
    """A list of values: an array on PostgreSQL, JSON on SQLite."""

    impl = JSON
    cache_ok = True

    def __init__(self, item: TypeEngine[Any]) -> None:
        super().__init__()
        self.item = item

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        kind: TypeEngine[Any] = postgresql.ARRAY(self.item) if dialect.name == "postgresql" else JSON()
        return dialect.type_descriptor(kind)


class _Among(FunctionElement[bool]):
    name = "among"
    type = Boolean()
    inherit_cache = True

    def self_group(self, against: Any = None) -> Self:
        """As it is. Core would hold it against 1 on SQLite, and what is held against something is looked up in no index: every row was read."""
        return self


def among(column: Column[Any], parameter: str) -> FunctionElement[bool]:
    """The condition that `column` is one of the values in the list bound to `parameter`."""
    return _Among(column, bindparam(parameter, type_=Many(column.type)))


@compiles(_Among, "postgresql")
def _in_array(element: _Among, compiler: Any, **given: Any) -> str:
    column, many = element.clauses
    return f"{compiler.process(column, **given)} = ANY ({compiler.process(many, **given)})"


@compiles(_Among, "sqlite")
def _in_json(element: _Among, compiler: Any, **given: Any) -> str:
    column, many = element.clauses
    return f"{compiler.process(column, **given)} IN (SELECT value FROM json_each({compiler.process(many, **given)}))"  # noqa: S608 - of compiled parts
