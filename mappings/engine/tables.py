"""Code tables: `codes.csv` beside the map, with the columns table, from, to and, if wanted, note.

A row whose `from` is `*` is the table's declared default. A map may declare the whole extent of a table under `tables:`;
then every code on either side must have its row, and no row may stand outside. Codes it names as `refused` may come in and have no row
on purpose: what carries one is refused.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from pathlib import Path

from gateway.errors import Misconfigured
from mappings.engine.sheet import Node

DEFAULT = "*"
UNFINISHED = "???"  # a code nobody has found yet, as a draft leaves it


@dataclass(slots=True)
class Table:
    """One table: our code to theirs (or theirs to ours)."""

    name: str
    rows: dict[str, str] = field(default_factory=dict)
    default: str | None = None
    refused: frozenset[str] = frozenset()

    def find(self, code: str) -> str | None:
        return self.rows.get(code, self.default)


def read_tables(file: Path) -> dict[str, Table]:
    """The tables of `file`; none when it does not exist. Raises `Misconfigured`."""
    if not file.exists():
        return {}
    try:
        return parse_tables(file.read_text(encoding="utf-8-sig"), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: cannot be read: {error}") from error


def parse_tables(text: str, file: str) -> dict[str, Table]:
    """The tables of a text; `file` is its name in what is told. Raises `Misconfigured`."""
    reader = csv.reader(io.StringIO(text), strict=True)
    tables: dict[str, Table] = {}
    try:
        header = next(reader, [])
        if header not in (["table", "from", "to"], ["table", "from", "to", "note"]):
            raise Misconfigured(f"{file}:1: the first line must be table,from,to or table,from,to,note")
        for row in reader:
            if row:
                _add(tables, row, len(header), f"{file}:{reader.line_num}")
    except csv.Error as error:
        raise Misconfigured(f"{file}:{reader.line_num}: not valid CSV: {error}") from error
    return tables


def _add(tables: dict[str, Table], row: list[str], width: int, place: str) -> None:
    if len(row) != width or not row[0] or not row[1]:
        raise Misconfigured(f"{place}: {width} values are expected here, table and from not empty")
    table = tables.setdefault(row[0], Table(row[0]))
    if row[1] == DEFAULT:
        if table.default is not None:
            raise Misconfigured(f"{place}: table {row[0]} has two defaults: keep one")
        table.default = row[2]
    elif row[1] in table.rows:
        raise Misconfigured(f"{place}: table {row[0]} holds {row[1]!r} twice: keep one")
    else:
        table.rows[row[1]] = row[2]


def check_extent(tables: dict[str, Table], declared: Node) -> None:
    """`tables:` of a map against the rows. Raises `Misconfigured` naming what is missing or too much."""
    for name, node in declared.entries().items():
        if name not in tables:
            raise node.wrong(f"codes.csv has no table {name!r}")
        table = tables[name]
        for side, wanted in node.entries(known=("from", "to", "refused")).items():
            codes = {code.strip() for code in wanted.text().split(",")}
            if side == "refused":
                table.refused = frozenset(codes)
                if both := sorted(codes & set(table.rows)):
                    raise wanted.wrong(f"table {name}: {', '.join(both)} cannot be refused and have a row: keep one")
                continue
            found = (
                set(table.rows)
                if side == "from"
                else {*table.rows.values(), *([table.default] if table.default is not None else [])}
            )
            if missing := sorted(codes - found):
                raise wanted.wrong(f"table {name}: no row of codes.csv has {', '.join(missing)} on the side `{side}`")
            if excess := sorted(found - codes):
                raise wanted.wrong(
                    f"table {name}: codes.csv has {', '.join(excess)} on the side `{side}`, which is not declared here"
                )
