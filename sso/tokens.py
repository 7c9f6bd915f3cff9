"""Tokens: how they are made, and what one that comes back is worth.

An access token is a signed `at+jwt` (RFC 9068) that anyone can check by our published keys; whoever must know at once that it was revoked asks
the introspection. Refresh tokens are vouchers. All that was granted at one sign-in to one client is a family: it is revoked together.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sso.claims import session_id, subject
from sso.clients import is_open, thumbprint
from sso.keys import BadToken
from sso.office import Office
from sso.people import People
from sso.sessions import Sessions
from sso.settings import Client
from sso.store import Row, Rows
from sso.vault import compact, random_text
from sso.vouchers import is_noted, issue

_SKEW = 5  # seconds; our own clock made them, another host's may differ a little


@dataclass(frozen=True, slots=True)
class Grant:
    """What a person's sign-in gave to a client."""

    client: Client
    person: str
    session: str
    scopes: tuple[str, ...]
    family: str
    auth_time: datetime
    level: int
    nonce: str | None = None
    audience: str | None = None


class Tokens:
    def __init__(self, office: Office, people: People, sessions: Sessions) -> None:
        self._office, self._people, self._sessions = office, people, sessions

    # ── families ────────────────────────────────────────────────────────────────────────────────────────────────

    def found(self, rows: Rows, client: Client, session: str, person: str, ends: datetime, offline: bool) -> str:
        """A new family. It lives as long as its session, which ends at `ends`, or `offline_days`."""
        number, now = random_text(12), self._office.now()
        until = now + timedelta(days=self._office.settings.offline_days) if offline else ends
        row = {"id": number, "client": client.id, "person": person, "session": session, "offline": offline}
        rows.add("families", **row, created_at=now, expires_at=until)
        return number

    def revoke(self, rows: Rows, family: str | None, because: str) -> None:
        """Every token of the family, now."""
        if family is None:
            return
        changed = rows.change(
            "families", {"id": family, "revoked_at": None}, revoked_at=self._office.now(), because=because
        )
        for row in changed:
            self._office.note(rows, "tokens_revoked", person=row["person"], client=row["client"], detail=because)

    def living(self, rows: Rows, family: str) -> Row | None:
        """The family, when its tokens are good: not revoked, not over, its session there, its person not disabled."""
        row = rows.first("families", id=family, revoked_at=None, expires_at_after=self._office.now())
        if row is None or (not row["offline"] and self._sessions.get(rows, row["session"]) is None):
            return None
        person = self._people.get(rows, row["person"])
        return None if person is None or person.disabled else row

    # ── making ──────────────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, rows: Rows, grant: Grant, refreshed: bool, certificate: str | None) -> dict[str, Any]:
        """The token endpoint's answer for a person's grant."""
        office = self._office
        access = self.access(grant.client, self._subject(grant), grant.scopes, certificate, grant)
        answer = {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": office.settings.token_seconds,
            "scope": " ".join(grant.scopes),
        }
        if "openid" in grant.scopes:
            answer["id_token"] = self.id_token(grant, None if refreshed else grant.nonce)
        if "refresh_token" in grant.client.grants:
            life = timedelta(hours=office.settings.refresh_hours)
            data = {"scopes": list(grant.scopes), "auth_time": grant.auth_time.isoformat(), "level": grant.level}
            data |= {"audience": grant.audience}
            answer["refresh_token"] = issue(office, rows, "refresh", data, life, grant.family)
        return answer

    def access(
        self,
        client: Client,
        sub: str,
        scopes: tuple[str, ...],
        certificate: str | None,
        grant: Grant | None = None,
        audience: str | None = None,
    ) -> str:
        """A signed access token; bound to the TLS certificate where the client's file says so."""
        office, now = self._office, int(self._office.now().timestamp())
        claims = {
            "iss": office.issuer,
            "sub": sub,
            "aud": audience or (grant.audience if grant else None) or office.issuer,
            "client_id": client.id,
            "iat": now,
            "exp": now + office.settings.token_seconds,
            "jti": random_text(12),
            "scope": " ".join(scopes),
        }
        if client.bound and certificate is not None:
            claims["cnf"] = {"x5t#S256": thumbprint(certificate)}
        if grant is not None:
            claims |= {"auth_time": int(grant.auth_time.timestamp()), "acr": acr(grant.level), "family": grant.family}
        return office.keys.sign(claims, "ES256", "at+jwt")

    def id_token(self, grant: Grant, nonce: str | None) -> str:
        now = int(self._office.now().timestamp())
        claims = {
            "iss": self._office.issuer,
            "sub": self._subject(grant),
            "aud": grant.client.id,
            "iat": now,
            "exp": now + self._office.settings.token_seconds,
            "auth_time": int(grant.auth_time.timestamp()),
            "acr": acr(grant.level),
            "sid": session_id(self._office, grant.client, grant.session),
            "nonce": nonce,
        }
        return self._office.keys.sign(compact(claims), grant.client.id_token_alg, "JWT")

    def logout_token(self, client: Client, sub: str, session: str) -> str:
        """OpenID Connect Back-Channel Logout, 2.4."""
        now = int(self._office.now().timestamp())
        claims = {
            "iss": self._office.issuer,
            "sub": sub,
            "aud": client.id,
            "iat": now,
            "exp": now + 120,
            "jti": random_text(12),
            "sid": session_id(self._office, client, session),
            "events": {"http://schemas.openid.net/event/backchannel-logout": {}},
        }
        return self._office.keys.sign(claims, client.id_token_alg, "logout+jwt")

    def _subject(self, grant: Grant) -> str:
        return subject(self._office, grant.client, grant.person)

    # ── judging ─────────────────────────────────────────────────────────────────────────────────────────────────

    def read(self, token: str) -> dict[str, Any]:
        """The claims of an access token of ours that has not run out; revocation is not looked at. Raises `BadToken`."""
        claims = self._office.keys.verify(token, "at+jwt")
        now = self._office.now().timestamp()
        if claims.get("iss") != self._office.issuer:
            raise BadToken("another issuer")
        if not claims["exp"] > now or claims["iat"] > now + _SKEW:
            raise BadToken("run out, or of the future")
        return claims

    def is_live(self, rows: Rows, claims: dict[str, Any]) -> bool:
        """Neither it nor its family was revoked, nor its client disabled."""
        if is_noted(rows, "revoked", claims["jti"]) or not is_open(self._office, rows, claims["client_id"]):
            return False
        return "family" not in claims or self.living(rows, claims["family"]) is not None

    def read_hint(self, token: str) -> dict[str, Any]:
        """The claims of an id_token of ours, which may have run out: it is a hint. Raises `BadToken`."""
        claims = self._office.keys.verify(token, "JWT")
        if claims.get("iss") != self._office.issuer:
            raise BadToken("another issuer")
        return claims


def acr(level: int) -> str:
    """How a level of assurance is called in `acr`."""
    return f"loa{level}"


def level_of(word: str) -> int | None:
    """The level of an `acr` value; None for a word we do not know."""
    return {"loa1": 1, "loa2": 2, "loa3": 3}.get(word.lower())
