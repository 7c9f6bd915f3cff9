"""The land office's times: ISO 8601 without a zone, meaning UTC and not saying so. One codec, for both directions.

Who takes them for Vietnam's time is seven hours early, and every event looks late.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from gateway.canonical.scalars import read_instant, write_instant

# .NET writes up to seven digits of a second; a microsecond is fine enough for us.
_ISO = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6})\d?)?(Z|[+-]\d\d:\d\d)?", re.ASCII)
_UNSET = re.compile(r"0001-01-01T00:00:00(\.0+)?Z?")


def read_time(text: Any) -> str:
    """RFC 3339 in UTC. A time without a zone is UTC; a zone that is there counts. Raises `PydanticCustomError`."""
    found = _ISO.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise PydanticCustomError("land_time", "must be a time such as 2026-01-05T02:30:00 (UTC)")
    moment, fraction, zone = found.groups()
    return write_instant(read_instant(f"{moment}{f'.{fraction}' if fraction else ''}{zone or 'Z'}"))


def read_optional_time(text: Any) -> str | None:
    """As `read_time`; None for null, for "", and for .NET's date that was never set (0001-01-01)."""
    if text is None or text == "" or (isinstance(text, str) and _UNSET.fullmatch(text)):
        return None
    return read_time(text)


def write_time(instant: str) -> str:
    """From RFC 3339 to what goes out: UTC, and *saying* so, because a reader of either habit then reads it right."""
    return datetime.fromisoformat(instant).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


LandTime = Annotated[str, BeforeValidator(read_time)]
OptionalLandTime = Annotated[str | None, BeforeValidator(read_optional_time)]
