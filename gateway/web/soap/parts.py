"""What a request is made of, taken in piece by piece: the envelope, and the files that came with it.

An envelope is read whole and is therefore small: a file inside it (`content`, base64) is cut out on the way and lies in a nameless file
until somebody known turns out to have sent it. The parts of an MTOM message (`multipart/related`) are handed on as they come.
"""

from __future__ import annotations

import binascii
import re
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from gateway.errors import BadRequest, BodyTooLarge
from gateway.soap.names import XOP

MOST_PARTS = 256
_HEADER_BYTES = 8 << 10
_PIECE = 64 << 10
_CONTENT = re.compile(rb"<(?:[A-Za-z_][\w.-]{0,60}:)?content(?:\s[^<>]{0,300}[^<>/]|\s?)>")
_TAG = 400  # bytes; no tag that is looked for is longer
_BASE64 = re.compile(rb"[A-Za-z0-9+/=\s]*")
_LONG = 1024  # shorter files may stay where they are


@dataclass(frozen=True, slots=True)
class Part:
    """A file beside the envelope. `chunks` can be read once."""

    cid: str
    media_type: str
    chunks: Iterator[bytes]


class Base64:
    """Decodes a base64 text that comes in pieces. Raises `BadRequest`."""

    def __init__(self) -> None:
        self._left = b""
        self._ended = False

    def feed(self, text: bytes) -> bytes:
        text = self._left + b"".join(text.split())
        whole = len(text) & ~3
        self._left = text[whole:]
        if self._ended and text:
            raise _not_base64()
        try:
            made = binascii.a2b_base64(text[:whole], strict_mode=True)
        except binascii.Error:
            raise _not_base64() from None
        self._ended = text[:whole].endswith(b"=")
        return made

    def end(self) -> None:
        if self._left:
            raise _not_base64()


class Cutter:
    """Cuts long files out of an envelope and leaves an `xop:Include` in each one's place."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._data = b""  # read, and not yet handed on
        self._file: IO[bytes] | None = None  # one for all files: a request holds one place in the system's table
        self._decoder: Base64 | None = None  # while a file is being cut out
        self._begin = 0
        self._found: dict[str, tuple[int, int]] = {}

    def cut(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """The envelope without its long files. Raises `BadRequest` for one that is not base64."""
        for piece in pieces:
            self._data += piece
            yield from self._scan()
        yield self._data

    def _scan(self) -> Iterator[bytes]:
        data, start = self._data, 0
        while start < len(data):
            if self._decoder is not None and self._file is not None:
                start = self._take(data, start, self._file, self._decoder)
                continue
            tag, run = _next_file(data, start)
            if tag is not None and run - tag.end() > _LONG:
                name = f"inline-{secrets.token_hex(16)}"
                yield data[start : tag.end()] + b'<Include xmlns="%b" href="cid:%b"/>' % (XOP.encode(), name.encode())
                self._open(name)
                start = tag.end()
                continue
            # A tag, or the text behind one, may go on in the next piece.
            end = tag.start() if tag is not None else data.rfind(b"<", max(start, len(data) - _TAG))
            end = end if end >= 0 else len(data)
            yield data[start:end]
            self._data = data[end:]
            return
        self._data = b""

    def _open(self, name: str) -> None:
        if self._file is None:
            self._file = TemporaryFile(dir=self._folder)  # noqa: SIM115 - lives until the request is answered
        self._decoder, self._begin = Base64(), self._file.tell()
        self._found[name] = (self._begin, self._begin)

    def _take(self, data: bytes, start: int, file: IO[bytes], decoder: Base64) -> int:
        run = _run(data, start)
        file.write(decoder.feed(data[start:run]))
        if run < len(data):
            decoder.end()
            self._decoder = None
            self._found[next(reversed(self._found))] = (self._begin, file.tell())
        return run

    def __contains__(self, cid: str) -> bool:
        return cid in self._found

    def read(self, cid: str) -> Iterator[bytes]:
        """A file that was cut out."""
        begin, end = self._found[cid]
        if self._file is not None:
            self._file.seek(begin)
            while begin < end and (piece := self._file.read(min(_PIECE, end - begin))):
                begin += len(piece)
                yield piece

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _next_file(data: bytes, start: int) -> tuple[re.Match[bytes] | None, int]:
    """The next <content> whose text is long, or goes on past the data; with where that text ends."""
    while (tag := _CONTENT.search(data, start)) is not None:
        start = _run(data, tag.end())
        if start - tag.end() > _LONG or start == len(data):
            return tag, start
    return None, start


def limit(pieces: Iterable[bytes], most: int) -> Iterator[bytes]:
    """The same pieces. Raises `BodyTooLarge` when they are more than `most` bytes."""
    size = 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise BodyTooLarge.than(most)
        yield piece


def join(pieces: Iterable[bytes], most: int) -> bytes:
    """All of it, at most `most` bytes. Raises `BodyTooLarge`."""
    return b"".join(limit(pieces, most))


class Multipart:
    """A `multipart/related` body (RFC 2387): `root`, then `parts`, each read to its end before the next."""

    def __init__(self, pieces: Iterator[bytes], boundary: str, start: str) -> None:
        """Raises `BadRequest` when the first part is not the envelope."""
        self._pieces = pieces
        self._buffer = b"\r\n"  # so that the first delimiter looks like the others
        self._delimiter = b"\r\n--" + boundary.encode("latin-1", "replace")
        self._ended = False
        for _ in self._until(self._delimiter, _HEADER_BYTES):
            pass
        headers = self._next()
        if headers is None or (start and _id(headers) != start):
            raise _malformed("phần đầu tiên phải là phong bì SOAP", "the first part must be the envelope")
        self.media_type = headers.get("content-type", "")
        self.root = self._body(headers)

    def parts(self) -> Iterator[Part]:
        """Raises `BadRequest`."""
        seen: set[str] = set()
        while (headers := self._next()) is not None:
            cid = _id(headers)
            if not cid or cid in seen or len(seen) >= MOST_PARTS:
                words = (
                    "phần không có Content-ID, trùng hoặc quá nhiều",
                    "a part without Content-ID, one twice, or too many",
                )
                raise _malformed(*words)
            seen.add(cid)
            body = self._body(headers)
            yield Part(cid, headers.get("content-type", "").split(";")[0].strip(), body)
            for _ in body:  # what was not wanted
                pass

    def _next(self) -> dict[str, str] | None:
        """The headers of the next part, their names in small letters; None after the last."""
        if self._ended:
            return None
        while len(self._buffer) < 2 and self._more():
            pass
        if self._buffer.startswith(b"--"):
            self._ended = True
            return None
        head = b"".join(self._until(b"\r\n\r\n", _HEADER_BYTES))
        lines = re.sub(rb"\r\n[ \t]+", b" ", head).decode("utf-8", "replace").split("\r\n")
        if lines[0].strip(" \t"):
            raise _malformed("dòng phân cách sai dạng", "a malformed boundary line")
        pairs = [line.partition(":") for line in lines[1:]]
        return {name.strip().lower(): value.strip() for name, _, value in pairs}

    def _body(self, headers: Mapping[str, str]) -> Iterator[bytes]:
        encoding = headers.get("content-transfer-encoding", "binary").lower()
        if encoding in ("binary", "8bit", "7bit"):
            return self._until(self._delimiter)
        if encoding == "base64":
            return self._decoded()
        words = (
            f"không nhận Content-Transfer-Encoding {encoding[:40]!a}",
            f"no Content-Transfer-Encoding {encoding[:40]!a}",
        )
        raise _malformed(*words)

    def _decoded(self) -> Iterator[bytes]:
        decoder = Base64()
        for piece in self._until(self._delimiter):
            yield decoder.feed(piece)
        decoder.end()

    def _until(self, mark: bytes, most: int | None = None) -> Iterator[bytes]:
        """What stands before the mark; the mark itself is left out. Raises `BadRequest` when it does not come."""
        size = 0
        while (place := self._buffer.find(mark)) < 0:
            keep = len(mark) - 1
            given, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
            size += len(given)
            if most is not None and size > most:
                raise _malformed("tiêu đề của phần quá dài", "the headers of a part are too long")
            if given:
                yield given
            if not self._more():
                raise _malformed("bản tin nhiều phần kết thúc giữa chừng", "the multipart body ends too early")
        given, self._buffer = self._buffer[:place], self._buffer[place + len(mark) :]
        if given:
            yield given

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        if piece is None:
            return False
        self._buffer += piece
        return True


def _run(data: bytes, start: int) -> int:
    """Where the base64 text that begins here ends."""
    found = _BASE64.match(data, start)
    return found.end() if found else start


def _id(headers: Mapping[str, str]) -> str:
    return headers.get("content-id", "").strip("<>")


def _not_base64() -> BadRequest:
    return BadRequest.of("", "base64", "tệp trong bản tin không phải base64", "a file inside the message is not base64")


def _malformed(detail: str, detail_en: str) -> BadRequest:
    return BadRequest.of("", "multipart", detail, detail_en)
