"""What a view asks of the request and of the browser: strict parameters, cookies, who asks and from where; and how it answers."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from flask import Response, current_app, redirect, render_template, request

from gateway.errors import Refused
from sso.clients import Asked, Place, place_of
from sso.errors import OAuthError, Stopped
from sso.requests import Answer
from sso.sessions import Session
from sso.signon import SignOn
from sso.vault import digest, random_text, same

PAGE = "default-src 'none'; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"
"""No script. No `form-action`: browsers hold the redirects after a form against it, and a consent's lead to the client and wherever it leads."""
_SECRET = re.compile(r"[A-Za-z0-9_-]{20,200}")


@dataclass(frozen=True, slots=True)
class Door:
    """What the views of one app share. `read_body` reads a form's bytes within limits of size, time and places."""

    signon: SignOn
    read_body: Callable[[], bytes]


def door() -> Door:
    return cast(Door, current_app.extensions["lienthong-sso"])


def signon() -> SignOn:
    return door().signon


# ── what came ───────────────────────────────────────────────────────────────────────────────────────────────────


def parameters() -> dict[str, str]:
    """The query's, or the form's of a POST. Raises `OAuthError` for one given twice (RFC 6749, 3.1) and for what is no form."""
    pairs = list(request.args.items(multi=True))
    if request.method == "POST":
        if request.mimetype != "application/x-www-form-urlencoded":
            raise OAuthError("invalid_request", "not a form")
        if pairs:
            raise OAuthError("invalid_request", "parameters in the address of a POST")  # they would stand in logs
        try:
            pairs = parse_qsl(_body().decode(), keep_blank_values=True, max_num_fields=100)
        except ValueError as fault:
            raise OAuthError("invalid_request", "a form that cannot be read") from fault
    found = dict(pairs)
    if len(found) != len(pairs):
        raise OAuthError("invalid_request", "a parameter given twice")
    if any("\0" in value for value in found.values()):
        raise OAuthError("invalid_request", "a zero byte")
    return {name: value for name, value in found.items() if value != ""}


def _body() -> bytes:
    """The form's bytes. One that is too slow, too long or ends early is a refusal as any other: with a few of them at a time a place would
    keep everybody else's out. Raises `Refused`."""
    try:
        return door().read_body()
    except Refused as fault:
        if fault.status != HTTPStatus.TOO_MANY_REQUESTS:  # others hold all the places: not his fault
            signon().refused("refused", place(), "", f"{request.path}: {fault.kind}")
        raise


def asked() -> Asked:
    """A program's request, with its proof. Nothing of it is read when its place was refused too often. Raises `TooMany`, `OAuthError`."""
    where = place()
    signon().check_limits(where)
    return Asked(parameters(), request.headers.get("Authorization", ""), certificate(), where)


def place() -> Place:
    office = signon().office
    header = office.settings.proxy_address
    address = request.headers.get(header, "") if header else request.remote_addr or ""
    return place_of(office, address.strip()[:60])


def certificate() -> str | None:
    """SHA-256 (hex) of the TLS client's certificate, when our own proxy is configured to say which it is."""
    header = signon().office.settings.proxy_certificate
    pem = unquote(request.headers.get(header, "")) if header else ""
    return certificate_digest(pem) if pem else None


def certificate_digest(pem: str) -> str | None:
    """None for what is no certificate."""
    try:
        read = x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        return None
    return hashlib.sha256(read.public_bytes(Encoding.DER)).hexdigest()


def bearer() -> str:
    """The token in the header; nowhere else is looked. Raises `OAuthError`."""
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not token.strip():
        raise OAuthError("invalid_token", "no bearer token", status=401)
    return token.strip()


# ── the browser ─────────────────────────────────────────────────────────────────────────────────────────────────


def is_secure() -> bool:
    return signon().office.issuer.startswith("https:")


def cookie_name(what: str) -> str:
    """`__Host-`: the browser takes it from this host only, over TLS only."""
    return f"__Host-{what}" if is_secure() else what


SESSION, BROWSER = "lienthong", "lienthong-browser"


def cookie(what: str) -> str | None:
    value = request.cookies.get(cookie_name(what), "")
    return value if _SECRET.fullmatch(value) else None


def put_cookie(response: Response, what: str, value: str, seconds: int | None = None) -> None:
    response.set_cookie(
        cookie_name(what), value, max_age=seconds, path="/", secure=is_secure(), httponly=True, samesite="Lax"
    )


def drop_cookie(response: Response, what: str) -> None:
    response.delete_cookie(cookie_name(what), path="/", secure=is_secure(), httponly=True, samesite="Lax")


def session() -> Session | None:
    secret = cookie(SESSION)
    return signon().sessions.find(secret) if secret else None


def browser() -> str:
    """What ties a sign-in to this browser. Raises `Stopped` when it brings nothing."""
    value = cookie(BROWSER)
    if value is None:
        raise Stopped("a browser without its cookie")
    return value


def token_of(secret: str | None) -> str:
    """The form's proof that it is ours: made of the cookie, which no other site can read."""
    return digest(f"form\0{secret or ''}")


def check_form(given: Mapping[str, str], what: str) -> None:
    """Cross-site request forgery. Raises `Stopped`."""
    secret, origin = cookie(what), request.headers.get("Origin")
    if origin not in (None, "null", _origin(signon().office.issuer)):
        raise Stopped("a form of another site", status=403)
    if secret is None or not same(given.get("token", ""), token_of(secret)):
        raise Stopped("a form without this browser's token", status=403)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


# ── what goes ───────────────────────────────────────────────────────────────────────────────────────────────────


def harden(response: Response, policy: str = PAGE) -> Response:
    """Kept nowhere, framed nowhere, no script, no referrer."""
    headers = {
        "Content-Security-Policy": policy,
        "X-Frame-Options": "DENY",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-store",
    }
    if is_secure():
        headers["Strict-Transport-Security"] = "max-age=31536000"
    for name, value in headers.items():
        response.headers.setdefault(name, value)
    return response


def page(template: str, status: int = 200, policy: str = PAGE, **values: Any) -> Response:
    return harden(Response(render_template(f"sso/{template}.html", **values), status=status), policy)


def go(url: str) -> Response:
    """303: what was posted here is not posted there."""
    return harden(cast(Response, redirect(url, code=303)))


def tell(content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON that no cache keeps."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    made = Response(text, status=status, content_type="application/json", headers=dict(headers or {}))
    made.headers["Cache-Control"] = "no-store"
    made.headers["X-Content-Type-Options"] = "nosniff"
    return made


def send_answer(answer: Answer) -> Response:
    """The answer to an authorization request, the way the client wants it."""
    if answer.mode == "form_post":
        policy = PAGE + "; script-src 'self'"  # presses the button; who has no JavaScript presses it himself
        return page("form_post", policy=policy, uri=answer.redirect_uri, params=answer.params)
    joint = "&" if urlsplit(answer.redirect_uri).query else "?"
    return go(f"{answer.redirect_uri}{joint}{urlencode(answer.params)}")


def new_browser() -> str:
    return cookie(BROWSER) or random_text()
