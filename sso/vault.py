"""How secrets and personal data stand in the database: random values as digests, identifiers as a keyed hash and a mask, the rest sealed.

Keys are derived from the gateway's own secret, one for each purpose.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
import unicodedata
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

Derive = Callable[[str], bytes]
"""Purpose → 32 bytes."""

_NONCE = 12


class Unsealed(Exception):
    """What was to be opened was sealed with another secret, for another place, or is damaged."""


class Vault:
    def __init__(self, derive: Derive) -> None:
        self._cipher = AESGCM(derive("sign-on-seal"))
        self._hash = derive("sign-on-hash")
        self._pairwise = derive("sign-on-pairwise")

    def seal(self, place: str, content: Any) -> str:
        """JSON, readable only with our secret and only at the same `place` (table and key)."""
        nonce = secrets.token_bytes(_NONCE)
        text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
        return urlsafe_b64encode(nonce + self._cipher.encrypt(nonce, text, place.encode())).decode()

    def unseal(self, place: str, sealed: str) -> Any:
        """Raises `Unsealed`."""
        raw = urlsafe_b64decode(sealed)
        try:
            return json.loads(self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], place.encode()))
        except InvalidTag as fault:
            raise Unsealed(place) from fault

    def hash(self, kind: str, value: str) -> str:
        """The same for the same identifier, and of no use without our secret."""
        return hmac.new(self._hash, f"{kind}\0{value}".encode(), hashlib.sha256).hexdigest()

    def pairwise(self, sector: str, person: str) -> str:
        """A subject that two sectors cannot lay side by side (OpenID Connect Core, 8.1)."""
        return hmac.new(self._pairwise, f"{sector}\0{person}".encode(), hashlib.sha256).hexdigest()[:40]


def random_text(size: int = 32) -> str:
    """Not to be guessed; fit for an address."""
    return secrets.token_urlsafe(size)


def random_name(size: int) -> str:
    """As random, and a word on a command line: one that began with a hyphen would be taken for an option there."""
    while (name := random_text(size)).startswith("-"):
        pass
    return name


def digest(secret: str) -> str:
    """Of something random, so that no salt is needed."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def same(one: str, other: str) -> bool:
    """In constant time."""
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode("utf-8", "surrogatepass"))


def s256(verifier: str) -> str:
    """The challenge of a PKCE verifier (RFC 7636, 4.2)."""
    return urlsafe_b64encode(hashlib.sha256(verifier.encode("utf-8", "surrogatepass")).digest()).rstrip(b"=").decode()


def is_text(value: str) -> bool:
    """Nothing in it that a database refuses or a reader cannot see: control characters, half a surrogate pair."""
    return not any(unicodedata.category(c) in ("Cc", "Cs") for c in value)


def mask(value: str) -> str:
    """Enough to be known again by its owner: the last three characters."""
    return "•" * max(0, len(value) - 3) + value[-3:] if len(value) > 3 else "•" * len(value)


def compact(claims: Mapping[str, Any]) -> dict[str, Any]:
    """Without what is empty."""
    return {name: value for name, value in claims.items() if value not in (None, "", [])}
