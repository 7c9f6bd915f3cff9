"""A province with one sign-on: the door over https, upstream twins on loopback, clients, and a browser that walks between them."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey
from werkzeug.test import TestResponse

from gateway.http import Http
from gateway.ledger.signon import SignOnLedger, SignOnRows
from gateway.simulation import Serve
from sso.simulator import VnConnect
from sso.vault import digest, random_text, s256
from tests.conftest import Time
from tests.door import Door, make_home, open_door

ISSUER = "https://cong.example"
BACK = "https://mot-cua.example/dang-nhap"
PORTAL_BACK = "https://cong-tinh.example/callback"
SECRET = "bi-mat-cua-mot-cua-0123456789"

SIGNON = """
[[provider]]
id = "vnconnect"
name = "Cổng Dịch vụ công quốc gia"
name_en = "National portal"
issuer = "{vnconnect}/oauth2/token"
client_id = "lienthong"
client_secret = "mo-phong-khong-bi-mat"
secret_in = "body"
userinfo = "post"
least = 2
kinds = {{ 1 = "citizen", 2 = "enterprise" }}
[provider.claims]
account_kind = "LoaiTaiKhoan"
tech_id = "TechID"
name = "HoVaTen"
birth_date = "NgayThangNamSinh"
cccd = "SoDinhDanh"
cmnd = "SoCMND"
tax_code = "MaSoThue"
enterprise_code = "MaSoDoanhNghiep"
enterprise_name = "TenDoanhNghiep"
phone = "SoDienThoai"

[[provider]]
id = "staff"
people = "staff"
name = "Tài khoản cán bộ"
name_en = "Staff account"
issuer = "{staff}/realms/staff"
client_id = "lienthong"
client_secret = "mo-phong-khong-bi-mat"
claims = {{ name = "name", organisation = "organization", roles = "groups", staff_number = "employeeNo" }}
roles = {{ lienthong-operator = "operator", lienthong-admin = "admin" }}
"""

ONE_STOP = f"""
id = "one-stop-web"
name = "Một cửa điện tử"
name_en = "One-stop system"
grants = ["authorization_code", "refresh_token"]
redirect_uris = ["{BACK}"]
post_logout_redirect_uris = ["https://mot-cua.example/ra"]
scopes = ["openid", "profile", "identity", "staff"]
consent = "implied"
subject = "public"
people = ["citizens", "staff"]
"""

PORTAL = f"""
id = "portal-web"
name = "Cổng tỉnh"
name_en = "Provincial portal"
redirect_uris = ["{PORTAL_BACK}"]
post_logout_redirect_uris = ["https://cong-tinh.example/ra"]
scopes = ["openid", "profile", "contact"]
claims = ["name", "birthdate"]
purposes = {{ profile = "Để chào bạn", contact = "Để báo tin" }}
"""

MACHINE = """
id = "agency-machine"
name = "Máy của một cửa"
name_en = "The one-stop's machine"
auth = "private_key_jwt"
grants = ["client_credentials"]
scopes = ["api.read", "api.write", "soap"]
partner = "one-stop"
consent = "implied"
jwks = {jwks}
"""


@dataclass(frozen=True)
class Page:
    """What a browser shows: where it is, and what came."""

    url: str
    status: int
    headers: dict[str, str]
    text: str

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query))

    def field(self, name: str) -> str:
        found = re.search(rf'name="{name}" value="([^"]*)"', self.text)
        assert found, self.text
        return unescape(found[1])

    def link(self, part: str) -> str:
        found = next((h for h in re.findall(r'href="([^"]+)"', self.text) if part in h), None)
        assert found, self.text
        return unescape(found)


class Browser:
    """Cookies by host, redirects followed until a page, or until a host that does not exist here."""

    def __init__(self, province: Province) -> None:
        self._province = province
        self.client = province.door.app.test_client()
        self._cookies: dict[str, dict[str, str]] = {}

    def get(self, url: str) -> Page:
        return self._follow(self._one("GET", url, None))

    def post(self, url: str, form: dict[str, str]) -> Page:
        return self._follow(self._one("POST", url, form))

    def step(self, url: str, form: dict[str, str] | None = None) -> Page:
        """One answer, redirects not followed."""
        return self._one("GET" if form is None else "POST", url, form)

    def cookie(self, name: str = "__Host-lienthong") -> str | None:
        found = self.client.get_cookie(name, domain="cong.example")
        return found.value if found else None

    def _follow(self, page: Page) -> Page:
        for _ in range(12):
            target = page.headers.get("location")
            if target is None or page.status not in (301, 302, 303):
                return page
            if target.startswith("/"):
                parts = urlsplit(page.url)
                target = f"{parts.scheme}://{parts.netloc}{target}"
            if not self._is_here(target):
                return Page(target, page.status, {}, "")
            page = self._one("GET", target, None)
        raise AssertionError("a ring of redirects")

    def _is_here(self, url: str) -> bool:
        return url.startswith((ISSUER, *(twin.url for twin in self._province.twins.values())))

    def _one(self, method: str, url: str, form: dict[str, str] | None) -> Page:
        if url.startswith("/"):
            url = ISSUER + url
        if url.startswith(ISSUER):
            answer = self.client.open(url[len(ISSUER) :], method=method, base_url=ISSUER, data=form)
            return Page(url, answer.status_code, {k.lower(): v for k, v in answer.headers}, answer.text)
        return self._outside(method, url, form)

    def _outside(self, method: str, url: str, form: dict[str, str] | None) -> Page:
        host = urlsplit(url).netloc
        jar = self._cookies.setdefault(host, {})
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in jar.items())} if jar else {}
        reply = Http(base_url=f"http://{host}").call(method, url, form=form, headers=headers)
        if "set-cookie" in reply.headers:
            name, _, rest = reply.headers["set-cookie"].partition("=")
            jar[name] = rest.partition(";")[0]
        return Page(url, reply.status, dict(reply.headers), reply.body.decode())


@cache
def key() -> RSAKey:
    """Of all twins: making one takes time."""
    return RSAKey.generate_key(2048, {"kid": "sinh-doi"}, private=True)


class Province:
    def __init__(self, door: Door, twins: dict[str, Serve], time: Time, machine: ECKey) -> None:
        self.door = door
        self.twins = twins
        self.time = time
        self.machine = machine
        self.signon = door.app.extensions["lienthong-sso"].signon
        self.store = SignOnLedger(door.gateway.ledger)
        with self.store.write() as rows:
            for client in ("one-stop-web", "portal-web"):
                rows.add("secrets", id=f"s-{client}", client=client, digest=digest(SECRET), created_at=time())

    def browser(self) -> Browser:
        return Browser(self)

    # ── a person ────────────────────────────────────────────────────────────────────────────────────────────────

    def ask(self, client: str = "one-stop-web", back: str = BACK, verifier: str = "v" * 43, **changes: Any) -> str:
        """The address of an authorization request; a change to None leaves a parameter out."""
        given = {
            "response_type": "code",
            "client_id": client,
            "redirect_uri": back,
            "scope": "openid profile",
            "state": "trang-thai",
            "nonce": "mot-lan",
            "code_challenge": s256(verifier),
            "code_challenge_method": "S256",
        }
        whole = {k: v for k, v in {**given, **changes}.items() if v is not None}
        return f"{ISSUER}/sso/authorize?{urlencode(whole)}"

    def choose(self, page: Page, browser: Browser, person: str, provider: str = "vnconnect") -> Page:
        """From our page of providers through the twin's page of people, and on."""
        assert page.status == 200, page
        there = browser.get(page.link(f"/{provider}"))
        if "ticket" not in there.text:
            return there  # the twin knew the browser
        parts = urlsplit(there.url)
        return browser.post(
            f"{parts.scheme}://{parts.netloc}/chon", {"ticket": there.field("ticket"), "person": person}
        )

    def sign_in(self, browser: Browser, person: str = "mau", provider: str = "vnconnect", **asked: Any) -> Page:
        """All the way to the client, whose address is not there: its query is what counts."""
        return self.choose(browser.get(self.ask(**asked)), browser, person, provider)

    def spoil(self, provider: str = "vnconnect", **how: Any) -> None:
        """The next id_token of this twin is made wrong."""
        self.twins[provider].twin.act({"spoil": how})

    # ── a program ───────────────────────────────────────────────────────────────────────────────────────────────

    def post(
        self, path: str, form: dict[str, str], client: str | None = "one-stop-web", **headers: str
    ) -> TestResponse:
        if client is not None:
            basic = base64.b64encode(f"{client}:{SECRET}".encode()).decode()
            headers["Authorization"] = f"Basic {basic}"
        return self.door.client.post(path, data=form, headers=headers, base_url=ISSUER)

    def redeem(self, code: str, client: str = "one-stop-web", **changes: str) -> TestResponse:
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": BACK, "code_verifier": "v" * 43}
        return self.post("/sso/token", {**form, **changes}, client)

    def refresh(self, token: str, client: str = "one-stop-web", **changes: str) -> TestResponse:
        return self.post("/sso/token", {"grant_type": "refresh_token", "refresh_token": token, **changes}, client)

    def userinfo(self, access: str, **headers: str) -> TestResponse:
        return self.door.client.get(
            "/sso/userinfo", headers={"Authorization": f"Bearer {access}", **headers}, base_url=ISSUER
        )

    def assertion(self, **changes: Any) -> str:
        now = int(self.time().timestamp())
        claims: dict[str, Any] = {"iss": "agency-machine", "sub": "agency-machine", "aud": f"{ISSUER}/sso/token"}
        claims |= {"iat": now, "exp": now + 60, "jti": random_text()}
        whole = {k: v for k, v in {**claims, **changes}.items() if v is not None}
        return jwt.encode({"alg": "ES256", "kid": self.machine.kid}, whole, self.machine, algorithms=["ES256"])

    def machine_token(self, assertion: str | None = None, **changes: str) -> TestResponse:
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion or self.assertion(),
        }
        return self.post("/sso/token", {**form, **changes}, None)

    def read_jwt(self, token: str) -> dict[str, Any]:
        """The claims of a token of ours, checked by the published keys."""
        keys = KeySet.import_key_set(self.door.client.get("/sso/jwks").json)  # type: ignore[arg-type]
        return jwt.decode(token, keys, algorithms=["RS256", "ES256"]).claims

    # ── what was kept ───────────────────────────────────────────────────────────────────────────────────────────

    @contextmanager
    def rows(self) -> Iterator[SignOnRows]:
        with self.store.read() as rows:
            yield rows

    def events(self, event: str) -> list[dict[str, Any]]:
        with self.rows() as rows:
            return rows.all("events", order="id", event=event)

    def why(self) -> str:
        """What the journal says of the last refusal."""
        with self.rows() as rows:
            found = [
                r for r in rows.all("events", newest="id", most=20) if r["event"] in ("stopped", "refused", "declined")
            ]
        return str(found[0]["detail"]) if found else ""


def write_files(home: Path, signon: str, clients: dict[str, str]) -> None:
    (home / "config" / "signon.toml").write_text(signon, encoding="utf-8")
    folder = home / "config" / "clients"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for name, text in clients.items():
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")


def toml_of(jwks: dict[str, Any]) -> str:
    """A JWKS as an inline table."""
    keys = ", ".join("{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in key.items()) + " }" for key in jwks["keys"])
    return f"{{ keys = [{keys}] }}"


@contextmanager
def open_province(
    tmp_path: Path, time: Time, url: str, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None] | None = None
) -> Iterator[Province]:
    """`change` may edit the files before they are read."""
    machine = ECKey.generate_key("P-256", {"kid": "may-1"}, private=True)
    seconds = lambda: time().timestamp()  # noqa: E731
    twins = {
        name: Serve(
            VnConnect({"flavour": flavour, "redirect_uris": [f"{ISSUER}/sso/callback/{name}"], "key": key()}, seconds)
        )
        for name, flavour in (("vnconnect", "wso2"), ("staff", "staff"))
    }
    addresses = {name: twin.start() for name, twin in twins.items()}
    home = make_home(tmp_path)
    jwks = toml_of({"keys": [{**machine.as_dict(private=False), "kid": "may-1"}]})
    clients = {"one-stop-web": ONE_STOP, "portal-web": PORTAL, "agency-machine": MACHINE.replace("{jwks}", jwks)}
    write_files(home, SIGNON.format(**addresses), clients)
    if change is not None:
        change(home)
    monkeypatch.setenv("LIENTHONG_LEDGER", url)
    monkeypatch.setenv("LIENTHONG_PUBLIC_URL", ISSUER)
    try:
        with open_door(home, time) as door:
            yield Province(door, twins, time, machine)
    finally:
        for twin in twins.values():
            twin.stop()


def sha256_hex(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


__all__ = ["BACK", "ISSUER", "PORTAL_BACK", "SECRET", "Browser", "Page", "Province", "open_province", "sha256_hex"]
