"""What an upstream provider, or somebody in its place, may send: none of it signs anybody in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import BACK, Province, open_province


def now(province: Province, seconds: int) -> int:
    return int(province.time().timestamp()) + seconds


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "cua-lan-khac"},
        {"nonce": None},
        {"iss": "https://other.example"},
        {"aud": "another-client"},
        {"aud": ["lienthong", "another-client"]},
        {"azp": "another-client"},
        {"sub": ""},
        {"sub": 7},
        {"exp": "soon"},
        {"exp": None},
        {"iat": None},
        {"at_hash": "sai"},
        {"exp": -120},
        {"iat": +120},
        {"iat": -3600, "exp": +300},
        {"nbf": +120},
    ],
    ids=str,
)
def test_an_id_token_with_a_wrong_claim_signs_nobody_in(province: Province, claims: dict[str, Any]) -> None:
    moved = {k: now(province, v) if k in ("exp", "iat", "nbf") and isinstance(v, int) else v for k, v in claims.items()}
    province.spoil(claims=moved)
    browser = province.browser()

    page = province.sign_in(browser)

    assert page.status == 400
    assert browser.cookie() is None
    assert "id_token" in province.why() or "at_hash" in province.why()


def test_a_clock_that_is_off_by_less_than_the_skew_is_forgiven(province: Province) -> None:
    province.spoil(claims={"iat": now(province, 50), "exp": now(province, 350)})

    assert province.sign_in(province.browser()).url.startswith(BACK)


@pytest.mark.parametrize("how", [{"alg": "none"}, {"alg": "HS256"}, {"kid": "khong-co"}, {"stranger": True}], ids=str)
def test_an_id_token_that_the_provider_did_not_sign_signs_nobody_in(province: Province, how: dict[str, Any]) -> None:
    province.spoil(**how)
    browser = province.browser()

    assert province.sign_in(browser).status == 400
    assert browser.cookie() is None


def test_a_rotated_key_is_found_and_unknown_ones_do_not_make_us_ask_without_end(province: Province) -> None:
    assert province.sign_in(province.browser()).url.startswith(BACK)
    twin = province.twins["vnconnect"].twin
    twin.act({"rotate": True})
    assert province.sign_in(province.browser()).status == 400, "the keys were read a moment ago"

    province.time.move(seconds=61)

    assert province.sign_in(province.browser()).url.startswith(BACK)


def test_userinfo_about_somebody_else_signs_nobody_in(province: Province) -> None:
    province.spoil(userinfo={"sub": "nguoi-khac"})

    assert province.sign_in(province.browser()).status == 400
    assert "somebody else" in province.why()


def test_an_answer_that_names_another_issuer_is_refused(province: Province) -> None:
    province.spoil("staff", iss="https://other.example")

    assert province.sign_in(province.browser(), "can-bo", "staff").status == 400
    assert "iss" in province.why()


def test_an_answer_of_one_provider_is_not_taken_for_anothers(province: Province) -> None:
    browser = province.browser()
    start = browser.step(browser.get(province.ask()).link("/vnconnect"))
    state = dict(p.split("=") for p in start.headers["location"].split("?")[1].split("&"))["state"]

    page = browser.get(f"/sso/callback/staff?code=x&state={state}&iss=x")

    assert page.status == 400
    assert "another provider" in province.why()


def test_an_account_below_the_least_assurance_is_told_so(province: Province) -> None:
    page = province.sign_in(province.browser(), "thap")

    assert page.status == 403
    assert "Mức độ xác thực" in page.text


def test_an_account_of_an_unknown_kind_is_refused(province: Province) -> None:
    province.spoil(userinfo={"LoaiTaiKhoan": "9"})

    assert province.sign_in(province.browser()).status == 403


def test_claims_that_came_through_the_browser_are_not_even_read(province: Province) -> None:
    browser = province.browser()
    browser.get(province.ask())
    page = browser.get("/sso/callback/vnconnect?TechID=T-0001&SoDinhDanh=001090000037&state=abc&code=x")

    assert page.status == 400
    assert browser.cookie() is None


def test_a_provider_that_is_away_gets_a_page_with_retry_after(province: Province) -> None:
    browser = province.browser()
    page = browser.get(province.ask())
    province.twins["vnconnect"].stop()

    gone = browser.get(page.link("/vnconnect"))

    assert (gone.status, gone.headers["retry-after"]) == (503, "10")


def test_a_provider_that_calls_itself_otherwise_is_not_gone_to(province: Province, monkeypatch: Any) -> None:
    twin = province.twins["vnconnect"].twin
    monkeypatch.setattr(twin, "issuer", lambda base: "https://other.example")
    browser = province.browser()

    assert browser.get(browser.get(province.ask()).link("/vnconnect")).status == 502


def test_a_birthday_that_is_none_is_left_out_and_noted(province: Province) -> None:
    page = province.sign_in(province.browser(), "vi-du")

    told = province.userinfo(province.redeem(page.query["code"]).json["access_token"]).json  # type: ignore[index]
    assert told is not None
    assert "birthdate" not in told
    assert "birth_date" in province.events("claims_unread")[0]["detail"]


def test_a_provider_that_does_not_ask_again_although_told_to_is_noticed(province: Province) -> None:
    browser = province.browser()
    province.sign_in(browser)
    province.time.move(minutes=20)
    province.spoil(claims={"auth_time": now(province, -1200)})

    assert province.sign_in(browser, prompt="login").status == 400
    assert "auth_time" in province.why()


def test_a_provider_that_does_not_say_when_is_not_believed_when_a_fresh_sign_in_was_asked_for(
    province: Province,
) -> None:
    province.spoil(claims={"auth_time": None})

    assert province.sign_in(province.browser(), prompt="login", max_age="0").status == 400
    assert "auth_time" in province.why()


def test_a_provider_that_never_says_when_can_be_exempted(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(home: Path) -> None:
        file = home / "config" / "signon.toml"
        text = file.read_text(encoding="utf-8").replace("least = 2", 'least = 2\nauth_time = "if-given"')
        file.write_text(text, encoding="utf-8")

    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change) as province:
        province.spoil(claims={"auth_time": None})
        assert "code" in province.sign_in(province.browser(), prompt="login").query


@pytest.mark.parametrize(("told", "kept"), [(-36000, -36000), (30, 0)])
def test_a_session_is_as_old_as_the_provider_says_and_never_of_the_future(
    province: Province, told: int, kept: int
) -> None:
    province.spoil(claims={"auth_time": now(province, told)})
    browser = province.browser()

    answer = province.redeem(province.sign_in(browser).query["code"]).json

    assert answer is not None
    assert province.read_jwt(answer["id_token"])["auth_time"] == now(province, kept)
    again = browser.get(province.ask(max_age="60")).url
    assert again.startswith(BACK) == (kept == 0), "an old sign-in is not taken for a new one"
