"""Times in partners' patterns (yyyy MM dd HH mm ss, XXX for an offset), in Vietnam's time, to and from RFC 3339 in UTC."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from operator import attrgetter

from gateway.canonical.scalars import HANOI, write_instant
from mappings.engine.wrong import Wrong, show

_FIELDS = {"yyyy": "year", "MM": "month", "dd": "day", "HH": "hour", "mm": "minute", "ss": "second"}
_OFFSET = "XXX"  # as xs:dateTime has it: +07:00, or Z
_TOKEN = re.compile(r"yyyy|MM|dd|HH|mm|ss|XXX|T|[^A-Za-z%]")
_HANOI_OFFSET = datetime(2000, 1, 1, tzinfo=HANOI).isoformat()[-6:]
ANY_INSTANT = "rfc3339"
"""Stands in place of a pattern: whatever RFC 3339 allows, with its offset."""


def tokens(pattern: str) -> list[str]:
    """The pattern in pieces. Raises ValueError for a letter that is none of yyyy MM dd T HH mm ss XXX, and for a piece given twice."""
    found = _TOKEN.findall(pattern)
    fields = [t for t in found if t in _FIELDS or t == _OFFSET]
    if "".join(found) != pattern or len(fields) != len(set(fields)) or not {"yyyy", "MM", "dd"} <= set(fields):
        raise ValueError(pattern)
    return found


def writer(pattern: str) -> Callable[[str], str]:
    """From an RFC 3339 instant to the pattern."""
    pieces = tokens(pattern)
    written = {**{t: f"%0{len(t)}d" for t in _FIELDS}, _OFFSET: _HANOI_OFFSET}
    template = "".join(written.get(t, t) for t in pieces)  # half the time of strftime
    fields = attrgetter(*[_FIELDS[t] for t in pieces if t in _FIELDS])
    return lambda value: template % fields(read_instant(value).astimezone(HANOI))


def reader(patterns: tuple[str, ...]) -> Callable[[str], str]:
    """From a text in the first pattern that fits, to RFC 3339 in UTC."""
    known = [_regex(p) for p in patterns if p != ANY_INSTANT]
    any_instant = ANY_INSTANT in patterns

    def read(value: str) -> str:
        for regex in known:
            if match := regex.fullmatch(value):
                try:
                    return _written(_instant(**match.groupdict()), value)
                except ValueError:
                    break
        if any_instant:
            return _written(read_instant(value), value)
        wanted = " / ".join(patterns)
        raise Wrong(
            "not-a-time",
            f"“{show(value)}” không phải thời gian dạng {wanted}",
            f"{show(value)!r} is not a time such as {wanted}",
        )

    return read


def day_reader(pattern: str) -> Callable[[str, datetime | None], str]:
    """From a day without an hour to its last second; with the moment at which we heard, to that moment when it is earlier.

    A day after that moment is a fault: what they say has happened has not.
    """
    read = reader((pattern,))

    def last(value: str, heard: datetime | None) -> str:
        first = read_instant(read(value))
        end = first + timedelta(days=1, seconds=-1)
        if heard is not None and first > heard:
            raise Wrong(
                "day-ahead",
                f"ngày “{show(value)}” ở sau lúc ta nhận tin",
                f"the day {show(value)!r} is after the moment at which we heard of it",
            )
        return write_instant(end if heard is None else min(end, heard))

    return last


def has_hour(pattern: str) -> bool:
    return pattern == ANY_INSTANT or "HH" in tokens(pattern)


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


def _instant(offset: str | None = None, **parts: str) -> datetime:
    """Raises ValueError when there is no such time."""
    moment = datetime(*[int(parts.get(name, 0)) for name in _FIELDS.values()])  # type: ignore[arg-type]  # noqa: DTZ001
    return moment.replace(tzinfo=HANOI) if offset is None else datetime.fromisoformat(f"{moment.isoformat()}{offset}")


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
    read = {t: rf"(?P<{name}>[0-9]{{{len(t)}}})" for t, name in _FIELDS.items()}
    read[_OFFSET] = "(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})"
    return re.compile("".join(read.get(t) or re.escape(t) for t in tokens(pattern)))
