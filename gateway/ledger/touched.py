"""How many dossiers a change of a code list touches. Nothing here writes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, case, func, select

from gateway.ledger.tables import dossiers


def dossiers_by(
    connection: Connection, column: Literal["procedure", "organisation"], ended: Collection[int], since: datetime
) -> Sequence[Any]:
    """A row per code: `code`, `open` dossiers (at none of the statuses `ended`), those that came in `since` (`newer`), and one `example`
    of each (None without any)."""
    is_open = dossiers.c.status.not_in(list(ended))
    is_newer = dossiers.c.created_at >= since
    coded = dossiers.c[column]
    return connection.execute(
        select(
            coded.label("code"),
            func.sum(case((is_open, 1), else_=0)).label("open"),
            func.min(case((is_open, dossiers.c.code))).label("example"),
            func.sum(case((is_newer, 1), else_=0)).label("newer"),
            func.min(case((is_newer, dossiers.c.code))).label("newer_example"),
        ).group_by(coded)
    ).all()
