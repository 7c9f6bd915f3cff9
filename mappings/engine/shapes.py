"""What a value looks like: a time in some pattern, a code of some form."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ValidationError

from mappings.engine.steps import FORMS
from mappings.engine.times import from_epoch_ms, has_hour, read_instant, reader
from mappings.engine.wrong import Wrong

PATTERNS = (
    "yyyyMMddHHmmss", "yyyyMMddHHmm", "dd/MM/yyyy HH:mm:ss", "dd/MM/yyyy HH:mm", "dd/MM/yyyy", "dd-MM-yyyy HH:mm:ss", "dd-MM-yyyy",
    "dd.MM.yyyy", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-ddTHH:mm", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd HH:mm", "yyyy-MM-dd", "yyyy/MM/dd", "yyyyMMdd",
)  # fmt: skip
INSTANT = "RFC 3339"
WITH_OFFSET = "yyyy-MM-ddTHH:mm:ssXXX"  # one form of it
MILLISECONDS = "ms"
_EPOCH = range(946_684_800_000, 4_102_444_800_000)  # 2000 to 2100
_TELLING = (
    "dossier_code",
    "procedure_code",
    "result_code",
    "organisation_code",
    "email",
    "phone",
    "cccd",
    "tax_code",
    "cmnd",
)


def time_of(value: Any) -> str | None:
    """The pattern the value is a time in, `INSTANT`, `MILLISECONDS`, or None."""
    if isinstance(value, int) and not isinstance(value, bool):
        return MILLISECONDS if value in _EPOCH else None
    if not isinstance(value, str):
        return None
    for pattern in PATTERNS:
        try:
            reader((pattern,))(value)
        except Wrong:
            continue
        return pattern
    try:
        read_instant(value)
    except Wrong:
        return None
    return INSTANT


def is_day(time: str | None) -> bool:
    """Is it a pattern without an hour?"""
    return time not in (None, INSTANT, MILLISECONDS) and not has_hour(str(time))


def moment_of(value: Any) -> datetime | None:
    """The instant that the value tells, if it tells one; of a day, its beginning."""
    time = time_of(value)
    if time is None:
        return None
    if time == MILLISECONDS:
        return read_instant(from_epoch_ms(value))
    return read_instant(value if time == INSTANT else reader((time,))(value))


def form_of(value: Any) -> str | None:
    """The first form, most telling first, that the value has."""
    return next((form for form in _TELLING if has_form(value, form)), None)


def has_form(value: Any, form: str) -> bool:
    try:
        FORMS[form].validate_python(value)
    except ValidationError:
        return False
    return True


FORM_OF_PATTERN = {
    pattern: name for name, adapter in FORMS.items() if (pattern := adapter.json_schema().get("pattern")) is not None
}
"""Which form a schema's pattern is."""
