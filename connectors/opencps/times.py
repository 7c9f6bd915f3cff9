"""OpenCPS' one form of a moment: milliseconds since 1970, written as text in a form."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from gateway.canonical.scalars import read_instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def write_time(instant: str) -> str:
    """From RFC 3339; "" stays "": there is none."""
    return str((read_instant(instant) - _EPOCH) // timedelta(milliseconds=1)) if instant else ""


def read_time(text: str) -> datetime:
    """Raises ValueError for what is no whole number."""
    return _EPOCH + timedelta(milliseconds=int(text))
