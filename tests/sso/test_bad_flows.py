"""Every refused flow: what the browser or the client gets, and that nothing else happened."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sso.vault import random_text
from tests.sso.kit import BACK, ISSUER, PORTAL_BACK, Province

# ── authorization requests ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "back",
    [
        "https://mot-cua.example.evil.example/dang-nhap",
        BACK + "/",
        BACK + "?next=https://evil.example",
        BACK.replace("https", "http"),
        "https://mot-cua.example@evil.example/dang-nhap",
        "javascript:alert(1)",
        "//evil.example",
        None,
    ],
)
def test_a_redirect_that_is_not_registered_gets_a_page_and_no_redirect(province: Province, back: str | None) -> None:
    page = province.browser().step(province.ask(redirect_uri=back))

    assert (page.status, "location" in page.headers) == (400, False)
    assert "Chưa đăng nhập được" in page.text
    assert "redirect" not in page.text, "the page does not say which part was wrong"
    assert "redirect_uri" in province.why()


def test_an_unknown_client_gets_the_same_page_as_a_wrong_redirect(province: Province) -> None:
    unknown = province.browser().step(province.ask("nobody"))
    wrong = province.browser().step(province.ask(redirect_uri="https://evil.example"))

    assert (unknown.status, unknown.text) == (wrong.status, wrong.text)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_challenge": None, "code_challenge_method": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"scope": "profile"}, "invalid_scope"),
        ({"scope": "openid address"}, "invalid_scope"),
        ({"scope": "openid api.read"}, "invalid_scope"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"resource": "https://elsewhere.example"}, "invalid_target"),
    ],
)
def test_a_wrong_request_is_answered_at_the_client_with_our_name_and_its_state(
    province: Province, change: dict[str, Any], error: str
) -> None:
    page = province.browser().get(province.ask(**change))

    assert page.url.startswith(BACK)
    assert page.query == {"error": error, "iss": ISSUER, "state": "trang-thai"}


def test_a_parameter_given_twice_is_refused(province: Province) -> None:
    page = province.browser().step(province.ask() + "&scope=openid")

    assert page.status == 400
    assert "twice" in province.why()


def test_a_request_uri_from_elsewhere_is_never_fetched(province: Province) -> None:
    page = province.browser().step(f"{ISSUER}/sso/authorize?client_id=one-stop-web&request_uri=http://127.0.0.1:1/x")

    assert page.status == 400
    assert "not ours" in province.why()


# ── codes ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_code_that_comes_a_second_time_revokes_what_came_of_it(province: Province) -> None:
    code = province.sign_in(province.browser()).query["code"]
    first = province.redeem(code).json
    assert first is not None
    assert province.userinfo(first["access_token"]).status_code == 200

    again = province.redeem(code)

    assert (again.status_code, again.json) == (400, {"error": "invalid_grant"})
    assert province.userinfo(first["access_token"]).status_code == 401
    assert province.refresh(first["refresh_token"]).json == {"error": "invalid_grant"}


def test_of_eight_who_redeem_one_code_at_once_at_most_one_gets_tokens(province_on_each: Province) -> None:
    province = province_on_each
    code = province.sign_in(province.browser()).query["code"]

    with ThreadPoolExecutor(8) as pool:
        answers = [job.result() for job in [pool.submit(province.redeem, code) for _ in range(8)]]

    assert sorted(a.status_code for a in answers)[:2] == [200, 400]
    with province.rows() as rows:
        assert rows.all("families", revoked_at=None) == [], "the others showed that it was stolen"


@pytest.mark.parametrize(
    "change",
    [
        {"code_verifier": "w" * 43},
        {"code_verifier": ""},
        {"redirect_uri": PORTAL_BACK},
    ],
)
def test_a_code_with_anything_else_wrong_is_refused_in_the_same_words(
    province: Province, change: dict[str, str]
) -> None:
    code = province.sign_in(province.browser()).query["code"]

    answer = province.redeem(code, **change)

    assert (answer.status_code, answer.json) == (400, {"error": "invalid_grant"})
    assert province.redeem(code).json == {"error": "invalid_grant"}, "one try only"
    assert province.redeem("khong-co").json == {"error": "invalid_grant"}


def test_another_clients_code_is_refused_and_spent(province: Province) -> None:
    code = province.sign_in(province.browser()).query["code"]

    assert province.redeem(code, "portal-web").json == {"error": "invalid_grant"}
    assert province.redeem(code).json == {"error": "invalid_grant"}


def test_a_code_runs_out(province: Province) -> None:
    code = province.sign_in(province.browser()).query["code"]
    province.time.move(seconds=61)

    assert province.redeem(code).json == {"error": "invalid_grant"}


# ── refresh tokens ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_refresh_token_used_twice_revokes_the_family(province_on_each: Province) -> None:
    province = province_on_each
    first = province.redeem(province.sign_in(province.browser()).query["code"]).json
    assert first is not None
    second = province.refresh(first["refresh_token"]).json
    assert second is not None
    assert second["refresh_token"] != first["refresh_token"]
    assert "nonce" not in province.read_jwt(second["id_token"])

    assert province.refresh(first["refresh_token"]).json == {"error": "invalid_grant"}

    assert province.refresh(second["refresh_token"]).json == {"error": "invalid_grant"}
    assert province.userinfo(second["access_token"]).status_code == 401
    assert [row["detail"] for row in province.events("tokens_revoked")] == ["refresh: used before"]


def test_a_refresh_token_gives_no_more_than_was_granted_and_another_client_loses_it_all(province: Province) -> None:
    first = province.redeem(province.sign_in(province.browser()).query["code"]).json
    assert first is not None

    wide = province.refresh(first["refresh_token"], scope="openid identity")
    assert wide.json == {"error": "invalid_scope"}
    narrow = province.refresh(first["refresh_token"], scope="openid").json
    assert narrow is not None
    assert narrow["scope"] == "openid"
    assert province.refresh(narrow["refresh_token"], "portal-web").json == {"error": "unauthorized_client"}


def test_a_refresh_token_ends_with_its_session(province: Province) -> None:
    first = province.redeem(province.sign_in(province.browser()).query["code"]).json
    assert first is not None
    province.time.move(minutes=31)

    assert province.refresh(first["refresh_token"]).json == {"error": "invalid_grant"}


# ── clients' proofs ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_wrong_secret_and_an_unknown_client_get_the_same_answer(province: Province) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    answers = [
        province.post("/sso/token", form, None, Authorization="Basic " + secret)
        for secret in ("b25lLXN0b3Atd2ViOndyb25n", "bm9ib2R5OndocmF0", "!!!")
    ]
    answers.append(province.post("/sso/token", {**form, "client_id": "one-stop-web"}, None))
    answers.append(province.post("/sso/token", {**form, "client_id": "one-stop-web", "client_secret": "x"}, None))

    assert {(a.status_code, a.text) for a in answers} == {(401, '{"error":"invalid_client"}')}


@pytest.mark.parametrize(
    "change",
    [
        {"aud": "https://other.example"},
        {"aud": [f"{ISSUER}/sso/token", "https://other.example"]},
        {"iss": "one-stop-web"},
        {"sub": "portal-web"},
        {"exp": None},
        {"exp": 1},
        {"exp": 4_000_000_000},
        {"jti": None},
        {"jti": "x"},
        {"nbf": 4_000_000_000},
    ],
)
def test_an_assertion_with_a_wrong_claim_is_refused(province: Province, change: dict[str, object]) -> None:
    answer = province.machine_token(province.assertion(**change))

    assert (answer.status_code, answer.json) == (401, {"error": "invalid_client"})


def test_an_assertion_is_good_once(province: Province) -> None:
    assertion = province.assertion()
    assert province.machine_token(assertion).status_code == 200

    assert province.machine_token(assertion).json == {"error": "invalid_client"}


def test_an_assertion_without_a_signature_or_signed_with_what_is_public_is_refused(province: Province) -> None:
    _, body, signature = province.assertion().split(".")
    for header in ({"alg": "none"}, {"alg": "HS256", "kid": "may-1"}, {"alg": "ES256", "kid": "khac"}):
        head = urlsafe_b64encode(json.dumps(header).encode()).rstrip(b"=").decode()
        assert province.machine_token(f"{head}.{body}.{signature}").json == {"error": "invalid_client"}


def test_two_proofs_in_one_request_are_refused(province: Province) -> None:
    answer = province.redeem("x", client_secret="y")

    assert answer.json == {"error": "invalid_request"}


def test_a_password_grant_does_not_exist(province: Province) -> None:
    answer = province.post("/sso/token", {"grant_type": "password", "username": "a", "password": "b"})

    assert answer.json == {"error": "unsupported_grant_type"}


# ── browsers ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_sign_in_that_another_browser_began_is_refused(province: Province) -> None:
    """Login CSRF: the attacker begins, and has the victim's browser end it."""
    attacker, victim = province.browser(), province.browser()
    start = attacker.step(attacker.get(province.ask()).link("/vnconnect"))
    there = attacker.get(start.headers["location"])
    host = there.url.split("/oauth2")[0]
    back = attacker.step(f"{host}/chon", {"ticket": there.field("ticket"), "person": "mau"}).headers["location"]

    assert victim.step(back).status == 400
    victim.get(province.ask())
    assert victim.step(back).status == 400
    assert victim.cookie() is None


def test_a_state_comes_back_once(province: Province) -> None:
    browser = province.browser()
    start = browser.step(browser.get(province.ask()).link("/vnconnect"))
    there = browser.get(start.headers["location"])
    host = there.url.split("/oauth2")[0]
    back = browser.step(f"{host}/chon", {"ticket": there.field("ticket"), "person": "mau"}).headers["location"]
    assert browser.step(back).status == 303

    assert browser.step(back).status == 400


def test_a_session_id_that_somebody_planted_is_never_taken_up(province: Province) -> None:
    browser = province.browser()
    planted = random_text()
    browser.client.set_cookie("__Host-lienthong", planted, domain="cong.example", secure=True)

    province.sign_in(browser)

    assert browser.cookie() not in (None, planted)
    other = province.browser()
    other.client.set_cookie("__Host-lienthong", planted, domain="cong.example", secure=True)
    assert "error" in other.get(province.ask(prompt="none")).query


def test_the_cookie_is_bound_to_host_and_tls_and_out_of_scripts_reach(province: Province) -> None:
    browser = province.browser()
    start = browser.step(browser.get(province.ask()).link("/vnconnect"))
    there = browser.get(start.headers["location"])
    host = there.url.split("/oauth2")[0]
    back = browser.step(f"{host}/chon", {"ticket": there.field("ticket"), "person": "mau"}).headers["location"]

    answer = browser.client.get(back.removeprefix(ISSUER), base_url=ISSUER)

    cookie = next(c for c in answer.headers.getlist("Set-Cookie") if c.startswith("__Host-lienthong="))
    assert {"Secure", "HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Domain" not in cookie


def test_a_form_of_another_site_is_refused(province: Province) -> None:
    browser = province.browser()
    province.sign_in(browser)
    page = browser.get(province.ask("portal-web", PORTAL_BACK))

    assert browser.post(page.url, {"answer": "yes"}).status == 403
    assert browser.post(page.url, {"answer": "yes", "token": "x"}).status == 403
    foreign = browser.client.post(
        page.url.removeprefix(ISSUER),
        data={"answer": "yes", "token": page.field("token")},
        headers={"Origin": "https://evil.example"},
        base_url=ISSUER,
    )
    assert foreign.status_code == 403


def test_consent_cannot_be_used_to_get_around_a_fresh_sign_in(province: Province) -> None:
    browser = province.browser()
    province.sign_in(browser)
    page = browser.get(province.ask("portal-web", PORTAL_BACK, prompt="login"))
    secret = page.link("/vnconnect").split("/")[3]

    assert browser.get(f"/sso/consent/{secret}").status == 403


def test_every_page_may_be_framed_by_nobody_and_runs_no_script(province: Province) -> None:
    browser = province.browser()
    for url in (province.ask(), "/sso/account", "/sso/signed-out", "/sso/authorize", "/sso/callback/vnconnect"):
        page = browser.get(url)
        policy = page.headers["content-security-policy"]
        assert "frame-ancestors 'none'" in policy
        assert "default-src 'none'" in policy
        assert "script-src" not in policy
        assert page.headers["x-frame-options"] == "DENY"
        assert page.headers["referrer-policy"] == "no-referrer"
        assert page.headers["cache-control"] == "no-store"
        assert "<script" not in page.text
