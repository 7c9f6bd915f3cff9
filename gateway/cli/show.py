"""How things look on a terminal: tables of at most the terminal's width, times in Vietnam, JSON when asked."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console

COLOURS = {
    "delivered": "green",
    "waiting": "yellow",
    "in_doubt": "magenta",
    "parked": "bold red",
    "cancelled": "dim",
    "closed": "green",
    "open": "bold red",
    "half_open": "yellow",
}
BREAKER = {"closed": "không · closed", "open": "có · open", "half_open": "đang dò · half-open"}
STATES = {
    "delivered": "đã gửi",
    "waiting": "đang chờ",
    "in_doubt": "chưa rõ kết quả",
    "parked": "chờ người xử lý",
    "cancelled": "đã hủy",
}


def console(*, err: bool = False) -> Console:
    """Rich, 120 columns wide where the output goes to a file: a table there is for reading too."""
    from rich.console import Console

    file = sys.stderr if err else sys.stdout
    return Console(file=file, width=None if file.isatty() else 120, highlight=False, emoji=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str | None = None) -> None:
    """A table; a row's cells are text, numbers, instants or None. An empty one says so. Columns: ``#`` a number, ``!`` never broken."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption=caption,
                 caption_justify="left")  # fmt: skip
    for column in columns:
        whole = column.startswith(("#", "!"))
        made.add_column(
            column.lstrip("#!"), overflow="fold", no_wrap=whole, justify="right" if column.startswith("#") else "left"
        )
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        made.add_row(*(cell if isinstance(cell, Text) else state(cell) for cell in row))
    out = console()
    if count:
        out.print(made)
    else:
        out.print(f"{title}: không có gì · nothing")


def state(value: Any) -> Any:
    """A cell as text, in its colour when it is the name of a state."""
    from rich.text import Text

    if value is None:
        return Text("–", style="dim")
    if isinstance(value, datetime):
        value = when(value)
    words = str(value)
    return Text(words, style=COLOURS.get(words, ""))


def when(instant: datetime | None) -> str:
    """An instant in Vietnam's time."""
    from gateway.canonical.scalars import HANOI

    return instant.astimezone(HANOI).strftime("%d/%m/%y %H:%M:%S") if instant else "–"


def print_json(value: Any) -> None:
    click.echo(json.dumps(value, ensure_ascii=False, indent=2, default=_plain))


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        from gateway.canonical.scalars import write_instant

        return write_instant(value)
    raise TypeError(f"{type(value).__name__} is not JSON")


def mapping(row: Any, *without: str) -> dict[str, Any]:
    """A ledger row as a dictionary."""
    return {name: value for name, value in row._mapping.items() if name not in without}
