"""A request's body: the envelope's bytes, and the files that came with it, on their way into the claim store."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator
from dataclasses import replace

from flask import Request as HttpRequest
from werkzeug.http import parse_options_header

from gateway.errors import Fault, Refused, UnsupportedType
from gateway.flow.gateway import Gateway
from gateway.ledger.files import TooLarge
from gateway.soap.names import SOAP11, SOAP12
from gateway.soap.signature import BadSignature
from gateway.web.api.files import MEDIA_TYPE
from gateway.web.auth import Caller
from gateway.web.bodies import digest_differs, given_digest, pieces
from gateway.web.soap.operations import Request
from gateway.web.soap.parts import Cutter, Multipart, join, limit
from gateway.web.soap.reading import NO_DIGEST, Inline

STRANGERS_BYTES = 16 << 20  # of an envelope with its inline files, while nobody knows who sends it
_PIECE = 64 << 10
_ANY = "application/octet-stream"


class Package:
    """`raw` is the envelope, without the long files that stood in it. Everything that is not kept is gone with `close`."""

    def __init__(self, gateway: Gateway, http: HttpRequest, known: Caller | None) -> None:
        """Reads the envelope. Raises `UnsupportedType`, `BadRequest`, `BodyTooLarge`, `TooSlow`."""
        self._gateway = gateway
        self._kept: dict[str, str] = {}
        self._multipart: Multipart | None = None
        media_type, options = _media_type(http)
        web = gateway.config.settings.web
        most = web.body_bytes + 2 * web.file_bytes
        self._digest = given_digest(http)
        self._hash = hashlib.sha256()
        whole = limit([known.body], most) if known and known.body is not None else pieces(http, most, web.read_seconds)
        self._rest = self._hashed(whole)
        root: Iterator[bytes] = self._rest
        if media_type == "multipart/related":
            self._multipart = Multipart(self._rest, options.get("boundary", ""), options.get("start", "").strip("<>"))
            root = self._multipart.root
        self._cutter = Cutter(gateway.files.folder / "incoming")
        try:
            self.raw = join(self._cutter.cut(root if known else limit(root, STRANGERS_BYTES)), web.body_bytes)
            if self._multipart is None:
                self._check_digest()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        self._cutter.close()

    def keep(self, asked: Request, source: str) -> None:
        """Put every file of the message into the claim store and its digest into the message. What is wrong with one becomes a fault.

        Nothing is stored of a message that has faults already. Raises `TooLarge`, `BadRequest`.
        """
        if asked.faults:
            for inline in asked.files:
                inline.target.setdefault("sha256", NO_DIGEST)
            return
        wanted: dict[str, list[Inline]] = {}
        for inline in asked.files:
            if isinstance(inline.data, bytes):
                self._store([inline.data], [inline], _ANY, source, asked.faults)
            else:
                wanted.setdefault(inline.data, []).append(inline)
        for cid in [cid for cid in wanted if cid in self._cutter]:
            self._kept[cid] = self._store(self._cutter.read(cid), wanted.pop(cid), _ANY, source, asked.faults)
        for part in self._multipart.parts() if self._multipart else ():
            if part.cid not in wanted:
                words = "có phần không được bản tin nhắc đến", "a part that the message does not name"
                raise Refused.of("", "unnamed-part", *words)
            self._kept[part.cid] = self._store(part.chunks, wanted.pop(part.cid), part.media_type, source, asked.faults)
        words = "không có phần mà xop:Include trỏ đến", "there is no part of the id that xop:Include names"
        for inline in [inline for left in wanted.values() for inline in left]:
            inline.target.setdefault("sha256", NO_DIGEST)
            asked.faults.append(Fault(inline.pointer, "missing-part", *words))
        self._check_digest()

    def read(self, cid: str) -> Iterator[bytes]:
        """A part's bytes, from the store. Raises `BadSignature` when nothing of that id was kept."""
        if cid not in self._kept:
            raise BadSignature.of("", "bad-signature", "thiếu phần đã ký", "a signed part is missing")
        with self._gateway.files.path(self._kept[cid]).open("rb") as file:
            while piece := file.read(_PIECE):
                yield piece

    def _store(
        self, chunks: Iterable[bytes], inlines: list[Inline], media_type: str, source: str, faults: list[Fault]
    ) -> str:
        """Keep one file; returns its sha256. Where a digest was given, it must be that one."""
        most = self._gateway.config.settings.web.file_bytes
        try:
            sha, _ = self._gateway.files.keep(
                chunks, media_type=_plain(inlines[0].target.get("media_type") or media_type), source=source,
                now=self._gateway.now(), most=most,
            )  # fmt: skip
        except TooLarge as error:
            raise TooLarge([replace(fault, pointer=inlines[0].pointer) for fault in error.faults]) from None
        for inline in inlines:
            given = inline.target.setdefault("sha256", sha)
            if given != sha:
                words = f"tệp có sha256 {sha}, không phải mã đã khai", f"the file's sha256 is {sha}, not what was given"
                faults.append(Fault(inline.pointer, "digest-differs", *words))
        return sha

    def _hashed(self, whole: Iterator[bytes]) -> Iterator[bytes]:
        for piece in whole:
            self._hash.update(piece)
            yield piece

    def _check_digest(self) -> None:
        """The body to its end is what the caller's digest says. Raises `Refused`."""
        for _ in self._rest:
            pass
        if self._digest is not None and not hmac.compare_digest(self._hash.hexdigest(), self._digest):
            raise digest_differs()


def _media_type(http: HttpRequest) -> tuple[str, dict[str, str]]:
    """Raises `UnsupportedType` unless it is SOAP in UTF-8, not compressed, alone or with its files beside it."""
    media_type, options = parse_options_header(http.headers.get("Content-Type"))
    media_type = media_type.lower()
    charset = options.get("charset", "utf-8").lower()
    if media_type == "multipart/related" and options.get("type", "").lower() == "application/xop+xml":
        known = 0 < len(options.get("boundary", "")) <= 200
    else:
        known = media_type in (SOAP11.media_type, SOAP12.media_type)
    if not known:
        words = (
            "Content-Type phải là text/xml (SOAP 1.1), application/soap+xml (1.2) hoặc multipart/related (MTOM)",
            "the Content-Type must be text/xml (SOAP 1.1), application/soap+xml (1.2) or multipart/related (MTOM)",
        )
    elif charset not in ("utf-8", "utf8", "us-ascii"):
        words = "XML phải ở dạng UTF-8", "XML must be UTF-8"
    elif http.headers.get("Content-Encoding", "identity").lower() != "identity":
        words = "không nhận nội dung nén", "compressed bodies are not taken"
    else:
        return media_type, options
    raise UnsupportedType.of("", "unsupported-type", *words)


def _plain(media_type: object) -> str:
    """What the sender calls the file, if that is a media type at all."""
    return media_type if isinstance(media_type, str) and MEDIA_TYPE.fullmatch(media_type) else _ANY
