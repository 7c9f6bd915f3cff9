"""The first row at or after a moment, where no index leads from moments to rows."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Connection, func, select


def first_at(connection: Connection, number: Column[int], moment: Column[datetime], wanted: datetime) -> int:
    """Its number; one more than the last when there is none. Rows are numbered as they come, so halving finds it."""
    low, high = 1, int(connection.execute(select(func.max(number))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(select(number, moment).where(number >= middle).order_by(number).limit(1)).first()
        if row is None or row[1] >= wanted:
            high = middle
        else:
            low = row[0] + 1
    return low
