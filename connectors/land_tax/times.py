"""The times of the tax messages: Vietnam's time in several forms, ISO 8601 with or without a zone among them. One codec."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from gateway.canonical.scalars import HANOI, read_instant, write_instant

_FORMS = (
    (re.compile(r"\d{14}", re.ASCII), "%Y%m%d%H%M%S"),
    (re.compile(r"\d\d/\d\d/\d{4} \d\d:\d\d:\d\d", re.ASCII), "%d/%m/%Y %H:%M:%S"),
    (re.compile(r"\d\d/\d\d/\d{4}", re.ASCII), "%d/%m/%Y"),
    (re.compile(r"\d\d-\d\d-\d{4}", re.ASCII), "%d-%m-%Y"),
)
_ISO = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?\d?(Z|[+-]\d\d:\d\d)?", re.ASCII)


def read_time(text: Any) -> str:
    """RFC 3339 in UTC. Without a zone it is Vietnam's time; a day alone is its beginning. Raises `PydanticCustomError`."""
    try:
        moment = _read(text) if isinstance(text, str) else None
    except ValueError:
        moment = None
    if moment is None:
        raise PydanticCustomError("tax_time", "must be a time such as 20260105093000 or 05/01/2026 09:30:00")
    return write_instant(read_instant(moment if moment.tzinfo else moment.replace(tzinfo=HANOI)))


def _read(text: str) -> datetime | None:
    for form, pattern in _FORMS:
        if form.fullmatch(text):
            return datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone is added by the caller
    if found := _ISO.fullmatch(text):
        return datetime.fromisoformat(text[:19] + (found[2] or ""))
    return None


TaxTime = Annotated[str, BeforeValidator(read_time)]
