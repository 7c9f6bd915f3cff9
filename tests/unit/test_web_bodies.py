"""Bodies: strict JSON, bounded in size and time."""

from __future__ import annotations

import json
import time as real_time
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from flask import Request
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import BadRequest, BodyTooLarge, Refused
from gateway.flow.strict import DEEPEST, parse
from gateway.web.bodies import Places, given_digest, idempotency_key, pieces, read_all
from gateway.web.problems import Busy, TooSlow

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def request(body: bytes = b"", stream: Any = None, **environ: str) -> Request:
    length = {} if "HTTP_TRANSFER_ENCODING" in environ else {"CONTENT_LENGTH": str(len(body))}
    return Request({"REQUEST_METHOD": "POST", "wsgi.input": stream or BytesIO(body), **length, **environ})


def code_of(raw: bytes) -> str:
    with pytest.raises(BadRequest) as caught:
        parse(raw)
    return caught.value.faults[0].code


@given(json_values)
def test_what_json_can_say_comes_back_unchanged(value: Any) -> None:
    assert parse(json.dumps(value, ensure_ascii=False).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_either_read_or_refused_and_nothing_else(raw: bytes) -> None:
    with suppress(BadRequest):
        parse(raw)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b'{"a":1}x', "not-json"),
        (b'{"a":NaN}', "not-json"),
        (b'{"a":-Infinity}', "not-json"),
        (b'{"a":1e999}', "not-json"),
        (b'{"a":' + b"9" * 5000 + b"}", "not-json"),
        (b'{"a":"\x01"}', "not-json"),
        (b'\xef\xbb\xbf{"a":1}', "not-json"),
        ('{"a":"hồ sơ"}'.encode("utf-16"), "not-utf8"),
        (b'{"a":"\xff"}', "not-utf8"),
        (b'{"a":1,"b":{"c":1,"c":2}}', "name-twice"),
        (b'{"a":"\\ud800"}', "not-unicode"),
        (b'{"\\udfff":1}', "not-unicode"),
        (b"[" * (DEEPEST + 1) + b"]" * (DEEPEST + 1), "too-deep"),
        (b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1), "too-deep"),
        (b"[" * 200_000, "too-deep"),
    ],
)
def test_what_is_not_strict_json_is_refused_by_name(raw: bytes, code: str) -> None:
    assert code_of(raw) == code


def test_brackets_inside_strings_and_wide_lists_are_not_depth() -> None:
    wide = {"text": "[{" * 100, "list": [{"a": [1]} for _ in range(100)]}
    assert parse(json.dumps(wide).encode()) == wide


def test_a_whole_pair_of_surrogates_is_one_character() -> None:
    assert parse(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_a_body_over_the_cap_is_refused_before_any_of_it_is_read() -> None:
    class Untouched:
        def read(self, size: int) -> bytes:
            raise AssertionError("the body was read")

    asked = Request({"REQUEST_METHOD": "POST", "wsgi.input": Untouched(), "CONTENT_LENGTH": "1001"})
    with pytest.raises(BodyTooLarge):
        read_all(asked, 1000, 5)


def test_a_body_in_chunks_is_refused_as_soon_as_it_passes_the_cap() -> None:
    class Endless:
        count = 0

        def read(self, size: int) -> bytes:
            self.count += size
            return b"x" * size

    stream = Endless()
    with pytest.raises(BodyTooLarge):
        read_all(request(stream=stream, HTTP_TRANSFER_ENCODING="chunked"), 100_000, 5)
    assert stream.count < 300_000


def test_a_body_shorter_than_announced_is_refused_not_taken_for_whole() -> None:
    asked = Request({"REQUEST_METHOD": "POST", "wsgi.input": BytesIO(b"12345"), "CONTENT_LENGTH": "10"})
    with pytest.raises(BadRequest) as caught:
        read_all(asked, 1000, 5)
    assert caught.value.faults[0].code == "cut-off"


def test_a_body_that_drips_is_given_up_soon_after_its_time() -> None:
    class Drip:
        def read(self, size: int) -> bytes:
            real_time.sleep(0.02 * size)  # a byte each 20 ms, as the server would wait for them
            return b"x" * size

    start = real_time.monotonic()
    with pytest.raises(TooSlow):
        list(pieces(request(b"x" * 100_000, stream=Drip()), 1 << 20, 0.5))
    assert real_time.monotonic() - start < 2


def test_one_caller_holds_only_its_own_places() -> None:
    places = Places(2)
    places.take("a")
    places.take("a")
    with pytest.raises(Busy):
        places.take("a")
    with places.hold("b"):
        places.leave("a")
        places.take("a")


def test_a_digest_is_read_from_either_header_and_must_be_true() -> None:
    digest = "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="  # of b"abc"
    hexed = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert given_digest(request(HTTP_CONTENT_DIGEST=f"md5=:x:, sha-256=:{digest}:")) == hexed
    assert given_digest(request(HTTP_X_CONTENT_SHA256=hexed.upper())) == hexed
    assert given_digest(request()) is None
    assert read_all(request(b"abc", HTTP_X_CONTENT_SHA256=hexed), 10, 5) == b"abc"
    with pytest.raises(Refused) as caught:
        read_all(request(b"abd", HTTP_X_CONTENT_SHA256=hexed), 10, 5)
    assert (caught.value.status, caught.value.faults[0].code) == (422, "digest-differs")
    for wrong in (
        {"HTTP_X_CONTENT_SHA256": "12"},
        {"HTTP_CONTENT_DIGEST": "sha-256=:zz:"},
        {"HTTP_CONTENT_DIGEST": f"sha-256={digest}"},
    ):
        with pytest.raises(BadRequest):
            given_digest(request(b"", None, **wrong))
    with pytest.raises(BadRequest):
        given_digest(request(HTTP_X_CONTENT_SHA256="0" * 64, HTTP_CONTENT_DIGEST=f"sha-256=:{digest}:"))


@pytest.mark.parametrize(("value", "key"), [("abc-1", "abc-1"), ('"abc-1"', "abc-1")])
def test_an_idempotency_key_may_stand_in_quotation_marks(value: str, key: str) -> None:
    assert idempotency_key(request(HTTP_IDEMPOTENCY_KEY=value)) == key


@pytest.mark.parametrize("value", ["", " ", '"', "x" * 201, "có dấu"])
def test_a_malformed_idempotency_key_is_refused(value: str) -> None:
    with pytest.raises(BadRequest):
        idempotency_key(request(HTTP_IDEMPOTENCY_KEY=value))
