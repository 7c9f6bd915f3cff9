"""CSV that a spreadsheet opens without harm."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any


def write_csv(rows: Iterable[Sequence[Any]], ends: str = "\n") -> str:
    """What a spreadsheet would take for a formula is quoted: names and words of partners are among the cells. Begins with a mark of its encoding:
    a spreadsheet takes it for another otherwise, and garbles every Vietnamese name."""
    out = io.StringIO()
    csv.writer(out, lineterminator=ends).writerows([_harmless(cell) for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()


def _harmless(cell: Any) -> Any:
    return f"'{cell}" if isinstance(cell, str) and cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
