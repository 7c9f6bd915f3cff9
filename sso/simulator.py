"""The twin of an upstream provider: `lienthong simulate vnconnect`. Invented people, the real claims' names, strict as the real ones are.

Three flavours: `wso2` (VNConnect: the issuer is the token endpoint, userinfo also by POST), `keycloak` (VNeID: a realm, `iss` in the answer)
and `staff` (Keycloak with groups). Its page lists the people; who is chosen is signed in, and stays so until the logout.
"""

from __future__ import annotations

import hmac
import html
import json
import secrets
import time
from base64 import b64decode, urlsafe_b64encode
from collections.abc import Callable, Mapping
from copy import deepcopy
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qsl, unquote_plus, urlencode, urlsplit

from joserfc import jwt
from joserfc.jwk import RSAKey

from gateway.simulation import Request, Response, Twin

CITIZENS: dict[str, dict[str, Any]] = {
    "mau": {
        "TechID": "T-0001", "LoaiTaiKhoan": "1", "HoVaTen": "Nguyễn Văn Mẫu", "SoDinhDanh": "001090000037",
        "NgayThangNamSinh": "19900115", "SoDienThoai": "0912345678", "ThuDienTu": "mau@example.vn",
        "ThuongTru": "Số 1 phố Ví Dụ, phường Mẫu", "loAs": "LoA2",
    },
    "vi-du": {
        "TechID": "T-0002", "LoaiTaiKhoan": "1", "HoVaTen": "Trần Thị Ví Dụ", "SoDinhDanh": "001185000024",
        "NgayThangNamSinh": "19850230", "loAs": "LoA2",
    },
    "cu": {
        "TechID": "T-0003", "LoaiTaiKhoan": "1", "HoVaTen": "Lê Văn Cũ", "SoCMND": "012345678",
        "NgayThangNamSinh": "19700320", "loAs": "LoA2",
    },
    "moi": {
        "TechID": "T-0004", "LoaiTaiKhoan": "1", "HoVaTen": "LÊ VĂN CŨ", "SoDinhDanh": "001070000011", "SoCMND": "012345678",
        "NgayThangNamSinh": "19700320", "loAs": "LoA2", "loginIdp": "BCA",
    },
    "doanh-nghiep": {
        "TechID": "T-0005", "LoaiTaiKhoan": "2", "TenDoanhNghiep": "Công ty TNHH Ví Dụ", "MaSoThue": "0100000015",
        "MaSoDoanhNghiep": "0100000015", "NguoiDaiDien": "Phạm Thị Mẫu", "loAs": "LoA2",
    },
    "thap": {
        "TechID": "T-0006", "LoaiTaiKhoan": "1", "HoVaTen": "Đỗ Văn Thấp", "SoDinhDanh": "001095000099",
        "NgayThangNamSinh": "19950505", "loAs": "LoA1",
    },
}  # fmt: skip
"""Who can be signed in. `cu` and `moi` are one person with an old and a new account; the birthday of `vi-du` is none, as it happens."""

OFFICERS: dict[str, dict[str, Any]] = {
    "can-bo": {
        "name": "Hoàng Văn Cán Bộ", "employeeNo": "CB-001", "organization": "000.00.01.H99", "email": "canbo@example.vn",
        "groups": ["lienthong-operator", "everyone"], "acr": "LoA2",
    },
    "quan-tri": {
        "name": "Vũ Thị Quản Trị", "employeeNo": "CB-002", "organization": "000.00.01.H99", "groups": ["lienthong-admin"],
        "acr": "LoA2",
    },
}  # fmt: skip

_PATHS = {
    "wso2": {"issuer": "/oauth2/token", "authorization": "/oauth2/authorize", "token": "/oauth2/token",
             "userinfo": "/oauth2/userinfo", "jwks": "/oauth2/jwks", "end_session": "/oidc/logout"},
    "keycloak": {"issuer": "/realms/citizen", "authorization": "/realms/citizen/protocol/openid-connect/auth",
                 "token": "/realms/citizen/protocol/openid-connect/token",
                 "userinfo": "/realms/citizen/protocol/openid-connect/userinfo",
                 "jwks": "/realms/citizen/protocol/openid-connect/certs",
                 "end_session": "/realms/citizen/protocol/openid-connect/logout"},
}  # fmt: skip
_PATHS["staff"] = {name: path.replace("citizen", "staff") for name, path in _PATHS["keycloak"].items()}
_LIFE = 300


class VnConnect(Twin):
    """Settings: `flavour`, `client_id`, `client_secret`, `redirect_uris` (empty: any address on loopback), `people` (more of
    them), `key`. `now` gives Unix seconds."""

    name = "vnconnect"

    def __init__(self, settings: Mapping[str, Any] | None = None, now: Callable[[], float] = time.time) -> None:
        super().__init__()
        given = settings or {}
        self.flavour: str = given.get("flavour", "wso2")
        self.paths = _PATHS[self.flavour]
        self.client = given.get("client_id", "lienthong"), given.get("client_secret", "mo-phong-khong-bi-mat")
        self._redirects: list[str] = given.get("redirect_uris", [])
        people = OFFICERS if self.flavour == "staff" else CITIZENS
        self.people: dict[str, dict[str, Any]] = deepcopy({**people, **given.get("people", {})})
        self._now = now
        self._key = given.get("key") or _new_key()
        self._asked: dict[str, dict[str, str]] = {}
        self._codes: dict[str, dict[str, Any]] = {}
        self._tokens: dict[str, str] = {}
        self._sessions: dict[str, str] = {}
        self._spoil: dict[str, Any] = {}
        self._book: list[dict[str, Any]] = []

    # ── the twin's own doors ────────────────────────────────────────────────────────────────────────────────────

    def book(self) -> dict[str, Any]:
        return {"sessions": len(self._sessions), "acts": list(self._book)}

    def act(self, order: Mapping[str, Any]) -> Any:
        """{"rotate": true}: a new signing key. {"spoil": {…}}: the next id_token is made wrong: `claims` put over its own, `alg` (none,
        HS256), `kid`, `stranger` (another key), `userinfo` put over the next userinfo, `iss` put into the next answer."""
        if order == {"rotate": True}:
            self._key = _new_key()
            return {"kid": self._key.kid}
        if set(order) == {"spoil"}:
            self._spoil = dict(order["spoil"])
            return {}
        return super().act(order)

    def expire(self) -> None:
        self._sessions.clear()
        self._tokens.clear()

    def answer(self, request: Request) -> Response:
        base = f"http://{request.headers.get('host', '127.0.0.1')}"
        ways = {
            self.paths["issuer"] + "/.well-known/openid-configuration": lambda: Response(body=self._describe(base)),
            self.paths["authorization"]: lambda: self._authorize(base, request),
            "/chon": lambda: self._choose(base, request),
            self.paths["userinfo"]: lambda: self._userinfo(request),
            self.paths["jwks"]: lambda: Response(body={"keys": [self._public()]}),
            self.paths["end_session"]: lambda: self._log_out(request),
        }
        if request.method == "POST" and request.path == self.paths["token"]:
            return self._token(base, request)
        return ways[request.path]() if request.path in ways else Response(404, "không có trang này · no such page")

    def issuer(self, base: str) -> str:
        return base + self.paths["issuer"]

    def _describe(self, base: str) -> dict[str, Any]:
        names = {
            "authorization": "authorization_endpoint",
            "token": "token_endpoint",
            "userinfo": "userinfo_endpoint",
            "jwks": "jwks_uri",
            "end_session": "end_session_endpoint",
        }
        found: dict[str, Any] = {theirs: base + self.paths[ours] for ours, theirs in names.items()}
        found |= {"issuer": self.issuer(base), "response_types_supported": ["code"], "scopes_supported": ["openid"]}
        if self.flavour != "wso2":
            found["authorization_response_iss_parameter_supported"] = True
        return found

    # ── the browser ─────────────────────────────────────────────────────────────────────────────────────────────

    def _authorize(self, base: str, request: Request) -> Response:
        asked = dict(request.query)
        back = asked.get("redirect_uri", "")
        if asked.get("client_id") != self.client[0] or not self._is_registered(back):
            return _page("Yêu cầu không hợp lệ · invalid client or redirect_uri", 400)
        if asked.get("response_type") != "code" or "openid" not in asked.get("scope", "").split():
            return _redirect(back, {"error": "invalid_request", "state": asked.get("state", "")})
        signed_in = self._sessions.get(_cookie(request, self.flavour))
        if signed_in and asked.get("prompt") != "login":
            return self._send_back(base, asked, signed_in)
        ticket = secrets.token_urlsafe(12)
        self._asked[ticket] = asked
        rows = "".join(
            f'<p><button name="person" value="{html.escape(key)}">{html.escape(str(_title(person)))}</button></p>'
            for key, person in self.people.items()
        )
        form = f'<form method="post" action="/chon"><input type="hidden" name="ticket" value="{ticket}">{rows}'
        return _page(form + '<p><button name="person" value="">Hủy · Cancel</button></p></form>')

    def _choose(self, base: str, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode()))
        asked = self._asked.pop(form.get("ticket", ""), None)
        if asked is None:
            return _page("Phiên đã hết hạn · the session has run out", 400)
        person = form.get("person", "")
        if person not in self.people:
            return _redirect(asked["redirect_uri"], {"error": "access_denied", "state": asked.get("state", "")})
        number = secrets.token_urlsafe(12)
        self._sessions[number] = person
        self._book.append({"act": "signed_in", "person": person})
        response = self._send_back(base, asked, person)
        headers = {**response.headers, "Set-Cookie": f"twin-{self.flavour}={number}; Path=/; HttpOnly; SameSite=Lax"}
        return Response(response.status, response.body, headers)

    def _send_back(self, base: str, asked: dict[str, str], person: str) -> Response:
        code = secrets.token_urlsafe(16)
        self._codes[code] = {**asked, "person": person, "until": self._now() + 60}
        answer = {"code": code, "state": asked.get("state", ""), "session_state": secrets.token_hex(8)}
        if self.flavour != "wso2":
            answer["iss"] = self.issuer(base)
        if "iss" in self._spoil:
            answer["iss"] = self._spoil.pop("iss")
        return _redirect(asked["redirect_uri"], answer)

    def _log_out(self, request: Request) -> Response:
        self._sessions.pop(_cookie(request, self.flavour), None)
        self._book.append({"act": "logged_out", "hint": "id_token_hint" in request.query})
        back = request.query.get("post_logout_redirect_uri", "")
        if back and "id_token_hint" in request.query and self._is_loopback_or_known(back):
            return _redirect(back, {"state": request.query.get("state", "")})
        return _page("Đã đăng xuất · logged out")

    # ── programs ────────────────────────────────────────────────────────────────────────────────────────────────

    def _token(self, base: str, request: Request) -> Response:
        form = dict(parse_qsl(request.body.decode()))
        if self._proof(request, form) != self.client:
            return Response(401, {"error": "invalid_client"})
        row = self._codes.pop(form.get("code", ""), None)
        verifier = _plain(sha256(form.get("code_verifier", "").encode()).digest())
        if (
            row is None
            or form.get("grant_type") != "authorization_code"
            or row["until"] < self._now()
            or row["redirect_uri"] != form.get("redirect_uri")
            or ("code_challenge" in row and row["code_challenge"] != verifier)
        ):
            return Response(400, {"error": "invalid_grant"})
        access = secrets.token_urlsafe(24)
        self._tokens[access] = row["person"]
        self._book.append({"act": "token", "person": row["person"], "pkce": "code_challenge" in row})
        id_token = self._id_token(base, row, access)
        return Response(
            body={"access_token": access, "token_type": "Bearer", "expires_in": _LIFE, "id_token": id_token}
        )

    def _proof(self, request: Request, form: Mapping[str, str]) -> tuple[str, str]:
        header = request.headers.get("authorization", "")
        if header.startswith("Basic "):
            name, _, secret = b64decode(header[6:]).decode().partition(":")
            return unquote_plus(name), unquote_plus(secret)
        return form.get("client_id", ""), form.get("client_secret", "")

    def _id_token(self, base: str, row: Mapping[str, Any], access: str) -> str:
        now, spoil = int(self._now()), self._spoil
        person = self.people[row["person"]]
        half = sha256(access.encode()).digest()[:16]
        claims: dict[str, Any] = {
            "iss": self.issuer(base),
            "sub": _sub(self.flavour, row["person"]),
            "aud": [self.client[0]] if self.flavour == "wso2" else self.client[0],
            "azp": self.client[0],
            "iat": now,
            "exp": now + _LIFE,
            "auth_time": now,
            "at_hash": _plain(half),
            "sid": secrets.token_hex(8),
        }
        if "nonce" in row:
            claims["nonce"] = row["nonce"]
        if "acr" in person:
            claims["acr"] = person["acr"]
        claims |= spoil.pop("claims", {})
        claims = {name: value for name, value in claims.items() if value is not None}
        return self._signed(claims, spoil)

    def _signed(self, claims: dict[str, Any], spoil: dict[str, Any]) -> str:
        alg, kid = spoil.pop("alg", "RS256"), spoil.pop("kid", self._key.kid)
        key = _new_key() if spoil.pop("stranger", False) else self._key
        header = {"alg": alg, "typ": "JWT", "kid": kid}
        if alg in ("none", "HS256"):  # HS256: with what everybody can read, our public key
            text = ".".join(_plain(json.dumps(part).encode()) for part in (header, claims))
            made = hmac.digest(self._key.as_pem(private=False), text.encode(), "sha256") if alg == "HS256" else b""
            return f"{text}.{_plain(made)}"
        return jwt.encode(header, claims, key, algorithms=[alg])

    def _userinfo(self, request: Request) -> Response:
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        person = self._tokens.get(token)
        if person is None:
            return Response(401, {"error": "invalid_token"})
        claims = {k: v for k, v in self.people[person].items() if k != "acr"}
        return Response(body={"sub": _sub(self.flavour, person), **claims, **self._spoil.pop("userinfo", {})})

    def _public(self) -> dict[str, Any]:
        return {**self._key.as_dict(private=False), "use": "sig", "alg": "RS256"}

    def _is_registered(self, back: str) -> bool:
        return back in self._redirects if self._redirects else _is_loopback(back)

    def _is_loopback_or_known(self, back: str) -> bool:
        return _is_loopback(back) or any(urlsplit(back).netloc == urlsplit(one).netloc for one in self._redirects)


def _new_key() -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": secrets.token_hex(6)}, private=True)


def _plain(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def _sub(flavour: str, person: str) -> str:
    return sha256(f"{flavour}|{person}".encode()).hexdigest()[:32]


def _title(person: Mapping[str, Any]) -> str:
    return f"{person.get('HoVaTen') or person.get('TenDoanhNghiep') or person.get('name')}"


def _is_loopback(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def _cookie(request: Request, flavour: str) -> str:
    cookies = dict(part.strip().partition("=")[::2] for part in request.headers.get("cookie", "").split(";"))
    return cookies.get(f"twin-{flavour}", "")


def _redirect(url: str, query: Mapping[str, str]) -> Response:
    joint = "&" if urlsplit(url).query else "?"
    return Response(302, "", {"Location": f"{url}{joint}{urlencode({k: v for k, v in query.items() if v})}"})


def _page(body: str, status: int = 200) -> Response:
    title = "Đăng nhập mô phỏng · simulated sign-in"
    text = f'<!doctype html><html lang="vi"><meta charset="utf-8"><title>{title}</title><h1>{title}</h1>{body}</html>'
    return Response(status, text, {"Content-Type": "text/html; charset=utf-8", "Cache-Control": "no-store"})
