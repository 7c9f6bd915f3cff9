"""Reading what any client may have written. pika ends the whole connection over a header it cannot read, and with it everybody's messages."""

from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from pika import data

_FLOATS = {b"f": ">f", b"d": ">d"}
_READ: Callable[[bytes, int], tuple[Any, int]] = data.decode_value


def read_any_value() -> None:
    """From now on pika reads every header value that a broker passes on: milliseconds where seconds belong, no number, nesting without end."""
    data.decode_value = _decode_value


def _decode_value(encoded: bytes, offset: int) -> tuple[Any, int]:
    kind = encoded[offset : offset + 1]
    if kind in _FLOATS:  # pika makes whole numbers of them, which infinity is not
        form = _FLOATS[kind]
        return struct.unpack_from(form, encoded, offset + 1)[0], offset + 1 + struct.calcsize(form)
    if kind == b"T":
        return _moment(struct.unpack_from(">Q", encoded, offset + 1)[0]), offset + 9
    try:
        return _READ(encoded, offset)
    except RecursionError:
        if kind not in (b"F", b"A"):
            raise
        return None, offset + 5 + int(struct.unpack_from(">I", encoded, offset + 1)[0])


def _moment(seconds: int) -> datetime | int:
    """AMQP's timestamps are any 64 bits; what is no date stays the number it is."""
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return seconds


def text_of(value: Any) -> Any:
    """A short string: pika leaves it as bytes where it is not UTF-8."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
