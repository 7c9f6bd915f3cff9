"""The axis' one form of a moment: 2026-01-05T09:30:00.000+0700, in Vietnam's time."""

from __future__ import annotations

from datetime import datetime

from gateway.canonical.scalars import HANOI, read_instant


def write_time(instant: str) -> str:
    """From RFC 3339; "" stays "": there is none."""
    if not instant:
        return ""
    local = read_instant(instant).astimezone(HANOI)
    return f"{local:%Y-%m-%dT%H:%M:%S}.{local.microsecond // 1000:03d}{local:%z}"


def read_time(text: str) -> datetime:
    """Raises ValueError for another form."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%f%z")
