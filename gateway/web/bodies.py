"""Reading what a caller sends: bounded in size, in time, and in how many places one caller may hold.

The server hands a request over when its headers are in, and reads the body in the request's own thread: a client that drips holds that
thread. Therefore bodies are read in small pieces with a look at the clock between them, only from callers that are known, and from one
caller at most `PATIENCE` at a time; `gateway.web.serve` keeps so many threads more than it needs for the work.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import Protocol

from flask import Request

from gateway.errors import BadRequest, BodyTooLarge, Refused, UnsupportedType
from gateway.web.problems import Busy, LengthRequired, TooSlow

PATIENCE = 24  # bodies of one caller, or public downloads, under way at a time
LEAST_RATE = 32 << 10  # bytes a second that a body must keep up, after the first `read_seconds`
_FIRST_PIECE, _SMALLEST_PIECE, _LARGEST_PIECE = 16, 16, 64 << 10
_SLOW_PIECE = 0.25  # seconds; after a piece that took longer, the clock is looked at more often
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,199}")  # as a message's id
_SHA256 = re.compile(r"[0-9a-f]{64}")


class Places:
    """How many slow things each caller has under way. `hold` raises `Busy` when it has all its places."""

    def __init__(self, most: int = PATIENCE) -> None:
        self._most = most
        self._held: Counter[str] = Counter()
        self._lock = threading.Lock()

    def take(self, caller: str) -> None:
        with self._lock:
            if self._held[caller] >= self._most:
                raise Busy.of(
                    "", "busy", f"đã có {self._most} yêu cầu đang dở", f"{self._most} requests are under way already"
                )
            self._held[caller] += 1

    def leave(self, caller: str) -> None:
        with self._lock:
            self._held[caller] -= 1

    @contextmanager
    def hold(self, caller: str) -> Iterator[None]:
        self.take(caller)
        try:
            yield
        finally:
            self.leave(caller)


class _Stream(Protocol):
    def read(self, size: int, /) -> bytes: ...


def check_length(request: Request, most: int) -> int | None:
    """The announced length; None when the body comes in chunks. Raises `BodyTooLarge` before anything is read."""
    length = request.content_length
    if length is not None and length > most:
        raise BodyTooLarge.than(most)
    return length


def pieces(request: Request, most: int, seconds: float) -> Iterator[bytes]:
    """The body piece by piece. Raises `BodyTooLarge`, `TooSlow`, or `BadRequest` when it ends early."""
    length = check_length(request, most)
    if length is None and request.headers.get("Transfer-Encoding") is None:
        return
    stream: _Stream = request.environ["wsgi.input"]
    size, piece, start = 0, _FIRST_PIECE, monotonic()
    before = start
    while length is None or size < length:
        chunk = stream.read(piece if length is None else min(piece, length - size))
        if not chunk:
            break
        size += len(chunk)
        if size > most:
            raise BodyTooLarge.than(most)
        now = monotonic()
        if now - start > seconds + size / LEAST_RATE:
            raise TooSlow.of("", "too-slow", "nội dung đến quá chậm", "the body came too slowly")
        piece = _SMALLEST_PIECE if now - before > _SLOW_PIECE else min(piece * 2, _LARGEST_PIECE)
        before = now
        yield chunk
    if length is not None and size < length:
        raise BadRequest.of(
            "",
            "cut-off",
            f"chỉ nhận được {size} trên {length} byte",
            f"only {size} of {length} bytes came",
        )


def read_all(request: Request, most: int, seconds: float) -> bytes:
    """The whole body, at most `most` bytes, checked against the digest the caller gave. Raises as `pieces`, and `Refused` (digest)."""
    raw = b"".join(pieces(request, most, seconds))
    expected = given_digest(request)
    if expected is not None and not hmac.compare_digest(hashlib.sha256(raw).hexdigest(), expected):
        raise digest_differs()
    return raw


def digest_differs() -> Refused:
    words = "nội dung không khớp mã băm đã khai", "the body does not match the digest that was given"
    return Refused.of("", "digest-differs", *words)


def given_digest(request: Request) -> str | None:
    """The body's SHA-256 as the caller announced it, hex: `Content-Digest` (RFC 9530) or `X-Content-SHA256`. Raises `BadRequest`."""
    found = {d for d in (_from_content_digest(request), _from_own_header(request)) if d is not None}
    if len(found) > 1:
        raise _bad_digest("hai tiêu đề nói hai mã băm khác nhau", "two headers give two digests")
    return found.pop() if found else None


def _from_own_header(request: Request) -> str | None:
    value = request.headers.get("X-Content-SHA256")
    if value is None:
        return None
    if not _SHA256.fullmatch(value.lower()):
        raise _bad_digest("X-Content-SHA256 phải là 64 chữ số hex", "X-Content-SHA256 must be 64 hex digits")
    return value.lower()


def _from_content_digest(request: Request) -> str | None:
    value = request.headers.get("Content-Digest")
    if value is None:
        return None
    for part in value.split(","):
        name, _, digest = part.strip().partition("=")
        if name.lower() == "sha-256":
            try:
                raw = base64.b64decode(digest.strip(":"), validate=True)
            except (binascii.Error, ValueError):
                raw = b""
            if len(raw) != 32 or not (digest.startswith(":") and digest.endswith(":")):
                raise _bad_digest("Content-Digest sai dạng sha-256=:…:", "Content-Digest must read sha-256=:…:")
            return raw.hex()
    return None  # other algorithms may stand there too; RFC 9530 lets a recipient ignore what it does not know


def _bad_digest(detail: str, detail_en: str) -> BadRequest:
    return BadRequest.of("", "digest", detail, detail_en)


def require_length(request: Request) -> None:
    """A file without a length and without a digest could be cut off unseen. Raises `LengthRequired`."""
    if request.content_length is None and given_digest(request) is None:
        raise LengthRequired.of(
            "",
            "length-required",
            "cần Content-Length, hoặc mã băm của nội dung",
            "give Content-Length, or the body's digest",
        )


def idempotency_key(request: Request) -> str | None:
    """The caller's own key for this request, bare or in quotation marks (both are met). Raises `BadRequest`."""
    value = request.headers.get("Idempotency-Key")
    if value is None:
        return None
    bare = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    if not _KEY.fullmatch(bare):
        words = (
            "Idempotency-Key: 1 đến 200 ký tự A-Z a-z 0-9 . _ : / + = -",
            "Idempotency-Key: 1 to 200 of A-Z a-z 0-9 . _ : / + = -",
        )
        raise BadRequest.of("", "idempotency-key", *words)
    return bare


def check_json_type(request: Request) -> None:
    """Raises `UnsupportedType` unless the body calls itself JSON in UTF-8, not compressed."""
    kind = request.mimetype
    charset = request.mimetype_params.get("charset", "utf-8").lower()
    if not (kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json"))):
        words = "Content-Type phải là application/json", "the Content-Type must be application/json"
    elif charset not in ("utf-8", "utf8"):
        words = "JSON phải ở dạng UTF-8", "JSON must be UTF-8"
    elif request.headers.get("Content-Encoding", "identity").lower() != "identity":
        words = "không nhận nội dung nén", "compressed bodies are not taken"
    else:
        return
    raise UnsupportedType.of("", "unsupported-type", *words)
