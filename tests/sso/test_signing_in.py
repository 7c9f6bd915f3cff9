"""A citizen signs in once and every system knows him."""

from __future__ import annotations

from urllib.parse import parse_qsl

from tests.sso.kit import BACK, ISSUER, PORTAL_BACK, Province


def test_a_citizen_signs_in_at_the_national_provider_and_the_client_learns_who_he_is(
    province_on_each: Province,
) -> None:
    province = province_on_each
    browser = province.browser()

    page = province.sign_in(browser, "mau", scope="openid profile identity")

    assert page.url.startswith(BACK)
    assert page.query["state"] == "trang-thai"
    assert page.query["iss"] == ISSUER
    answer = province.redeem(page.query["code"]).json
    assert answer is not None
    claims = province.read_jwt(answer["id_token"])
    assert (claims["iss"], claims["aud"], claims["nonce"], claims["acr"]) == (ISSUER, "one-stop-web", "mot-lan", "loa2")
    told = province.userinfo(answer["access_token"]).json
    assert told is not None
    assert told["sub"] == claims["sub"]
    assert (told["name"], told["birthdate"], told["national_id"]) == ("Nguyễn Văn Mẫu", "1990-01-15", "001090000037")
    assert "phone_number" not in told
    assert province.events("signed_in")[0]["detail"] == "vnconnect, level 2"


def test_a_second_system_knows_him_without_a_second_sign_in_under_a_name_of_its_own(province: Province) -> None:
    browser = province.browser()
    first = province.redeem(province.sign_in(browser).query["code"]).json
    assert first is not None

    page = browser.get(province.ask("portal-web", PORTAL_BACK))

    assert "Đồng ý chia sẻ dữ liệu" in page.text
    assert "Để chào bạn" in page.text
    done = browser.post(page.url, {"token": page.field("token"), "answer": "yes"})
    assert done.url.startswith(PORTAL_BACK)
    second = province.redeem(done.query["code"], "portal-web", redirect_uri=PORTAL_BACK).json
    assert second is not None
    told = province.userinfo(second["access_token"]).json
    assert told is not None
    assert told == {"sub": told["sub"], "name": "Nguyễn Văn Mẫu", "birthdate": "1990-01-15"}
    assert told["sub"] != province.read_jwt(first["id_token"])["sub"]
    again = browser.get(province.ask("portal-web", PORTAL_BACK))
    assert "code" in again.query, "he agreed once"


def test_an_officer_signs_in_with_organisation_and_roles(province: Province) -> None:
    page = province.sign_in(province.browser(), "can-bo", "staff", scope="openid profile staff")

    answer = province.redeem(page.query["code"]).json
    assert answer is not None
    told = province.userinfo(answer["access_token"]).json
    assert told is not None
    assert (told["account_kind"], told["organisation"], told["roles"]) == ("officer", "000.00.01.H99", ["operator"])
    assert any("everyone" in row["detail"] for row in province.events("claims_unread"))


def test_an_answer_by_form_carries_the_same_and_needs_no_javascript(province: Province) -> None:
    page = province.sign_in(province.browser(), response_mode="form_post")

    assert page.status == 200
    assert f'action="{BACK}"' in page.text
    assert page.field("state") == "trang-thai"
    assert "<button>" in page.text
    assert "unsafe-inline" not in page.headers["content-security-policy"]
    assert province.redeem(page.field("code")).status_code == 200


def test_a_pushed_request_is_good_once(province: Province) -> None:
    pushed = province.post("/sso/par", dict(parse_qsl(province.ask().split("?")[1])))
    assert pushed.status_code == 201
    uri = pushed.json["request_uri"]  # type: ignore[index]
    browser = province.browser()
    page = browser.get(f"{ISSUER}/sso/authorize?client_id=one-stop-web&request_uri={uri}")
    assert province.choose(page, browser, "mau").url.startswith(BACK)
    assert browser.get(f"{ISSUER}/sso/authorize?client_id=one-stop-web&request_uri={uri}").status == 400


def test_without_a_session_a_silent_question_gets_login_required(province: Province) -> None:
    page = province.browser().get(province.ask(prompt="none"))

    assert page.url.startswith(BACK)
    assert (page.query["error"], page.query["iss"], page.query["state"]) == ("login_required", ISSUER, "trang-thai")


def test_a_client_that_wants_a_fresh_sign_in_gets_one(province: Province) -> None:
    browser = province.browser()
    province.sign_in(browser)
    before = browser.cookie()
    province.time.move(minutes=10)

    page = browser.get(province.ask(max_age="60"))
    assert "Đăng nhập" in page.text
    done = province.choose(page, browser, "mau")

    assert done.url.startswith(BACK)
    assert browser.cookie() != before
    claims = province.read_jwt(province.redeem(done.query["code"]).json["id_token"])  # type: ignore[index]
    assert claims["auth_time"] == int(province.time().timestamp())


def test_who_says_no_at_the_provider_or_at_the_consent_is_refused_at_the_client(province: Province) -> None:
    browser = province.browser()
    assert province.choose(browser.get(province.ask()), browser, "").query["error"] == "access_denied"
    province.sign_in(browser)
    page = browser.get(province.ask("portal-web", PORTAL_BACK))
    done = browser.post(page.url, {"token": page.field("token"), "answer": "no"})
    assert done.query["error"] == "access_denied"
