"""The sign-on put together, and what programs ask of it: what a token is worth, what a machine may do."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sso.authorizing import Authorizing
from sso.claims import userinfo
from sso.clients import Place, thumbprint
from sso.errors import OAuthError, TooMany
from sso.granting import Granting
from sso.keys import BadToken, Keys
from sso.leaving import Leaving
from sso.limits import check_limit, count_try
from sso.office import Office
from sso.people import People
from sso.requests import Requests
from sso.sessions import Sessions
from sso.settings import MACHINE_SCOPES, Client, read_clients, read_settings
from sso.signing import Signing
from sso.store import Rows, Store
from sso.tokens import Tokens
from sso.upstream import Upstream
from sso.vault import Derive, Vault, digest, same
from sso.vouchers import find_family, spend_number

_REMEMBER = timedelta(seconds=3)  # a revoked machine token, or a disabled client, is good at most this much longer
_READ_AGAIN = timedelta(seconds=60)  # a signature is checked again: its key may have been withdrawn
_MOST_REMEMBERED = 4096
_LATE = timedelta(
    minutes=10
)  # by how much hosts' clocks may differ at the very most: what is over here is over everywhere


@dataclass(frozen=True, slots=True)
class Machine:
    """Who calls with an access token it got by its own name: the client, the partner it speaks as, what it may."""

    client: str
    partner: str
    scopes: frozenset[str]


class SignOn:
    """Everything, for one process. `settings` and `clients` are the documents of config/signon.toml and config/clients/, secrets resolved.

    Raises `Misconfigured`.
    """

    def __init__(
        self,
        *,
        issuer: str,
        settings: Mapping[str, Any],
        clients: Mapping[str, Mapping[str, Any]],
        store: Store,
        derive: Derive,
        now: Callable[[], datetime],
    ) -> None:
        rules, vault = read_settings(dict(settings)), Vault(derive)
        lives = max(timedelta(days=rules.offline_days), timedelta(seconds=rules.token_seconds))
        keys = Keys(
            store, vault, now,
            lead=timedelta(minutes=rules.key_lead_minutes), lives=min(lives, timedelta(days=1)), age=timedelta(days=rules.key_days),
        )  # fmt: skip
        known = read_clients({name: dict(document) for name, document in clients.items()})
        self.office = office = Office(issuer.rstrip("/"), rules, known, store, vault, keys, now)
        self.people, self.sessions, self.requests = People(office), Sessions(office), Requests(office)
        self.tokens = Tokens(office, self.people, self.sessions)
        self.granting = Granting(office, self.people, self.tokens)
        self.authorizing = Authorizing(office, self.requests, self.people, self.tokens)
        upstreams = {
            row.id: Upstream(row, f"{office.issuer}/sso/callback/{row.id}", now)
            for row in rules.provider
            if row.enabled
        }
        self.signing = Signing(office, upstreams, self.people, self.sessions)
        self.leaving = Leaving(office, self.sessions, self.tokens, upstreams)
        self._machines: dict[str, tuple[datetime, datetime, dict[str, Any]]] = {}
        self._lock = threading.Lock()

    # ── programs ────────────────────────────────────────────────────────────────────────────────────────────────

    def userinfo(self, token: str, certificate: str | None) -> dict[str, Any]:
        """Raises `OAuthError` (invalid_token, insufficient_scope)."""
        claims = self._claims(token, certificate, self.office.issuer)
        scopes = claims["scope"].split()
        client = self.office.clients.get(claims["client_id"])
        if "openid" not in scopes or "family" not in claims or client is None:
            raise OAuthError("insufficient_scope", "no openid", status=403)
        with self.office.store.read() as rows:
            family = self.tokens.living(rows, claims["family"]) if self.tokens.is_live(rows, claims) else None
            person = self.people.get(rows, family["person"]) if family is not None else None
            former = self.people.former(rows, person.id) if person is not None else []
        if person is None:
            raise OAuthError("invalid_token", "revoked", status=401, client=client.id)
        told = userinfo(self.office, client, person, scopes, former)
        return told | {"sub": claims["sub"]}

    def introspect(self, client: Client, token: str) -> dict[str, Any]:
        """RFC 7662: what the token is worth now, to whom it may concern; everything else is just inactive."""
        try:
            claims = self.tokens.read(token)
        except BadToken:
            return {"active": False}
        concerned = claims["client_id"] == client.id or claims["aud"] in client.serves
        with self.office.store.read() as rows:
            if not concerned or not self.tokens.is_live(rows, claims):
                return {"active": False}
        return {"active": True, "token_type": "Bearer", **{k: v for k, v in claims.items() if k != "family"}}

    def revoke(self, client: Client, token: str) -> None:
        """RFC 7009: its own token, and what came with it. Somebody else's, or none at all: nothing happens, and nothing is told."""
        with self.office.store.write() as rows:
            number = find_family(rows, "refresh", token)
            family = rows.first("families", id=number) if number else None
            if family is not None and family["client"] == client.id:
                self.tokens.revoke(rows, family["id"], "revoked by its client")
                return
            try:
                claims = self.tokens.read(token)
            except BadToken:
                return
            if claims["client_id"] == client.id:
                spend_number(self.office, rows, "revoked", claims["jti"], datetime.fromtimestamp(claims["exp"], UTC))
                self.office.note(rows, "tokens_revoked", client=client.id, detail="an access token, by its client")

    def machine(self, token: str, certificate: str | None) -> Machine | None:
        """Who calls our own interface with this access token; None for one that is not good for that. Checked here, without a call:
        the signature once, revocation and the client each few seconds."""
        try:
            claims = self._remembered(token)
            self._check_binding(claims, certificate)
        except (BadToken, OAuthError):
            return None
        client = self.office.clients.get(claims["client_id"])
        if client is None or not client.enabled or claims["exp"] <= self.office.now().timestamp():
            return None
        scopes = frozenset(claims["scope"].split()) & MACHINE_SCOPES & frozenset(client.scopes)
        return Machine(client.id, client.partner, scopes) if client.partner and scopes else None

    def refused(self, event: str, place: Place, client: str, detail: str, blamed: bool = True) -> None:
        """Note a refusal, and count it against the address and the client's name; one that is not `blamed` on them is only noted.

        Of one address no more are noted than the limit of refusals lets through.
        """
        now, limits = self.office.now(), self.office.settings.limits
        with self.office.store.write() as rows:
            with suppress(TooMany):  # then it is full: the next request is told so, and the journal has enough of them
                count_try(rows, limits.rule("refused"), f"{'refused' if blamed else 'noted'}:{place.key}", now)
                self.office.note(rows, event, client=client or None, place=place.told, detail=detail)
            if client and blamed:
                with suppress(TooMany):
                    count_try(rows, limits.rule("client_refused"), f"refused:{client}:{place.key}", now)

    def check_limits(self, place: Place, client: str = "") -> None:
        """May this place (and this client's name, from there) try again? Raises `TooMany`."""
        now, limits = self.office.now(), self.office.settings.limits
        with self.office.store.read() as rows:
            check_limit(rows, limits.rule("refused"), f"refused:{place.key}", now)
            if client:
                check_limit(rows, limits.rule("client_refused"), f"refused:{client}:{place.key}", now)

    # ── the clock ───────────────────────────────────────────────────────────────────────────────────────────────

    def beat(self) -> None:
        """What must be done now and then, by any one process: tell of logouts, end stale sessions, rotate keys, forget what is over."""
        self.leaving.tell()
        with self.office.store.write() as rows:
            self.sessions.end_stale(rows)
            self._forget(rows)
            self.office.keys.rotate_if_old(rows)

    def _forget(self, rows: Rows) -> None:
        now, day = self.office.now(), timedelta(days=1)
        rows.drop("vouchers", expires_at_until=now - day)  # a day longer: what is used late still revokes its family
        rows.drop("vouchers", expires_at_until=now - _LATE, family=None)  # strangers make these
        rows.drop("limits", full_until_until=now - day)
        rows.drop("families", expires_at_until=now - day)
        rows.drop("keys", gone_at_until=now - 30 * day)
        rows.drop("sessions", ended_at_until=now - 90 * day)
        rows.drop("visits", at_until=now - 90 * day)
        rows.drop("notices", ended_at_until=now - 90 * day)
        rows.drop("events", at_until=now - timedelta(days=self.office.settings.journal_days))

    # ── inside ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _claims(self, token: str, certificate: str | None, audience: str) -> dict[str, Any]:
        try:
            claims = self.tokens.read(token)
        except BadToken as fault:
            raise OAuthError("invalid_token", str(fault), status=401) from fault
        if claims["aud"] != audience:
            raise OAuthError("invalid_token", "for another audience", status=401)
        self._check_binding(claims, certificate)
        return claims

    def _check_binding(self, claims: Mapping[str, Any], certificate: str | None) -> None:
        bound = claims.get("cnf", {}).get("x5t#S256")
        if bound is not None and (certificate is None or not same(thumbprint(certificate), bound)):
            raise OAuthError("invalid_token", "without its TLS certificate", status=401)

    def _remembered(self, token: str) -> dict[str, Any]:
        """The claims of a good token for our own interface, looked at anew each few seconds. Raises `BadToken`, `OAuthError`."""
        now, key = self.office.now(), digest(token)
        kept = self._machines.get(key)
        if kept is not None and timedelta(0) <= now - kept[0] < _REMEMBER:
            return kept[2]
        if kept is not None and timedelta(0) <= now - kept[1] < _READ_AGAIN:
            read_at, claims = kept[1], kept[2]
        else:
            read_at, claims = now, self._read(token)
        with self.office.store.read() as rows:
            if not self.tokens.is_live(rows, claims):
                raise BadToken("revoked, or its client is disabled")
        with self._lock:
            if len(self._machines) >= _MOST_REMEMBERED:
                self._machines.clear()
            self._machines[key] = (now, read_at, claims)
        return claims

    def _read(self, token: str) -> dict[str, Any]:
        claims = self.tokens.read(token)
        if claims["aud"] != self.office.issuer or "family" in claims:
            raise BadToken("no machine's token for us")
        return claims
