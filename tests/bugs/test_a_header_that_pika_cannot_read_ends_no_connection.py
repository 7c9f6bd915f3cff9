"""One agency's header of milliseconds where AMQP wants seconds ended the connection of all, again and again, until others' messages were buried."""

from __future__ import annotations

import struct
from datetime import UTC, datetime

import pytest
from pika import data

from gateway.channels.decoding import read_any_value, text_of


@pytest.fixture(autouse=True)
def _reading() -> None:
    read_any_value()


def table(*fields: bytes) -> bytes:
    inside = b"".join(b"\x01" + bytes([97 + number]) + field for number, field in enumerate(fields))
    return struct.pack(">I", len(inside)) + inside


@pytest.mark.parametrize("moment", [1_764_000_000_000, 2**63, 2**64 - 1])
def test_what_is_no_date_stays_a_number_and_the_rest_is_read(moment: int) -> None:
    read, _ = data.decode_table(table(b"T" + struct.pack(">Q", moment), b"t\x01"), 0)

    assert read == {"a": moment, "b": True}


def test_a_date_is_a_date() -> None:
    read, _ = data.decode_table(table(b"T" + struct.pack(">Q", 1_764_000_000)), 0)

    assert read == {"a": datetime.fromtimestamp(1_764_000_000, UTC)}


def test_infinity_is_read() -> None:
    read, _ = data.decode_table(
        table(b"d" + struct.pack(">d", float("inf")), b"f" + struct.pack(">f", 0.5), b"t\x01"), 0
    )

    assert read == {"a": float("inf"), "b": 0.5, "c": True}


def test_nesting_without_end_is_cut() -> None:
    nested = b"t\x01"
    for _ in range(5000):
        nested = b"F" + table(nested)

    read, end = data.decode_table(table(nested, b"t\x01"), 0)

    assert read["b"] is True
    assert end == len(table(nested, b"t\x01"))


def test_a_short_string_that_is_no_utf8_is_text_all_the_same() -> None:
    assert text_of(b"application/\xff") == "application/\ufffd"
    assert text_of(None) is None
