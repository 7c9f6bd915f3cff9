"""Partners' keys. At rest there is only a digest: of a bearer key its secret's SHA-256, of a signing key a random value its secret is made of.

A bearer key is shown once as ``lt_<id>_<secret>``. The secret of a signing key (`hmac`) is derived from the gateway's own secret and the
row, so a copy of the ledger alone signs nothing.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, and_, or_, select, update

from gateway.errors import Fault, NotFound
from gateway.ledger.tables import keys

Sign = Callable[[str, str], str]
"""`Gateway.sign`: (purpose, text) → hex."""

KINDS = ("bearer", "hmac")


@dataclass(frozen=True, slots=True)
class Key:
    """A key's row. It is good when it is neither disabled nor expired: see `good`."""

    id: str
    partner: str
    kind: str
    digest: str
    note: str | None
    created_at: datetime
    expires_at: datetime | None
    disabled_at: datetime | None

    def good(self, now: datetime) -> bool:
        return self.disabled_at is None and (self.expires_at is None or now < self.expires_at)


def add_key(
    connection: Connection,
    partner: str,
    kind: str,
    note: str | None,
    now: datetime,
    expires: datetime | None = None,
    *,
    sign: Sign | None = None,
) -> tuple[str, str]:
    """A new key: (id, what the partner must be given, which is shown this once). `kind` is ``bearer`` or ``hmac``; ``hmac`` needs `sign`."""
    if kind not in KINDS:
        raise ValueError(f"no kind of key {kind!r}: {' or '.join(KINDS)}")
    number = secrets.token_hex(6)
    if kind == "bearer":
        secret = secrets.token_urlsafe(32)
        digest, shown = digest_of(secret), f"lt_{number}_{secret}"
    else:
        if sign is None:
            raise ValueError("a signing key is derived from the gateway's secret: give `sign`")
        digest = secrets.token_hex(32)
        shown = signing_secret(sign, number, digest)
    row = {"id": number, "partner": partner, "kind": kind, "digest": digest, "note": note, "created_at": now}
    connection.execute(keys.insert().values(**row, expires_at=expires, disabled_at=None))
    return number, shown


def digest_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def signing_secret(sign: Sign, key_id: str, digest: str) -> str:
    """The secret of a signing key, hex. Both sides use its characters, as UTF-8, as the HMAC key."""
    return sign("hmac-key", f"{key_id}|{digest}")


def find_key(connection: Connection, key_id: str) -> Key | None:
    row = connection.execute(select(keys).where(keys.c.id == key_id)).first()
    return Key(*row) if row is not None else None


def list_keys(connection: Connection, partner: str | None = None) -> Sequence[Key]:
    """All keys, or one partner's; oldest first, the disabled and the expired too."""
    statement = select(keys).order_by(keys.c.created_at, keys.c.id)
    if partner is not None:
        statement = statement.where(keys.c.partner == partner)
    return [Key(*row) for row in connection.execute(statement)]


def disable_key(connection: Connection, key_id: str, now: datetime) -> Key:
    """From now on (within the web's few seconds of memory) the key opens nothing. Raises `NotFound`. Safe to do twice."""
    key = _must_find(connection, key_id)
    connection.execute(update(keys).where(keys.c.id == key_id, keys.c.disabled_at.is_(None)).values(disabled_at=now))
    return key


def rotate_key(
    connection: Connection, key_id: str, now: datetime, until: datetime, *, sign: Sign | None = None
) -> tuple[str, str]:
    """A new key of the same partner, kind and term; the old one ends at `until` at the latest. Returns and raises as `add_key`, `NotFound`."""
    old = _must_find(connection, key_id)
    expires = now + (old.expires_at - old.created_at) if old.expires_at else None
    made = add_key(connection, old.partner, old.kind, old.note, now, expires, sign=sign)
    later = or_(keys.c.expires_at.is_(None), keys.c.expires_at > until)
    connection.execute(update(keys).where(and_(keys.c.id == key_id, later)).values(expires_at=until))
    return made


def _must_find(connection: Connection, key_id: str) -> Key:
    key = find_key(connection, key_id)
    if key is None:
        raise NotFound([Fault("", "unknown-key", f"không có khóa {key_id}", f"there is no key {key_id}")])
    return key


__all__ = [
    "KINDS",
    "Key",
    "Sign",
    "add_key",
    "digest_of",
    "disable_key",
    "find_key",
    "list_keys",
    "rotate_key",
    "signing_secret",
]
