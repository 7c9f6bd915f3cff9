"""Calls out, over libcurl: a total time limit nothing outlasts, a size cap, no redirects, known hosts only.

Why libcurl: the pure-Python clients limit the wait for each read, so a server that drips one byte at a time
holds them for ever; libcurl limits the whole call. It also costs a fraction of their CPU.

Threads: every thread has its own handle and so its own kept-alive connections. libcurl works with the
interpreter lock released and takes it only for our call-backs (one before the request, one a header line, one
a piece of the body).
"""

from __future__ import annotations

import re
import select
import ssl
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from json import dumps, loads
from typing import Any
from urllib.parse import urlencode, urlsplit

import pycurl
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random

from gateway.errors import AskFirst, Misconfigured, TryLater, Unclassified

_DEFAULT_PORTS = {"http": 80, "https": 443}
_IDLE_SECONDS = 30  # a kept connection older than this is not used again: many servers close theirs at 60
_UNSAFE = re.compile(r"[\x00-\x20\x7f\\]")
_LINE_BREAK = re.compile(r"[\r\n\0]")


@dataclass(frozen=True, slots=True)
class Reply:
    """A complete answer. Header names are in lower case; a header sent twice is joined with ", "."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises `Unclassified` with code ``not-json`` and an excerpt when it is none."""
        try:
            return loads(self.body)
        except (ValueError, RecursionError) as fault:
            raise Unclassified(
                f"the answer (HTTP {self.status}) is not JSON", code="not-json", answer=self.excerpt()
            ) from fault

    def excerpt(self, most: int = 2000) -> str:
        """At most `most` characters of the body, readable whatever it holds."""
        return self.body[: most * 4].decode("utf-8", "replace")[:most]

    def retry_after(self, now: datetime | None = None) -> float | None:
        """Seconds the partner asks us to wait (RFC 9110, 10.2.3: seconds or a date), or None."""
        value = self.headers.get("retry-after", "").strip()
        if value.isdecimal():
            return float(value)
        try:
            then = parsedate_to_datetime(value)
        except ValueError:
            return None
        if then.tzinfo is None:
            then = then.replace(tzinfo=UTC)
        return max(0.0, (then - (now or datetime.now(UTC))).total_seconds())

    def date(self) -> datetime | None:
        """When the partner answered, by its own clock (RFC 9110, 6.6.1); None when it does not say."""
        try:
            then = parsedate_to_datetime(self.headers.get("date", ""))
        except ValueError:
            return None
        return then.replace(tzinfo=UTC) if then.tzinfo is None else then


class _NotSent(Exception):
    """No request left us. The text says why."""


_second_try = Retrying(
    retry=retry_if_exception_type(_NotSent),
    stop=stop_after_attempt(2),
    wait=wait_random(0.05, 0.2),
    reraise=True,
)


class _Transfer:
    """What one libcurl call collects, and the moment after which the partner may have seen the request."""

    __slots__ = ("body", "headers", "most", "sent", "size", "too_large")

    def __init__(self, most: int) -> None:
        self.most = most
        self.sent = False
        self.too_large = False
        self.size = 0
        self.headers: dict[str, str] = {}
        self.body: list[bytes] = []

    def before_request(self, *_addresses: Any) -> int:
        """libcurl calls this right before it sends, also when it means to send *again*.

        It does so unasked, a POST too, when a kept connection dies before the first byte of the answer; the
        partner may have done the first one. So the second is refused, and the caller asks first.
        """
        if self.sent:
            return int(pycurl.PREREQFUNC_ABORT)
        self.sent = True
        return int(pycurl.PREREQFUNC_OK)

    def take_header(self, line: bytes) -> None:
        """One header line. libcurl itself ends the call after 300 KiB or 5,000 lines of them."""
        name, colon, value = line.partition(b":")
        if not colon:
            if line.startswith(b"HTTP/"):
                self.headers.clear()  # what came before was an interim answer (100, 103)
            return
        key, text = name.decode("latin-1").lower(), value.strip().decode("latin-1")
        self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text

    def take_body(self, piece: bytes) -> int | None:
        self.size += len(piece)
        if self.size > self.most:
            self.too_large = True
            return 0
        self.body.append(piece)
        return None


class Http:
    """One partner's HTTP client. Thread-safe: a curl handle per thread, connections kept alive.

    `base_url` is what paths are joined to; `hosts` are further places that may be called, as ``name`` (usual
    ports), ``name:port`` or a whole address. Proxies in the environment are ignored. Times in seconds, `max_bytes` caps the
    answer's body. Raises `Misconfigured` for a base address that is not plain http(s).
    """

    def __init__(
        self,
        *,
        base_url: str,
        hosts: Sequence[str] = (),
        connect_timeout: float = 5,
        total_timeout: float = 30,
        max_bytes: int = 4 << 20,
        ca_file: str | None = None,
        client_cert: str | None = None,
        client_key: str | None = None,
        headers: Mapping[str, str] = {},
    ) -> None:
        self._base = base_url.rstrip("/")
        self._connect_timeout = connect_timeout
        self._total_timeout = total_timeout
        self._max_bytes = max_bytes
        self._ca_file = ca_file or ssl.get_default_verify_paths().cafile
        self._client_cert = client_cert
        self._client_key = client_key
        self._headers = {"User-Agent": "lienthong", **headers}
        self._places = {_place(base_url)}
        for host in hosts:
            self._places |= _places(host)
        self._local = threading.local()

    def call(
        self,
        method: str,
        path_or_url: str,
        *,
        json: Any = None,
        body: bytes | None = None,
        form: Mapping[str, str] | None = None,
        query: Mapping[str, str] = {},
        headers: Mapping[str, str] = {},
        total_timeout: float | None = None,
    ) -> Reply:
        """One call. Any HTTP status is a `Reply`, a redirect too: it is never followed.

        Raises `TryLater` (code ``connect``) when nothing was sent, after one quick second try; `AskFirst`
        (code ``timeout``, ``too-large`` or ``no-answer``) when something was; `Misconfigured` for an address
        not allowed.
        """
        url = self._address(path_or_url, query)
        sent_headers = {**self._headers, **headers}
        if json is not None:
            body = dumps(json, ensure_ascii=False, separators=(",", ":")).encode()
            sent_headers.setdefault("Content-Type", "application/json; charset=utf-8")
        elif form is not None:
            body = urlencode(form).encode()
            sent_headers.setdefault("Content-Type", "application/x-www-form-urlencoded")
        lines = [_header_line(name, value) for name, value in sent_headers.items()]
        deadline = time.monotonic() + (total_timeout or self._total_timeout)
        try:
            return _second_try(self._once, method, url, body, lines, deadline)
        except _NotSent as fault:
            raise TryLater(f"{_place(url)}: {fault}", code="connect") from fault

    def _once(self, method: str, url: str, body: bytes | None, lines: list[str], deadline: float) -> Reply:
        left = deadline - time.monotonic()
        if left <= 0:
            raise _NotSent("no time left to connect")
        transfer = _Transfer(self._max_bytes)
        curl = self._prepared(transfer, left)
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.HTTPHEADER, [*lines, "Expect:"])
        _set_method(curl, method, body)
        try:
            curl.perform()
        except pycurl.error as fault:
            raise _sorted_out(transfer, fault, curl.errstr(), url) from fault
        return Reply(curl.getinfo(pycurl.RESPONSE_CODE), transfer.headers, b"".join(transfer.body))

    def _prepared(self, transfer: _Transfer, seconds: float) -> Any:
        curl = getattr(self._local, "curl", None)
        if curl is None or _hung_up(curl):
            curl = self._local.curl = pycurl.Curl()
        curl.reset()  # options go, connections stay
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.TIMEOUT_MS, max(1, int(seconds * 1000)))
        curl.setopt(pycurl.CONNECTTIMEOUT_MS, max(1, int(min(seconds, self._connect_timeout) * 1000)))
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTP | pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.FOLLOWLOCATION, 0)
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.HTTP_VERSION, pycurl.CURL_HTTP_VERSION_1_1)
        curl.setopt(pycurl.MAXAGE_CONN, _IDLE_SECONDS)
        curl.setopt(pycurl.SSLVERSION, pycurl.SSLVERSION_TLSv1_2)
        curl.setopt(pycurl.PREREQFUNCTION, transfer.before_request)
        curl.setopt(pycurl.HEADERFUNCTION, transfer.take_header)
        curl.setopt(pycurl.WRITEFUNCTION, transfer.take_body)
        if self._ca_file:
            curl.setopt(pycurl.CAINFO, self._ca_file)
        if self._client_cert:
            curl.setopt(pycurl.SSLCERT, self._client_cert)
            curl.setopt(pycurl.SSLKEY, self._client_key or self._client_cert)
        return curl

    def _address(self, path_or_url: str, query: Mapping[str, str]) -> str:
        if "://" in path_or_url:
            url = path_or_url
            if _place(url) not in self._places:
                raise Misconfigured(
                    f"{_place(url)} is not a host of this partner; known: {', '.join(sorted(self._places))}"
                )
        elif path_or_url:
            url = f"{self._base}/{path_or_url.lstrip('/')}"
            if _UNSAFE.search(url):
                raise Misconfigured(f"{url[:200]!r}: a blank or a backslash in an address; quote it")
        else:
            url = self._base
        if query:
            url += ("&" if "?" in url else "?") + urlencode(query)
        return url


def served_certificate(url: str, seconds: float = 10) -> bytes | None:
    """The certificate (PEM) that the server at an https address shows to anybody; None when there is none to be seen.

    A handshake and nothing more: no request is made and nothing is trusted by it, so that one that has run out is seen as well.
    """
    curl = pycurl.Curl()
    try:
        curl.setopt(pycurl.URL, url)
        curl.setopt(pycurl.NOSIGNAL, 1)
        curl.setopt(pycurl.CONNECT_ONLY, 1)
        curl.setopt(pycurl.TIMEOUT_MS, int(seconds * 1000))
        curl.setopt(pycurl.PROTOCOLS, pycurl.PROTO_HTTPS)
        curl.setopt(pycurl.NOPROXY, "*")
        curl.setopt(pycurl.OPT_CERTINFO, 1)
        curl.setopt(pycurl.SSL_VERIFYPEER, 0)
        curl.setopt(pycurl.SSL_VERIFYHOST, 0)
        curl.perform()
        chain = curl.getinfo(pycurl.INFO_CERTINFO)
    except pycurl.error:
        return None
    finally:
        curl.close()
    return next((value.encode() for name, value in chain[0] if name == "Cert"), None) if chain else None


def _places(host: str) -> set[str]:
    if "://" in host:
        return {_place(host)}
    return {host.lower()} if ":" in host else {f"{host.lower()}:{port}" for port in _DEFAULT_PORTS.values()}


def _place(url: str) -> str:
    """``host:port`` of an address. Raises `Misconfigured` for anything two parsers could read in two ways."""
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS:
        raise Misconfigured(f"{url[:200]!r}: only http and https addresses can be called")
    if not parts.hostname or "@" in parts.netloc or _UNSAFE.search(url):
        raise Misconfigured(f"{url[:200]!r}: not a plain address (no host, a user name, a backslash or a blank)")
    try:
        port = parts.port or _DEFAULT_PORTS[parts.scheme]
    except ValueError as fault:
        raise Misconfigured(f"{url[:200]!r}: {fault}") from fault
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{host}:{port}"


def _hung_up(curl: Any) -> bool:
    """The connection of the last call was closed from the other side.

    libcurl looks for this only once a second, and a request sent into a closed connection leaves us in doubt.
    """
    socket_number = curl.getinfo(pycurl.ACTIVESOCKET)
    if socket_number < 0:
        return False
    waiting = select.poll()
    waiting.register(socket_number, select.POLLIN)
    return bool(waiting.poll(0))


def _header_line(name: str, value: str) -> str:
    if _LINE_BREAK.search(name) or _LINE_BREAK.search(value):
        raise ValueError(f"header {name!r} holds a line break")
    return f"{name}: {value}" if value else f"{name};"


def _set_method(curl: Any, method: str, body: bytes | None) -> None:
    if body is not None:
        curl.setopt(pycurl.POSTFIELDS, body)  # also says POST
    elif method in ("POST", "PUT", "PATCH"):
        curl.setopt(pycurl.POSTFIELDS, b"")
    if method == "HEAD":
        curl.setopt(pycurl.NOBODY, 1)
    elif method != ("GET" if body is None else "POST"):
        curl.setopt(pycurl.CUSTOMREQUEST, method)


def _sorted_out(transfer: _Transfer, fault: pycurl.error, text: str, url: str) -> Exception:
    """Which error a failed transfer is: what decides is whether a request left us, not libcurl's code."""
    if not transfer.sent:
        return _NotSent(text)
    place = _place(url)
    if transfer.too_large:
        return AskFirst(f"{place}: the answer is larger than allowed", code="too-large", answer=_piece(transfer))
    if fault.args[0] == pycurl.E_OPERATION_TIMEDOUT:
        return AskFirst(f"{place}: no complete answer in time", code="timeout", answer=_piece(transfer))
    return AskFirst(f"{place}: {text or 'the connection was lost'}", code="no-answer", answer=_piece(transfer))


def _piece(transfer: _Transfer) -> str:
    return b"".join(transfer.body)[:8000].decode("utf-8", "replace")[:2000]
