"""Days inside the form: `dd.MM.yyyy`, and `yyyyMMdd` for the day a paper was issued. (Moments outside it are the mapping's to read.)"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

_FORMS = (
    re.compile(r"(?P<day>[0-9]{2})\.(?P<month>[0-9]{2})\.(?P<year>[0-9]{4})"),
    re.compile(r"(?P<year>[0-9]{4})(?P<month>[0-9]{2})(?P<day>[0-9]{2})"),
)


def read_day(text: str) -> date | None:
    """The day, or None when the text is no day in either form: half a date, such as a year of birth, is left as given."""
    for form in _FORMS:
        if match := form.fullmatch(text):
            try:
                found = date(**{name: int(digits) for name, digits in match.groupdict().items()})
            except ValueError:
                return None
            return found if 1900 <= found.year <= 2100 else None
    return None


def days_of(facts: Mapping[str, str]) -> dict[str, str]:
    """The facts that are days, as ISO 8601. Only fields named after a day are looked at: a number may look like one."""
    read = {name: read_day(value) for name, value in facts.items() if "ngay" in name.lower()}
    return {name: day.isoformat() for name, day in read.items() if day is not None}
