"""Is this the client it says it is? One way of proof for each client, the one in its file; another one is refused, right or not."""

from __future__ import annotations

import binascii
import hashlib
import json
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any, TypeGuard
from urllib.parse import unquote_plus

from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from sso.errors import OAuthError, invalid_client
from sso.office import Office
from sso.settings import Client
from sso.store import Row, Rows
from sso.vault import digest, same
from sso.vouchers import spend_number

ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
ASSERTION_ALGORITHMS = ["ES256", "RS256", "PS256", "EdDSA"]
_ASSERTION_LIFE = 300  # seconds; without a cap the list of spent ids would have no bound
_SKEW = 30
_NOBODY = "0" * 64


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request comes from: `key` for counting, `told` for the journal, neither of them an address."""

    key: str
    told: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A request of a client. `certificate` is the SHA-256 (hex) of the TLS certificate that our own proxy vouches for."""

    form: Mapping[str, str]
    authorization: str
    certificate: str | None
    place: Place


def authenticate(office: Office, asked: Asked, public: bool = False) -> Client:
    """The proven client. With `public` also one that has no secret and only says its name. Raises `OAuthError`."""
    name, way, proof = _shown(asked)
    client = office.clients.get(name)
    name = client.id if client is not None else ""  # a stranger's bytes are asked of no database
    with office.store.read() as rows:
        is_good, secrets = is_open(office, rows, name), rows.all("secrets", client=name)
    if client is None or not is_good:
        same(_NOBODY, digest(proof))  # as long as for one that exists
        raise invalid_client("unknown or disabled", name)
    if client.auth == "none":
        if way != "none" or not public:
            raise invalid_client(f"{way} for a public client", name)
    elif way == "none" and client.auth == "tls_client_auth":
        _check_certificate(client, asked)
    elif way != client.auth:
        raise invalid_client(f"{way} instead of {client.auth}", name)
    elif way == "private_key_jwt":
        _check_assertion(office, client, proof)
    else:
        _check_secret(office.now(), secrets, name, proof)
    if client.bound:
        _check_certificate(client, asked)
    return client


def is_open(office: Office, rows: Rows, name: str) -> bool:
    """There is such a client, and nobody disabled it, in its file or by command."""
    client, state = office.clients.get(name), rows.first("clients", id=name)
    return client is not None and client.enabled and (state is None or state["disabled_at"] is None)


def name_of(asked: Asked) -> str:
    """Which client a request says it is from; "" when it cannot be read. Nothing is proven by it."""
    try:
        return _shown(asked)[0]
    except OAuthError:
        return ""


def _shown(asked: Asked) -> tuple[str, str, str]:
    """(client id, way of proof, proof). More than one way in a request is refused (RFC 6749, 2.3)."""
    form = asked.form
    ways = [bool(asked.authorization), "client_secret" in form, "client_assertion" in form]
    if sum(ways) > 1:
        raise OAuthError("invalid_request", "two proofs in one request")
    if ways[0]:
        name, secret = _basic(asked.authorization)
        if form.get("client_id", name) != name:
            raise invalid_client("client_id differs from the header's")
        return name, "client_secret_basic", secret
    if ways[1]:
        return form.get("client_id", ""), "client_secret_post", form["client_secret"]
    if ways[2]:
        if form.get("client_assertion_type") != ASSERTION:
            raise invalid_client("assertion of an unknown type")
        assertion = form["client_assertion"]
        name = _issuer_of(assertion)
        if form.get("client_id", name) != name:
            raise invalid_client("client_id differs from the assertion's")
        return name, "private_key_jwt", assertion
    return form.get("client_id", ""), "none", ""


def _basic(header: str) -> tuple[str, str]:
    kind, _, rest = header.partition(" ")
    try:
        name, colon, secret = b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        raise invalid_client("an Authorization header that is not Basic") from None
    if kind.lower() != "basic" or not colon:
        raise invalid_client("an Authorization header that is not Basic")
    return unquote_plus(name), unquote_plus(secret)  # RFC 6749, 2.3.1


def _check_secret(now: datetime, known: list[Row], name: str, secret: str) -> None:
    given = digest(secret)
    good = [row["digest"] for row in known if row["expires_at"] is None or now < row["expires_at"]]
    fits = [same(given, one) for one in good or [_NOBODY]]  # all of them are looked at, whichever fits
    if not any(fits):
        raise invalid_client("wrong secret", name)


def _issuer_of(assertion: str) -> str:
    """Whom an assertion says it is from; nothing of it is believed yet."""
    try:
        body = assertion.split(".")[1]
        claims = json.loads(urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return str(claims["iss"])
    except (IndexError, KeyError, TypeError, ValueError, RecursionError):
        raise invalid_client("an assertion that cannot be read") from None


def _check_assertion(office: Office, client: Client, assertion: str) -> None:
    """RFC 7523, 3, and RFC 7521; the id (jti) is asked for, and good once."""
    try:
        keys = KeySet.import_key_set(client.jwks)  # type: ignore[arg-type]
        claims: dict[str, Any] = jwt.decode(assertion, keys, algorithms=ASSERTION_ALGORITHMS).claims
    except (JoseError, ValueError, TypeError) as fault:
        raise invalid_client(f"assertion: {fault}", client.id) from fault
    now = office.now().timestamp()
    expires, number = claims.get("exp"), claims.get("jti")
    wrong = (
        ("iss or sub", claims.get("iss") != client.id or claims.get("sub") != client.id),
        ("aud", not _is_for_us(office, claims.get("aud"))),
        ("exp", not _is_number(expires) or not now - _SKEW < expires <= now + _ASSERTION_LIFE + _SKEW),
        ("nbf", "nbf" in claims and not (_is_number(claims["nbf"]) and claims["nbf"] <= now + _SKEW)),
        ("iat", "iat" in claims and not (_is_number(claims["iat"]) and claims["iat"] <= now + _SKEW)),
        ("jti", not isinstance(number, str) or not 8 <= len(number) <= 256),
    )
    for name, is_wrong in wrong:
        if is_wrong:
            raise invalid_client(f"assertion: {name}", client.id)
    until = datetime.fromtimestamp(float(expires or 0), UTC) + timedelta(seconds=_SKEW)
    with office.store.write() as rows:
        fresh = spend_number(office, rows, "jti", f"{client.id}|{number}", until)
    if not fresh:
        raise invalid_client("assertion: used before", client.id)


def _is_for_us(office: Office, audience: Any) -> bool:
    ours = {office.issuer, f"{office.issuer}/sso/token", f"{office.issuer}/sso/par"}
    one = audience[0] if isinstance(audience, list) and len(audience) == 1 else audience
    return isinstance(one, str) and one in ours


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e11


def _check_certificate(client: Client, asked: Asked) -> None:
    if asked.certificate is None or asked.certificate not in client.certificates:
        raise invalid_client("no TLS certificate of this client", client.id)


def thumbprint(certificate: str) -> str:
    """RFC 8705, 3.1: of a SHA-256 in hex."""
    return urlsafe_b64encode(bytes.fromhex(certificate)).rstrip(b"=").decode()


def place_of(office: Office, address: str) -> Place:
    """An address for counting and for the journal: hashed, and cut to its network. All that is no address is one place; so is a /64 of
    IPv6, of which everybody has a whole one."""
    counted, told = _cut(address)
    return Place(hashlib.sha256(office.vault.hash("address", counted).encode()).hexdigest()[:24], told)


def _cut(address: str) -> tuple[str, str]:
    """(for counting, for the journal)"""
    try:
        read = ip_address(address)
    except ValueError:
        return "", ""
    if isinstance(read, IPv6Address) and read.ipv4_mapped is None:
        network = IPv6Network((int(read), 64), strict=False)
        return str(network), ":".join(network.network_address.exploded.split(":")[:3]) + ":•"
    plain = str(read.ipv4_mapped if isinstance(read, IPv6Address) else read)
    return plain, ".".join(plain.split(".")[:3]) + ".•"
