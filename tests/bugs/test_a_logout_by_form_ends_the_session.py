"""A client that asked for the logout by a form (POST, as OpenID Connect lets it) got nothing: the form comes from another site, so the session's
cookie does not come with it. The person was told that he had left every system; the session and all other systems went on."""

from __future__ import annotations

from sso.web.here import token_of
from tests.sso.conftest import province
from tests.sso.kit import Browser, Page, Province

__all__ = ["province"]
BACK = "https://mot-cua.example/ra"


def post_from_elsewhere(province: Province, browser: Browser, form: dict[str, str]) -> Page:
    """As a browser does: the form without our cookies (SameSite=Lax), then where it is sent with them."""
    there = province.browser().step("/sso/logout", form).headers["location"]
    assert there.startswith("/sso/logout/"), "nothing is over yet"
    return browser.get(there)


def test_one_that_brings_its_id_token_is_not_asked(province: Province) -> None:
    browser = province.browser()
    tokens = province.redeem(province.sign_in(browser).query["code"]).json
    assert tokens is not None
    form = {"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": BACK, "state": "s"}

    page = post_from_elsewhere(province, browser, form)

    assert page.url.startswith(province.twins["vnconnect"].url) or page.url == f"{BACK}?state=s"
    assert browser.cookie() is None
    with province.rows() as rows:
        assert rows.all("sessions", ended_at=None) == []


def test_any_other_asks_the_person_and_may_be_shown_again(province: Province) -> None:
    browser = province.browser()
    province.sign_in(browser)

    page = post_from_elsewhere(province, browser, {"client_id": "one-stop-web", "post_logout_redirect_uri": BACK})

    assert "Đăng xuất?" in page.text
    assert "Đăng xuất?" in browser.get(page.url).text
    assert browser.cookie() is not None
    assert browser.post(page.url, {"token": token_of(browser.cookie())}).url == BACK
    with province.rows() as rows:
        assert rows.all("sessions", ended_at=None) == []
