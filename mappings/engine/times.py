"""Times in partners' patterns (yyyy MM dd HH mm ss), in Vietnam's time, to and from RFC 3339 in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter

from gateway.canonical.scalars import HANOI, write_instant
from mappings.engine.wrong import Wrong, show

_FIELDS = {"yyyy": "year", "MM": "month", "dd": "day", "HH": "hour", "mm": "minute", "ss": "second"}
_TOKEN = re.compile(r"yyyy|MM|dd|HH|mm|ss|[^A-Za-z%]")


def tokens(pattern: str) -> list[str]:
    """The pattern in pieces. Raises ValueError for a letter that is none of yyyy MM dd HH mm ss, and for a piece given twice."""
    found = _TOKEN.findall(pattern)
    fields = [t for t in found if t in _FIELDS]
    if "".join(found) != pattern or len(fields) != len(set(fields)) or not {"yyyy", "MM", "dd"} <= set(fields):
        raise ValueError(pattern)
    return found


def writer(pattern: str) -> Callable[[str], str]:
    """From an RFC 3339 instant to the pattern."""
    pieces = tokens(pattern)
    template = "".join(f"%0{len(t)}d" if t in _FIELDS else t for t in pieces)  # half the time of strftime
    fields = attrgetter(*[_FIELDS[t] for t in pieces if t in _FIELDS])
    return lambda value: template % fields(read_instant(value).astimezone(HANOI))


def reader(patterns: tuple[str, ...]) -> Callable[[str], str]:
    """From a text in the first pattern that fits, to RFC 3339 in UTC."""
    known = [_regex(p) for p in patterns]

    def read(value: str) -> str:
        for regex in known:
            if match := regex.fullmatch(value):
                try:
                    parts = {name: int(digits) for name, digits in match.groupdict().items()}
                    return _written(datetime(**parts, tzinfo=HANOI), value)
                except ValueError:
                    break
        wanted = " / ".join(patterns)
        raise Wrong(
            "not-a-time",
            f"“{show(value)}” không phải thời gian dạng {wanted}",
            f"{show(value)!r} is not a time such as {wanted}",
        )

    return read


def read_instant(value: str) -> datetime:
    """An RFC 3339 text with its offset. Raises `Wrong`."""
    try:
        instant = datetime.fromisoformat(value)
    except ValueError:
        instant = None
    if instant is None or instant.tzinfo is None:
        raise Wrong(
            "not-an-instant",
            f"“{show(value)}” không phải thời điểm RFC 3339",
            f"{show(value)!r} is not an RFC 3339 date-time with its offset",
        )
    return instant


def from_epoch_ms(value: int) -> str:
    try:
        return _written(datetime.fromtimestamp(value / 1000, UTC), str(value))
    except (ValueError, OverflowError, OSError):
        raise _out_of_range(str(value)) from None


def _written(instant: datetime, shown: str) -> str:
    # The canonical model's own range: a zero is not 1970.
    if not 1990 <= instant.year <= 2100:
        raise _out_of_range(shown)
    return write_instant(instant)


def _out_of_range(shown: str) -> Wrong:
    return Wrong(
        "time-out-of-range",
        f"“{show(shown)}” nằm ngoài các năm 1990–2100",
        f"{show(shown)!r} lies outside the years 1990 to 2100",
    )


def _regex(pattern: str) -> re.Pattern[str]:
    return re.compile(
        "".join(rf"(?P<{_FIELDS[t]}>[0-9]{{{len(t)}}})" if t in _FIELDS else re.escape(t) for t in tokens(pattern))
    )
