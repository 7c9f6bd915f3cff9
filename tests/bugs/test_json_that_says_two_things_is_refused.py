"""Of two equal keys the last was kept without a word, and 1e400 became infinity, which is no JSON: what was stored could not be read again."""

from __future__ import annotations

import json

import pytest

from gateway.dialect.unwrap import unwrap
from gateway.errors import Refused
from gateway.partnerjson import read_object


@pytest.mark.parametrize(
    "raw",
    [
        b'{"a": 1, "a": 1}',
        b'{"b": [{"a": 1, "\\u0061": 2}]}',
        b'{"a": 1e400}',
        b'{"a": -1e400}',
        b'{"a": NaN}',
        b'{"a": Infinity}',
    ],
)
def test_by_every_reader_of_a_partners_json(raw: bytes) -> None:
    with pytest.raises(Refused):
        unwrap(raw, ["json"])
    with pytest.raises(Refused):
        read_object(raw)


def test_large_and_small_numbers_are_taken() -> None:
    raw = b'{"a": 1.5e300, "b": 1e-300, "c": 123456789012345678901234567890}'

    assert unwrap(raw, ["json"]) == read_object(raw) == json.loads(raw)
