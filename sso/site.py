"""The twin of a system behind our sign-on: a page that knows who is there. For the demo, and for trying out (`lienthong simulate signon_site`).

It is a relying party of ours with the same code with which we are one of the national provider's.
"""

from __future__ import annotations

import html
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl

from joserfc import jwt
from joserfc.errors import JoseError

from gateway.simulation import Request, Response, Twin
from sso.errors import Stopped
from sso.settings import Provider
from sso.upstream import Upstream

_EVENT = "http://schemas.openid.net/event/backchannel-logout"


class Site(Twin):
    """Settings: `name`, `address` (its own), `issuer` (the gateway), `client_id`, `client_secret`, `scope`."""

    name = "signon_site"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        given = {"name": "Trang thử", "scope": "openid profile", **(settings or {})}
        self._title, self._address = given["name"], given["address"]
        provider = Provider(
            id="province",
            name="Đăng nhập một lần",
            name_en="One sign-on",
            issuer=given["issuer"],
            client_id=given["client_id"],
            client_secret=given["client_secret"],
            scope=given["scope"],
            iss_parameter="required",
            claims={"name": "name"},
        )
        self._upstream = Upstream(provider, f"{self._address}/callback", lambda: datetime.now(UTC))
        self._waiting: dict[str, tuple[str, str, str]] = {}  # state → browser, nonce, verifier
        self._people: dict[str, tuple[str, str, str]] = {}  # cookie → name, sid, id_token
        self._book: list[dict[str, Any]] = []

    def book(self) -> dict[str, Any]:
        return {"signed_in": [name for name, _, _ in self._people.values()], "acts": list(self._book)}

    def expire(self) -> None:
        self._people.clear()

    def answer(self, request: Request) -> Response:
        ways = {
            ("GET", "/"): self._show,
            ("GET", "/vao"): self._enter,
            ("GET", "/callback"): self._arrive,
            ("GET", "/ra"): self._leave,
            ("POST", "/logout"): self._hear,
        }
        way = ways.get((request.method, request.path))
        try:
            return way(request) if way else Response(404, "không có trang này · no such page")
        except Stopped as fault:
            return self._page(f"Không vào được · not let in: {html.escape(fault.because)}", status=400)

    def _show(self, request: Request) -> Response:
        person = self._people.get(_cookie(request))
        if person is None:
            return self._page('Chưa đăng nhập · nobody is signed in. <a href="/vao">Đăng nhập · sign in</a>')
        return self._page(f'Xin chào <b>{html.escape(person[0])}</b>. <a href="/ra">Đăng xuất · log out</a>')

    def _enter(self, request: Request) -> Response:
        browser = _cookie(request) or secrets.token_urlsafe(24)
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        self._waiting[state] = browser, nonce, verifier
        return _go(self._upstream.address(state, nonce, verifier, False), browser)

    def _arrive(self, request: Request) -> Response:
        browser, nonce, verifier = self._waiting.pop(request.query.get("state", ""), ("", "", ""))
        if not browser or browser != _cookie(request):
            raise Stopped("a state that is not this browser's")
        self._upstream.check_issuer(request.query.get("iss"))
        if "code" not in request.query:
            raise Stopped(request.query.get("error", "no code"))
        returned = self._upstream.finish(request.query["code"], nonce, verifier)
        cookie = secrets.token_urlsafe(24)
        self._people[cookie] = str(returned.claims.get("name", "")), returned.sid or "", returned.id_token
        self._book.append({"act": "signed_in"})
        return _go("/", cookie)

    def _leave(self, request: Request) -> Response:
        person = self._people.pop(_cookie(request), None)
        end = self._upstream.logout_address(person[2], f"{self._address}/", "") if person else None
        return _go(end or "/", "")

    def _hear(self, request: Request) -> Response:
        """A logout somewhere else, told by the gateway."""
        token = dict(parse_qsl(request.body.decode())).get("logout_token", "")
        try:
            read = jwt.decode(token, self._upstream.keys(), algorithms=["RS256"])
        except (JoseError, ValueError) as fault:
            return Response(400, {"error": "invalid_request", "error_description": str(fault)})
        claims, row = read.claims, self._upstream.provider
        good = (
            claims.get("iss") == row.issuer
            and claims.get("aud") == row.client_id
            and _EVENT in claims.get("events", {})
        )
        if read.header.get("typ") != "logout+jwt" or not good or "nonce" in claims:
            return Response(400, {"error": "invalid_request"})
        gone = [cookie for cookie, (_, sid, _) in self._people.items() if sid == claims.get("sid")]
        for cookie in gone:
            del self._people[cookie]
        self._book.append({"act": "told of a logout", "sessions": len(gone)})
        return Response(200, "")

    def _page(self, body: str, status: int = 200) -> Response:
        title = html.escape(self._title)
        text = f'<!doctype html><html lang="vi"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1><p>{body}</p></html>'
        return Response(status, text, {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})


def _go(url: str, cookie: str) -> Response:
    kept = f"site={cookie}; Path=/; HttpOnly; SameSite=Lax{'' if cookie else '; Max-Age=0'}"
    return Response(303, "", {"Location": url, "Set-Cookie": kept})


def _cookie(request: Request) -> str:
    cookies = dict(part.strip().partition("=")[::2] for part in request.headers.get("cookie", "").split(";"))
    return cookies.get("site", "")
