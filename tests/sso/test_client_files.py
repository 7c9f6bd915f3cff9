"""Clients as data: what their files allow, and what a wrong file is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qsl

import pytest

from gateway.errors import Misconfigured
from sso.settings import read_clients, read_settings
from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import BACK, ISSUER, PORTAL_BACK, Province, open_province

GOOD = {"id": "a-b", "name": "A", "name_en": "A", "redirect_uris": ["https://a.example/cb"]}
PROVIDER = {
    "id": "p-q",
    "name": "P",
    "name_en": "P",
    "issuer": "https://p.example",
    "client_id": "x",
    "client_secret": "y",
}

PHONE = """
id = "phone"
name = "Ứng dụng"
name_en = "An app"
auth = "none"
native = true
redirect_uris = ["http://127.0.0.1/cb"]
grants = ["authorization_code", "refresh_token"]
scopes = ["openid", "profile"]
consent = "implied"
"""

PUSHING = """
id = "pushing"
name = "Chỉ nhận yêu cầu gửi trước"
name_en = "Pushed requests only"
auth = "none"
par = true
least = 3
redirect_uris = ["https://day.example/cb"]
consent = "implied"
"""


@pytest.fixture
def province(tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Province]:
    def change(home: Path) -> None:
        (home / "config" / "clients" / "phone.toml").write_text(PHONE, encoding="utf-8")
        (home / "config" / "clients" / "pushing.toml").write_text(PUSHING, encoding="utf-8")

    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change) as made:
        yield made


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"redirect_uris": ["http://a.example/cb"]}, "must be https"),
        ({"redirect_uris": ["https://u@a.example/cb"]}, "must be https"),
        ({"redirect_uris": ["https://a.example/cb#x"]}, "must be https"),
        ({"redirect_uris": []}, "wants redirect_uris"),
        ({"id": "other"}, "equal to the file's name"),
        ({"grants": ["password"]}, "grants"),
        ({"grants": ["client_credentials"]}, "a partner"),
        ({"auth": "private_key_jwt"}, "wants jwks"),
        ({"auth": "private_key_jwt", "jwks": {"keys": [{"kty": "EC", "d": "x"}]}}, "private or shared key"),
        ({"auth": "tls_client_auth"}, "want certificates"),
        ({"bound": True}, "want certificates"),
        ({"scopes": ["openid", "profile"]}, "purposes must say"),
        ({"auth": "none", "scopes": ["openid", "offline_access"]}, "offline_access"),
        ({"scopes": ["openid", "everything"]}, "scopes"),
        ({"secret": "x"}, "secret"),
    ],
)
def test_a_wrong_client_file_is_refused_and_says_what_is_wrong(change: dict[str, object], told: str) -> None:
    assert list(read_clients({"a-b": GOOD})) == ["a-b"]

    with pytest.raises(Misconfigured, match=told):
        read_clients({"a-b": {**GOOD, **change}})


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"issuer": "http://p.example"}, "must be https"),
        ({"scope": "profile"}, "openid"),
        ({"least": 3, "assurance": ["LoA1"]}, "least"),
        ({"algorithms": ["HS256"]}, "algorithms"),
        ({"algorithms": ["none"]}, "algorithms"),
        ({"discovery": False}, "endpoints"),
        ({"claims": {"favourite": "x"}}, "favourite"),
        ({"skew_seconds": 3600}, "skew_seconds"),
    ],
)
def test_a_wrong_provider_is_refused_and_its_secret_is_not_told(change: dict[str, object], told: str) -> None:
    assert read_settings({"provider": [PROVIDER]}).provider[0].id == "p-q"

    with pytest.raises(Misconfigured, match=told) as refused:
        read_settings({"provider": [{**PROVIDER, "client_secret": "rat-bi-mat", **change}]})
    assert "rat-bi-mat" not in str(refused.value)


def test_a_client_without_a_secret_on_a_persons_own_machine_takes_any_port_of_loopback_and_no_other_host(
    province: Province,
) -> None:
    page = province.sign_in(province.browser(), client="phone", back="http://127.0.0.1:9/cb")
    code = page.query["code"]

    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "http://127.0.0.1:9/cb"}
    answer = province.post("/sso/token", {**form, "client_id": "phone", "code_verifier": "v" * 43}, None)
    assert answer.status_code == 200
    assert province.post("/sso/introspect", {"token": "x", "client_id": "phone"}, None).status_code == 401
    for back in (
        "http://127.0.0.2:9/cb",
        "http://localhost:9/cb",
        "http://127.0.0.1:9/other",
        "https://127.0.0.1:9/cb",
    ):
        assert province.browser().step(province.ask("phone", back)).status == 400


def test_a_client_that_must_push_is_not_served_otherwise_and_too_low_an_assurance_is_told(province: Province) -> None:
    back = "https://day.example/cb"
    assert province.browser().step(province.ask("pushing", back, scope="openid")).status == 400
    assert province.post("/sso/par", {"client_id": "pushing"}, None).status_code == 401, "pushing wants a proof"

    request = province.ask(acr_values="loa3")
    browser = province.browser()
    page = province.choose(browser.get(request), browser, "mau")
    assert page.query["error"] == "unmet_authentication_requirements"


def test_consent_that_is_withdrawn_is_asked_for_again_and_its_tokens_end(province: Province) -> None:
    browser = province.browser()
    page = province.sign_in(browser, client="portal-web", back=PORTAL_BACK)
    done = browser.post(page.url, {"token": page.field("token"), "answer": "yes"})
    tokens = province.redeem(done.query["code"], "portal-web", redirect_uri=PORTAL_BACK).json
    assert tokens is not None
    account = browser.get("/sso/account")

    browser.post("/sso/account/withdraw", {"token": account.field("token"), "client": "portal-web"})

    assert province.userinfo(tokens["access_token"]).status_code == 401
    assert "Đồng ý chia sẻ dữ liệu" in browser.get(province.ask("portal-web", PORTAL_BACK)).text
    assert "code" in browser.get(province.ask()).query, "others are not concerned"


def test_a_wrong_pushed_request_is_told_at_once(province: Province) -> None:
    form = dict(parse_qsl(province.ask().split("?")[1]))

    assert province.post("/sso/par", {**form, "scope": "openid address"}).json == {"error": "invalid_scope"}
    assert province.post("/sso/par", {**form, "redirect_uri": "https://evil.example"}).json == {
        "error": "invalid_request"
    }
    pushed = province.post("/sso/par", form).json
    assert pushed is not None
    other = f"{ISSUER}/sso/authorize?client_id=portal-web&request_uri={pushed['request_uri']}"
    assert province.browser().step(other).status == 400
    province.time.move(seconds=91)
    assert BACK not in province.browser().step(other.replace("portal-web", "one-stop-web")).url
