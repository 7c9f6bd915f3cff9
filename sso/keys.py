"""The keys we sign with. A new one is published before it is used, an old one stays published while anything signed with it lives.

ES256 for access tokens, which are many and which our own API checks; RS256 or ES256 for id_tokens, as the client wants: RS256 is what every
OpenID client must know.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from sso.store import Row, Rows, Store
from sso.vault import Vault, random_text

ALGORITHMS = ("RS256", "ES256")
_FRESH = timedelta(seconds=30)  # how long a process goes by the keys it has read


class BadToken(Exception):
    """Not ours, not whole, or not good now. The text is for the journal."""


@dataclass(frozen=True, slots=True)
class _Key:
    kid: str
    alg: str
    made_at: datetime
    use_from: datetime
    gone_at: datetime | None
    key: RSAKey | ECKey


class Keys:
    """`lead`: how long a key is published before it is used (caches of the JWKS must hear of it); `lives`: the longest life of a token."""

    def __init__(
        self,
        store: Store,
        vault: Vault,
        now: Callable[[], datetime],
        *,
        lead: timedelta,
        lives: timedelta,
        age: timedelta,
    ) -> None:
        self._store, self._vault, self._now = store, vault, now
        self._lead, self._lives, self._age = lead, lives, age
        self._lock = threading.Lock()
        self._read: tuple[datetime, list[_Key]] | None = None
        self._opened: dict[str, RSAKey | ECKey] = {}

    def be_ready(self) -> None:
        """Call it before a transaction in which something is signed: the very first keys are made in one of their own."""
        self._keys()

    def sign(self, claims: Mapping[str, Any], alg: str, typ: str) -> str:
        """A compact JWS with the key in use."""
        now = self._now()
        live = [
            k for k in self._keys() if k.alg == alg and k.use_from <= now and (k.gone_at is None or k.gone_at > now)
        ]
        key = max(live, key=lambda k: (k.use_from, k.made_at))
        return jwt.encode({"alg": alg, "kid": key.kid, "typ": typ}, dict(claims), key.key, algorithms=[alg])

    def verify(self, token: str, typ: str) -> dict[str, Any]:
        """The claims of something we signed as `typ`, its times not yet looked at. Raises `BadToken`."""
        now = self._now()
        known = KeySet([k.key for k in self._keys() if k.gone_at is None or k.gone_at > now])
        try:
            read = jwt.decode(token, known, algorithms=list(ALGORITHMS))
        except (JoseError, ValueError, TypeError) as fault:
            raise BadToken(str(fault)) from fault
        if str(read.header.get("typ", "")).lower() != typ.lower() or "kid" not in read.header:
            raise BadToken(f"typ {read.header.get('typ')!a} instead of {typ}")
        return dict(read.claims)

    def published(self) -> dict[str, Any]:
        """The JWKS: keys to come, in use, and of tokens that still live."""
        now = self._now()
        live = [k for k in self._keys() if k.gone_at is None or k.gone_at > now]
        return {"keys": [{**k.key.as_dict(private=False), "kid": k.kid, "alg": k.alg, "use": "sig"} for k in live]}

    def rotate(self, rows: Rows, at_once: bool = False) -> list[str]:
        """New keys, in use after the lead. `at_once` (a key was stolen): used now, and what the old ones signed is good no longer."""
        now = self._now()
        use_from = now if at_once else now + self._lead
        rows.change("keys", {"gone_at": None}, gone_at=now if at_once else use_from + self._lives)
        if at_once:
            rows.change("keys", {"gone_at_after": now}, gone_at=now)
        made = [self._make(rows, alg, now, use_from) for alg in ALGORITHMS]
        self._read = None
        return made

    def rotate_if_old(self, rows: Rows) -> bool:
        """The planned rotation: when the newest key has been in use for the planned age."""
        now = self._now()
        if rows.first("keys", use_from_after=now - self._age, gone_at=None) is not None:
            return False
        if rows.first("keys", gone_at=None) is None:
            return False  # the first ones are made where they are first needed
        self.rotate(rows)
        return True

    def forget(self) -> None:
        """Read them again at the next need."""
        self._read = None

    def _make(self, rows: Rows, alg: str, now: datetime, use_from: datetime) -> str:
        kid = random_text(9)
        key = RSAKey.generate_key(2048, private=True) if alg == "RS256" else ECKey.generate_key("P-256", private=True)
        sealed = self._vault.seal(f"keys/{kid}", key.as_dict(private=True))
        rows.add("keys", kid=kid, alg=alg, sealed=sealed, made_at=now, use_from=use_from)
        return kid

    def _keys(self) -> list[_Key]:
        now, read = self._now(), self._read
        if read is not None and timedelta(0) <= now - read[0] < _FRESH:
            return read[1]
        with self._lock:
            with self._store.read() as rows:
                found = rows.all("keys", order="made_at")
            if not any(row["gone_at"] is None or row["gone_at"] > now for row in found):
                found = self._first()
            self._read = now, [self._open(row) for row in found]
            return self._read[1]

    def _first(self) -> list[Row]:
        """There is none, or (a copy of the ledger was put back) none is good. Of two processes that want the first keys at once, the second
        waits at the row that both add."""
        now = self._now()
        with self._store.write() as rows:
            rows.add("limits", name="first-keys", full_until=now)
            rows.first("limits", lock=True, name="first-keys")
            if rows.first("keys", gone_at=None) is None and rows.first("keys", gone_at_after=now) is None:
                for alg in ALGORITHMS:
                    self._make(rows, alg, now, now)
            return rows.all("keys", order="made_at")

    def _open(self, row: Row) -> _Key:
        """A key is unsealed once: reading an RSA key takes as long as dozens of signatures."""
        kid, alg = row["kid"], row["alg"]
        if kid not in self._opened:
            raw = self._vault.unseal(f"keys/{kid}", row["sealed"]) | {"kid": kid}
            self._opened[kid] = RSAKey.import_key(raw) if alg == "RS256" else ECKey.import_key(raw)
        return _Key(kid, alg, row["made_at"], row["use_from"], row["gone_at"], self._opened[kid])
