"""Who sends? A key in the HTTP header, a UsernameToken, a signature, or several of them that agree.

The user name is the id of a key (`lienthong keys add … --kind hmac`), the password its secret; as plain text also a bearer key. A digest
carries a nonce, spent once in the ledger, so that a replay is refused by every process and after a restart; so does a signature, by what
was signed. Certificates stand in the partners' files.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NoReturn

import structlog
from cryptography.hazmat.primitives import hashes
from cryptography.x509 import Certificate, load_pem_x509_certificates
from lxml import etree
from pydantic_core import PydanticCustomError

from gateway.canonical.scalars import read_instant
from gateway.config import Config
from gateway.errors import Misconfigured, Unauthenticated
from gateway.flow.gateway import Gateway
from gateway.ledger.facts import spend_nonce
from gateway.ledger.keys import signing_secret
from gateway.soap.names import BASE64, DS, TOKEN, WSA, WSSE, WSU
from gateway.soap.signature import BadSignature, Signature, read_signature
from gateway.web.auth import BEARER, NO_KEY, Caller, Keyring
from gateway.web.soap.envelope import Envelope

log = structlog.get_logger("web")

_KNOWN = {
    f"{{{WSU}}}Timestamp", f"{{{WSSE}}}UsernameToken", f"{{{WSSE}}}BinarySecurityToken", f"{{{DS}}}Signature",
}  # fmt: skip
_NONCE = range(8, 65)  # bytes


@dataclass(frozen=True, slots=True)
class Proven:
    """Who sends, and how it was proven. `message_id` is the idempotency key's: only one that is as safe as the message itself."""

    caller: Caller
    signature: Signature | None
    message_id: str | None


def read_register(config: Config) -> Mapping[str, Sequence[Certificate]]:
    """Every partner's certificates. Raises `Misconfigured`."""
    found = {}
    for name, partner in config.partners.items():
        place = f"config/partners/{name}.toml: soap.certificates"
        certificates: list[Certificate] = []
        for file in partner.soap.certificates:
            try:
                certificates += load_pem_x509_certificates((config.folder / file).read_bytes())
            except (OSError, ValueError) as error:
                raise Misconfigured(f"{place}: {file}: {error}") from error
        if partner.soap.signed and not certificates:
            raise Misconfigured(f"{place}: `signed` wants certificates, and there are none")
        found[name] = certificates
    return found


class Guard:
    """Proves who sends. One for the app."""

    def __init__(self, gateway: Gateway, keyring: Keyring) -> None:
        """Raises `Misconfigured`."""
        self._gateway = gateway
        self._keyring = keyring
        self._register = read_register(gateway.config)

    def prove(self, envelope: Envelope, known: Caller | None) -> Proven:
        """`known` is whoever the HTTP header proved. Raises `Unauthenticated`."""
        security = envelope.header(WSSE, "Security")
        found = [known] if known is not None else []
        signature = None
        if security is not None:
            timestamp, token, signed = self._parts(security)
            if timestamp is not None:
                self._check_timestamp(timestamp)
            if token is not None:
                found.append(self._by_password(token))
            if signed is not None:
                signature = read_signature(envelope, security, signed, self._register, self._gateway.now())
                found.append(self._by_certificate(signature))
        if not found:
            raise Unauthenticated.of(
                "", "unauthenticated", "thiếu khóa, hoặc khóa không dùng được", "no key, or none that is good"
            )
        if len({caller.partner.id for caller in found}) > 1:
            _refuse("two-senders", "hai cách xác thực chỉ hai đối tác khác nhau", "two proofs name two partners")
        if signature is None and found[0].partner.soap.signed:
            _refuse("unsigned", "đối tác này phải ký bản tin", "this partner must sign its messages")
        message_id = envelope.header(WSA, "MessageID")
        safe = signature is None or signature.covers(message_id)
        return Proven(found[0], signature, envelope.address("MessageID") if safe else None)

    def _parts(self, security: etree._Element) -> tuple[etree._Element | None, ...]:
        for child in security:
            if child.tag not in _KNOWN:
                name = etree.QName(child).localname
                words = f"không nhận {name} trong Security", f"{name} is not taken in a Security header"
                _refuse("security", *words)
        return tuple(
            _at_most_one(security, tag)
            for tag in (f"{{{WSU}}}Timestamp", f"{{{WSSE}}}UsernameToken", f"{{{DS}}}Signature")
        )

    def _check_timestamp(self, timestamp: etree._Element) -> None:
        self._check_created(_at_most_one(timestamp, f"{{{WSU}}}Created"))
        expires = _at_most_one(timestamp, f"{{{WSU}}}Expires")
        if expires is not None and self._gateway.now() > _instant(expires):
            _refuse("expired", "bản tin đã hết hạn (Expires)", "the message has expired")

    def _check_created(self, created: etree._Element | None) -> None:
        if created is None:
            _refuse("created", "thiếu Created", "Created is missing")
        window = timedelta(seconds=self._gateway.config.settings.signature_seconds)
        if abs(self._gateway.now() - _instant(created)) > window:
            seconds = f"{window.total_seconds():g}"
            _refuse(
                "time-window",
                f"thời gian tạo lệch quá {seconds} giây",
                f"created more than {seconds} seconds away from our clock",
            )

    # ── by password ─────────────────────────────────────────────────────────────────────────────────────────────

    def _by_password(self, token: etree._Element) -> Caller:
        user = _at_most_one(token, f"{{{WSSE}}}Username")
        password = _at_most_one(token, f"{{{WSSE}}}Password")
        nonce = _at_most_one(token, f"{{{WSSE}}}Nonce")
        created = _at_most_one(token, f"{{{WSU}}}Created")
        key_id = ((user.text if user is not None else "") or "").strip()
        given = ((password.text if password is not None else "") or "").strip()
        if created is not None:
            self._check_created(created)
        if password is not None and password.get("Type") == f"{TOKEN}PasswordDigest":
            if nonce is None or created is None:
                _refuse("nonce", "PasswordDigest cần Nonce và Created", "a PasswordDigest needs Nonce and Created")
            caller = self._by_digest(key_id, given, _nonce(nonce), (created.text or "").strip())
        elif password is None or password.get("Type") in (None, f"{TOKEN}PasswordText"):
            caller = self._by_text(key_id, given)
        else:
            _refuse("password-type", "không nhận kiểu mật khẩu này", "this type of password is not taken")
        if nonce is not None:
            self._spend(caller.key, base64.b64encode(_nonce(nonce)).decode(), caller)
        return caller

    def _by_digest(self, key_id: str, given: str, nonce: bytes, created: str) -> Caller:
        key = self._keyring.find(key_id, "hmac")
        secret = signing_secret(self._gateway.sign, key_id, key.digest if key else NO_KEY)
        # SHA-1 is the token profile's; what it hides has 256 random bits.
        made = base64.b64encode(hashlib.sha1(nonce + created.encode() + secret.encode()).digest()).decode()  # noqa: S324
        return self._keyring.known_caller(key, key_id, hmac.compare_digest(made.encode(), given.encode()))

    def _by_text(self, key_id: str, given: str) -> Caller:
        bearer = BEARER.fullmatch(f"Bearer {given}")
        if bearer is not None:
            if bearer[1] != key_id:
                return self._keyring.known_caller(None, key_id, False)
            return self._keyring.bearer(bearer[1], bearer[2])
        key = self._keyring.find(key_id, "hmac")
        secret = signing_secret(self._gateway.sign, key_id, key.digest if key else NO_KEY)
        return self._keyring.known_caller(key, key_id, hmac.compare_digest(secret.encode(), given.encode()))

    # ── by certificate ──────────────────────────────────────────────────────────────────────────────────────────

    def _by_certificate(self, signature: Signature) -> Caller:
        partner = self._gateway.config.partners[signature.partner]
        caller = Caller(partner, f"x509:{signature.certificate.fingerprint(hashes.SHA256()).hex()[:16]}")
        self._spend(caller.key, signature.number, caller)
        return caller

    def _spend(self, key: str, nonce: str, caller: Caller) -> None:
        with self._gateway.ledger.write() as connection:
            fresh = spend_nonce(connection, key, nonce, self._gateway.now())
        if not fresh:
            log.warning("request_replayed", key=key, partner=caller.partner.id)
            _refuse("replayed", "bản tin này đã được gửi rồi", "this message was sent before")


def _nonce(element: etree._Element) -> bytes:
    if element.get("EncodingType", BASE64) != BASE64:
        _refuse("nonce", "Nonce phải ở dạng base64", "the Nonce must be base64")
    try:
        found = base64.b64decode((element.text or "").strip(), validate=True)
    except (binascii.Error, ValueError):
        _refuse("nonce", "Nonce phải ở dạng base64", "the Nonce must be base64")
    if len(found) not in _NONCE:
        words = (
            f"Nonce phải có {_NONCE[0]} đến {_NONCE[-1]} byte",
            f"the Nonce must have {_NONCE[0]} to {_NONCE[-1]} bytes",
        )
        _refuse("nonce", *words)
    return found


def _instant(element: etree._Element) -> datetime:
    try:
        return read_instant((element.text or "").strip())
    except PydanticCustomError:
        _refuse("created", "thời gian trong Security sai dạng", "a time in the Security header is malformed")


def _at_most_one(parent: etree._Element, tag: str) -> etree._Element | None:
    found = parent.findall(tag)
    if len(found) > 1:
        name = etree.QName(tag).localname
        _refuse("security", f"{name} xuất hiện hai lần", f"{name} stands twice")
    return found[0] if found else None


def _refuse(code: str, detail: str, detail_en: str) -> NoReturn:
    raise BadSignature.of("", code, detail, detail_en)
