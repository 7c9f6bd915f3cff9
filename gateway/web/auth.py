"""Who calls? A bearer key, a request signed with a key, or an access token of the sign-on. All that is not public is refused without one.

Bearer: ``Authorization: Bearer lt_<key id>_<secret>``.

Signed: ``Authorization: LT-HMAC key=<key id>, time=<Unix seconds>, nonce=<16 to 64 of A-Z a-z 0-9 - _>, sign=<hex>`` where sign is
HMAC-SHA256 under the key's secret over five lines joined by ``\\n``: METHOD, path with its query as sent, time, nonce, and the body's
SHA-256 in hex (of nothing, when there is no body). The clock may differ by `signature_seconds`; a nonce is spent once, in the ledger,
so that a replay is refused by every process and after a restart.

Access token: ``Authorization: Bearer <token>``, which a client got from the sign-on by its own name (docs/sso.md).
"""

from __future__ import annotations

import hashlib
import hmac
import re
import threading
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import structlog
from flask import Request

from gateway.config import PartnerFile
from gateway.errors import Unauthenticated
from gateway.ledger.facts import spend_nonce
from gateway.ledger.keys import Key, digest_of, find_key, signing_secret
from gateway.ledger.queries import Reader
from gateway.web.bodies import Places, given_digest, read_all
from gateway.web.signon import Machines, check_scope

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway

log = structlog.get_logger("web")

REMEMBER_SECONDS = 3.0  # a disabled key opens the door at most this much longer
_MOST_REMEMBERED = 4096
_TOKEN = re.compile(r"Bearer +([A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+)", re.IGNORECASE)
BEARER = re.compile(r"Bearer +lt_([0-9a-f]{12})_([A-Za-z0-9_-]{20,100})", re.IGNORECASE)
_SIGNED = re.compile(
    r"LT-HMAC +key=([0-9a-f]{12}), *time=(\d{10}), *nonce=([A-Za-z0-9_-]{16,64}), *sign=([0-9a-f]{64})"
)
NO_KEY = "0" * 64
_NO_BODY = hashlib.sha256(b"").hexdigest()


@dataclass(frozen=True, slots=True)
class Caller:
    """A known caller. `body` is there when the signature could only be checked over the body itself."""

    partner: PartnerFile
    key: str
    body: bytes | None = None

    @property
    def reader(self) -> Reader:
        return Reader(self.partner.id, self.partner.reads)


class Keyring:
    """Looks keys up, and remembers what it found for a few seconds: a request costs no query."""

    def __init__(self, gateway: Gateway, places: Places, machines: Machines) -> None:
        self._gateway = gateway
        self._places = places
        self._machines = machines
        self._known: dict[str, tuple[float, Key]] = {}
        self._lock = threading.Lock()

    def caller(self, request: Request) -> Caller:
        """Raises `Unauthenticated`, with the same answer for an unknown key, a wrong one and one that has ended."""
        header = request.headers.get("Authorization", "")
        bearer = BEARER.fullmatch(header)
        if bearer is not None:
            return self.bearer(bearer[1], bearer[2])
        signed = _SIGNED.fullmatch(header)
        if signed is not None:
            return self._signed(request, signed)
        token = _TOKEN.fullmatch(header)
        if token is not None:
            return self._by_token(request, token[1])
        if header:
            log.warning("key_unreadable")
        raise _unknown()

    def bearer(self, key_id: str, secret: str) -> Caller:
        key = self.find(key_id, "bearer")
        # Compared even when there is no key, so that the time taken tells nothing.
        right = hmac.compare_digest(digest_of(secret), key.digest if key else NO_KEY)
        return self.known_caller(key, key_id, right)

    def _by_token(self, request: Request, token: str) -> Caller:
        """The partner as which the token's client speaks; the token must be meant for this part of the interface."""
        found = self._machines.partner_of(token)
        partner = self._gateway.config.partners.get(found[0]) if found else None
        if found is None or partner is None:
            log.warning("token_refused")
            raise _unknown()
        check_scope(found[2], request.blueprint or "", request.method)
        return Caller(partner, f"client:{found[1]}")

    def _signed(self, request: Request, header: re.Match[str]) -> Caller:
        key_id, sent_at, nonce, sign = header.groups()
        now = self._gateway.now()
        window = self._gateway.config.settings.signature_seconds
        if abs(now.timestamp() - int(sent_at)) > window:
            words = f"thời gian ký lệch quá {window:g} giây", f"signed more than {window:g} seconds away from our clock"
            raise Unauthenticated.of("", "time-window", *words)
        key = self.find(key_id, "hmac")
        body: bytes | None = None
        body_sha = given_digest(request)  # then the body itself is held against it wherever it is read
        if body_sha is None:
            body = self._read(request, key)
            body_sha = hashlib.sha256(body).hexdigest() if body else _NO_BODY
        lines = (request.method, path_of(request), sent_at, nonce, body_sha)
        secret = signing_secret(self._gateway.sign, key_id, key.digest if key else NO_KEY)
        made = hmac.new(secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        caller = self.known_caller(key, key_id, hmac.compare_digest(made, sign), body)
        with self._gateway.ledger.write() as connection:
            fresh = spend_nonce(connection, key_id, nonce, now)
        if not fresh:
            log.warning("request_replayed", key=key_id, partner=caller.partner.id)
            raise Unauthenticated.of("", "replayed", "yêu cầu này đã được gửi rồi", "this request was sent before")
        return caller

    def _read(self, request: Request, key: Key | None) -> bytes:
        """The body, to check the signature over it. Not read for a key that does not exist."""
        if key is None:
            return b""
        web = self._gateway.config.settings.web
        with self._places.hold(key.partner):
            return read_all(request, web.body_bytes, web.read_seconds)

    def known_caller(self, key: Key | None, key_id: str, right: bool, body: bytes | None = None) -> Caller:
        """Whose key this is, if it is good and `right` says that it was proven. Raises `Unauthenticated`."""
        partner = self._gateway.config.partners.get(key.partner) if key else None
        if key is None or partner is None or not right or not key.good(self._gateway.now()):
            log.warning("key_refused", key=key_id)
            raise _unknown()
        return Caller(partner, key.id, body)

    def find(self, key_id: str, kind: str) -> Key | None:
        """The key of this kind, good or not."""
        remembered = self._known.get(key_id)
        if remembered is not None and remembered[0] > monotonic():
            key: Key | None = remembered[1]
        else:
            with self._gateway.ledger.read() as connection:
                key = find_key(connection, key_id)
            self._remember(key_id, key)
        return key if key is not None and key.kind == kind else None

    def _remember(self, key_id: str, key: Key | None) -> None:
        with self._lock:
            if key is None:  # strangers' guesses are not worth memory
                self._known.pop(key_id, None)
                return
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            self._known[key_id] = (monotonic() + REMEMBER_SECONDS, key)


def path_of(request: Request) -> str:
    """The path with its query, as it is signed."""
    query: Any = request.environ.get("QUERY_STRING", "")
    return f"{request.path}?{query}" if query else request.path


def _unknown() -> Unauthenticated:
    words = "thiếu khóa, hoặc khóa không dùng được", "no key, or none that is good"
    return Unauthenticated.of("", "unauthenticated", *words)
