"""How things look on a terminal: tables of at most the terminal's width, times in Vietnam, JSON when asked."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

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


TYPES = {
    "DossierSubmitted": "Gửi hồ sơ",
    "StatusChanged": "Đổi trạng thái",
    "SupplementRequested": "Yêu cầu bổ sung",
    "SupplementProvided": "Nộp bổ sung",
    "PaymentRequested": "Yêu cầu nộp phí",
    "PaymentPaid": "Đã nộp phí",
    "ResultIssued": "Có kết quả",
    "PostalOrdered": "Đặt bưu gửi",
    "PostalCancelled": "Hủy bưu gửi",
    "PostalEvent": "Hành trình bưu gửi",
    "CatalogueChanged": "Đổi danh mục",
    "RatingGiven": "Đánh giá",
    "NoticeWanted": "Cần báo tin",
    "Retold": "Báo lại",
}
"""Of messages, beside their canonical names."""
LONGEST = 60  # a word beyond it is broken all the same: no screen holds it


def console(*, err: bool = False) -> Console:
    """Rich; where the output goes to a file 120 columns wide, or what `COLUMNS` says: a table there is for reading too."""
    from rich.console import Console

    file = sys.stderr if err else sys.stdout
    own = file.isatty() or "COLUMNS" in os.environ
    return Console(file=file, width=None if own else 120, highlight=False, emoji=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Any]], *, caption: str | None = None) -> None:
    """A table; a row's cells are text, numbers, instants or None. An empty one says so. Columns: ``#`` a number, ``!`` never broken.

    The others are broken between words only: numbers, ids and names of fields can be copied. What does not fit then runs over the edge.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    laid = [[cell if isinstance(cell, Text) else state(cell) for cell in row] for row in rows]
    out = console()
    if not laid:
        out.print(f"{title}: không có gì · nothing")
        return
    made = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), caption=caption,
                 caption_justify="left")  # fmt: skip
    widths = fit([_extent(name, [row[i] for row in laid]) for i, name in enumerate(columns)], out.width)
    for column, width in zip(columns, widths, strict=True):
        made.add_column(
            column.lstrip("#!"), overflow="fold", width=width, justify="right" if column.startswith("#") else "left"
        )
    for row in laid:
        made.add_row(*row)
    out.width = max(out.width, sum(widths) + 2 * len(widths))
    out.print(made)


def _extent(column: str, cells: Sequence[Text]) -> tuple[int, int]:
    """The width below which a column's words would be broken, and that of its longest line."""
    from rich.cells import cell_len

    lines = [line for text in (column.lstrip("#!"), *(cell.plain for cell in cells)) for line in text.split("\n")]
    most = max(map(cell_len, lines))
    words = (min(cell_len(word), LONGEST) for line in lines for word in line.split())
    return most if column.startswith(("#", "!")) else max(words, default=0), most


def fit(extents: Sequence[tuple[int, int]], width: int) -> list[int]:
    """The widths of columns of these least and most widths, two blanks beside each: what room is left goes to the narrowest that want more."""
    widths = [least for least, _ in extents]
    room = width - sum(widths) - 2 * len(widths)
    while room > 0 and (short := [i for i, (_, most) in enumerate(extents) if widths[i] < most]):
        widths[min(short, key=lambda i: widths[i])] += 1
        room -= 1
    return widths


def write_lines(mark: str, colour: str, words: Iterable[str]) -> None:
    """Each behind its mark, broken between words at the screen's edge."""
    from rich.text import Text

    out = console()
    for one in words:
        out.print(Text.assemble((f"{mark} ", colour), one))


def print_csv(rows: Iterable[Sequence[Any]]) -> None:
    from gateway.flow.sheets import write_csv

    click.echo(write_csv(rows), nl=False)


def state(value: Any) -> Text:
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
