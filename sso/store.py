"""The narrow port to the database: five verbs on the sign-on's own tables. The gateway hands in what speaks SQL.

Conditions are by keyword: ``name=value``, ``name=None`` for empty, ``name_until=t`` for at most, ``name_after=t`` for more than. Tables and
their columns: docs/decisions/sign-on-storage.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any, Protocol

Row = dict[str, Any]


class Rows(Protocol):
    """Inside one transaction."""

    def add(self, table: str, **values: Any) -> bool:
        """False when such a row is there already; it is then left as it is."""

    def first(self, table: str, *, lock: bool = False, **where: Any) -> Row | None:
        """With `lock` nobody else changes it before this transaction has ended."""

    def all(self, table: str, *, order: str = "", newest: str = "", most: int = 1000, **where: Any) -> list[Row]:
        """At most `most`, in the order of the column `order`, or the other way round of `newest`."""

    def change(self, table: str, where: Mapping[str, Any], **values: Any) -> list[Row]:
        """The rows that were changed, as they are now; of two who claim the same row, one gets it."""

    def drop(self, table: str, **where: Any) -> None: ...


class Store(Protocol):
    """Transactions do not nest. What is to stay must not be left by an exception: tell the refusal after the block."""

    def read(self) -> AbstractContextManager[Rows]: ...

    def write(self) -> AbstractContextManager[Rows]: ...
