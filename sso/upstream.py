"""A relying party of one upstream provider: the code flow with PKCE, state and nonce, and every check on what comes back.

Nothing that passes through the browser is believed: it carries a code and our own state, no claims. The provider's keys are kept for an
hour (two while it is away); an unknown key makes us read them again, at most once a minute.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256, sha384, sha512
from typing import Any, TypeGuard
from urllib.parse import quote_plus, urlencode, urlsplit

import structlog
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from gateway.errors import DeliveryError, Misconfigured
from gateway.http import Http, Reply
from sso.errors import Stopped
from sso.kept import Kept, away
from sso.settings import Provider, is_safe_address
from sso.vault import is_text, s256, same

log = structlog.get_logger("sso")

_OLDEST = timedelta(minutes=10)  # an id_token issued longer ago was not made for this sign-in
_LONGEST_HINT = 6000  # characters: servers and browsers refuse much longer addresses
_NAMES = {
    "authorization": "authorization_endpoint",
    "token": "token_endpoint",
    "userinfo": "userinfo_endpoint",
    "jwks": "jwks_uri",
    "end_session": "end_session_endpoint",
}


@dataclass(frozen=True, slots=True)
class Returned:
    """A verified sign-in: the id_token's claims, the userinfo's over them, the assurance level, the id_token for the logout,
    and when the person showed himself (Unix seconds), if it says."""

    claims: Mapping[str, Any]
    level: int
    id_token: str
    sid: str | None
    shown: float | None


class Upstream:
    def __init__(self, provider: Provider, callback: str, now: Callable[[], datetime]) -> None:
        self.provider = provider
        self._callback, self._now = callback, now
        self._http = Http(
            base_url=provider.issuer, hosts=provider.hosts, connect_timeout=4, total_timeout=10, max_bytes=1 << 20,
            ca_file=provider.ca_file,
        )  # fmt: skip
        self._metadata, self._keys = Kept(now, self._read_metadata), Kept(now, self._read_jwks)

    # ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────

    def address(self, state: str, nonce: str, verifier: str, again: bool) -> str:
        """Where the browser goes. `again`: the person must show himself anew, whatever session the provider has."""
        asked = {
            "response_type": "code",
            "client_id": self.provider.client_id,
            "redirect_uri": self._callback,
            "scope": self.provider.scope,
            "state": state,
            "nonce": nonce,
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
        if self.provider.acr_values:
            asked["acr_values"] = " ".join(self.provider.acr_values)
        if again:
            asked |= {"prompt": "login", "max_age": "0"}
        return _with_query(self._endpoint("authorization"), asked)

    def logout_address(self, id_token: str, back: str, state: str) -> str | None:
        """Where the browser goes to end the provider's own session; None when it has no such place."""
        if not (end := self.endpoints().get("end_session")):
            return None
        asked = {"client_id": self.provider.client_id, "post_logout_redirect_uri": back, "state": state}
        if len(id_token) <= _LONGEST_HINT:
            asked["id_token_hint"] = id_token
        return _with_query(end, asked)

    # ── coming back ─────────────────────────────────────────────────────────────────────────────────────────────

    def check_issuer(self, given: str | None) -> None:
        """RFC 9207: a mixed-up issuer. Raises `Stopped`."""
        required = self.provider.iss_parameter == "required" or self._promises_iss()
        if (given is None and required) or (given is not None and given != self.provider.issuer):
            raise Stopped(f"iss {given!a} is not this provider's")

    def finish(self, code: str, nonce: str, verifier: str, since: float | None = None) -> Returned:
        """Change the code for tokens and believe what passes every check; `since`: the person must have shown himself after that moment (Unix
        seconds). Raises `Stopped`."""
        answer = self._token(code, verifier)
        id_token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(id_token, str) or not _is_token(access):
            raise Stopped("no id_token or no access_token in the answer")
        header, claims = self._verified(id_token)
        self._check_claims(claims, nonce)
        shown = self._shown(claims.get("auth_time"), since)
        if "at_hash" in claims and not same(str(claims["at_hash"]), _half_hash(access, header["alg"])):
            raise Stopped("at_hash does not fit the access token")
        told = {**claims, **self._userinfo(access, claims["sub"])}
        sid = claims.get("sid")
        is_known = isinstance(sid, str) and len(sid) <= 255 and is_text(sid)
        return Returned(told, self._level(told), id_token, sid if is_known else None, shown)

    def _shown(self, given: Any, since: float | None) -> float | None:
        shown = given if _is_time(given) else None
        if since is None or (shown is None and self.provider.auth_time == "if-given"):
            return shown
        if shown is None or shown < since - self.provider.skew_seconds:
            raise Stopped("id_token: auth_time, although a fresh sign-in was asked for")
        return shown

    def _token(self, code: str, verifier: str) -> dict[str, Any]:
        row = self.provider
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._callback,
            "code_verifier": verifier,
        }
        secret = row.client_secret.get_secret_value()
        headers = {}
        if row.secret_in == "header":  # noqa: S105 - a place, no secret
            both = f"{quote_plus(row.client_id)}:{quote_plus(secret)}".encode()
            headers["Authorization"] = f"Basic {b64encode(both).decode()}"
        else:
            form |= {"client_id": row.client_id, "client_secret": secret}
        return self._json(lambda: self._http.call("POST", self._endpoint("token"), form=form, headers=headers), "token")

    def _userinfo(self, access: str, sub: str) -> dict[str, Any]:
        way = self.provider.userinfo
        if way == "none":
            return {}
        headers = {"Authorization": f"Bearer {access}"}
        place = self._endpoint("userinfo")
        told = self._json(lambda: self._http.call(way.upper(), place, headers=headers), "userinfo")
        if told.get("sub") != sub:
            raise Stopped("userinfo speaks of somebody else")
        return told

    def _verified(self, id_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
        """(header, claims) of a token signed with a key and an algorithm of this provider."""
        try:
            kid = _header(id_token).get("kid")
            read = jwt.decode(id_token, self._key(kid), algorithms=list(self.provider.algorithms))
        except (JoseError, ValueError, TypeError, RecursionError) as fault:
            raise Stopped(f"id_token: {fault}") from fault
        return dict(read.header), dict(read.claims)

    def _check_claims(self, claims: Mapping[str, Any], nonce: str) -> None:
        row, now = self.provider, self._now().timestamp()
        audience = claims.get("aud")
        expires, issued = claims.get("exp"), claims.get("iat")
        wrong = (
            ("iss", claims.get("iss") != row.issuer),
            ("aud", audience not in (row.client_id, [row.client_id])),
            ("azp", claims.get("azp", row.client_id) != row.client_id),
            (
                "sub",
                not isinstance(claims.get("sub"), str)
                or not 0 < len(claims["sub"]) <= 255
                or not is_text(claims["sub"]),
            ),
            ("exp", not _is_time(expires) or not expires > now - row.skew_seconds),
            ("iat", not _is_time(issued) or issued > now + row.skew_seconds),
            ("iat, too old", not _is_time(issued) or issued < now - _OLDEST.total_seconds() - row.skew_seconds),
            ("nbf", "nbf" in claims and not (_is_time(claims["nbf"]) and claims["nbf"] <= now + row.skew_seconds)),
            ("nonce", not self._is_nonce(claims.get("nonce"), nonce)),
        )
        for name, is_wrong in wrong:
            if is_wrong:
                raise Stopped(f"id_token: {name}")

    def _is_nonce(self, given: Any, ours: str) -> bool:
        if given is None:
            return self.provider.nonce == "if-given"
        return isinstance(given, str) and same(given, ours)

    def _level(self, told: Mapping[str, Any]) -> int:
        """The assurance that was reached, 1 and up. Raises `Stopped` below the least. A word we do not know is the lowest."""
        row = self.provider
        given = next((str(told[name]) for name in row.acr_claims if told.get(name)), "")
        words = [word.casefold() for word in row.assurance]
        level = words.index(given.casefold()) + 1 if given.casefold() in words else 1
        if level < row.least:
            raise Stopped(
                f"assurance {given!a} is below {row.assurance[row.least - 1]}",
                status=403,
                words="Mức độ xác thực của tài khoản chưa đủ. Hãy đăng nhập bằng tài khoản định danh mức cao hơn.",
                words_en="The account's assurance level is too low. Sign in with a stronger one.",
            )
        return level

    # ── the provider's own data ─────────────────────────────────────────────────────────────────────────────────

    def endpoints(self) -> dict[str, str]:
        """By our names. Raises `Stopped` when the provider does not answer or calls itself otherwise."""
        found = {}
        if self.provider.discovery:
            told = self._discovered()
            found = {ours: told[theirs] for ours, theirs in _NAMES.items() if isinstance(told.get(theirs), str)}
            for name, url in found.items():
                if not is_safe_address(url):
                    raise Stopped(f"discovery: {name} is {url[:200]!a}", status=502)
        return {**found, **{str(k): v for k, v in self.provider.endpoints.items()}}

    def _endpoint(self, name: str) -> str:
        found = self.endpoints().get(name)
        if found is None:
            raise Stopped(f"the provider names no {name} endpoint", status=502)
        return found

    def _promises_iss(self) -> bool:
        return self.provider.discovery and (
            self._discovered().get("authorization_response_iss_parameter_supported") is True
        )

    def _discovered(self) -> dict[str, Any]:
        return self._metadata.get()

    def _read_metadata(self) -> dict[str, Any]:
        told = self._json(lambda: self._http.call("GET", "/.well-known/openid-configuration"), "discovery")
        if told.get("issuer") != self.provider.issuer:
            raise Stopped(f"discovery: the issuer calls itself {str(told.get('issuer'))[:200]!a}", status=502)
        return told

    def keys(self) -> KeySet:
        """The provider's signing keys, as of the last hour. Raises `Stopped`."""
        return self._keys.get()

    def _key(self, kid: Any) -> Any:
        """The key of this id; the only one when the token names none."""
        keys = self._keys.get(lambda known: kid is None or any(k.kid == kid for k in known.keys))
        if kid is None:
            if len(keys.keys) != 1:
                raise Stopped("id_token: no kid, and several keys")
            return keys.keys[0]
        return keys

    def _read_jwks(self) -> KeySet:
        place = self._endpoint("jwks")
        return _read_keys(self._json(lambda: self._http.call("GET", place), "jwks"))

    def _json(self, call: Callable[[], Reply], what: str) -> dict[str, Any]:
        try:
            reply = call()
            told = reply.json() if reply.status == 200 else None
        except (DeliveryError, Misconfigured) as fault:
            log.warning("provider_away", provider=self.provider.id, what=what, error=str(fault))
            raise away(f"{what}: {fault}") from fault
        if not isinstance(told, dict):
            log.warning("provider_refused", provider=self.provider.id, what=what, status=reply.status)
            if reply.status >= 500:
                raise away(f"{what}: HTTP {reply.status}")
            raise Stopped(f"{what}: HTTP {reply.status}")
        return told


def _read_keys(told: Mapping[str, Any]) -> KeySet:
    """The signing keys of a JWKS; one of a kind we do not know is left out."""
    found = []
    rows = told.get("keys")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and row.get("kty") in ("RSA", "EC", "OKP") and row.get("use", "sig") == "sig":
            try:
                found += KeySet.import_key_set({"keys": [row]}).keys
            except (JoseError, ValueError, TypeError, KeyError) as fault:
                log.warning("provider_key_unread", kid=str(row.get("kid"))[:100], error=str(fault))
    if not found:
        raise Stopped("jwks: no key that can be read", status=502)
    return KeySet(found)


def _header(token: str) -> dict[str, Any]:
    head = token.split(".", maxsplit=1)[0]
    found = json.loads(urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    if not isinstance(found, dict):
        raise ValueError("a header that is no object")
    return found


def _half_hash(access: str, alg: str) -> str:
    """OpenID Connect Core, 3.1.3.6."""
    make = {"256": sha256, "384": sha384}.get(alg[-3:], sha512)
    made = make(access.encode()).digest()
    return urlsafe_b64encode(made[: len(made) // 2]).rstrip(b"=").decode()


def _is_token(value: Any) -> TypeGuard[str]:
    """RFC 6750, 2.1: it goes into a header."""
    return isinstance(value, str) and bool(re.fullmatch(r"[!-~]+", value))


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e11


def _with_query(url: str, query: Mapping[str, str]) -> str:
    return f"{url}{'&' if urlsplit(url).query else '?'}{urlencode(query)}"
