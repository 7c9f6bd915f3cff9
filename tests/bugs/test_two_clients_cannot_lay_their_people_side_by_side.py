"""Every client was told the same `sid` of a session: two of them knew by it that their pairwise subjects are one person."""

from __future__ import annotations

from urllib.parse import urlencode

from tests.sso.conftest import province
from tests.sso.kit import ISSUER, PORTAL_BACK, Province

__all__ = ["province"]


def test_each_client_has_its_own_name_for_a_session(province: Province) -> None:
    browser = province.browser()
    first = province.redeem(province.sign_in(browser).query["code"]).json
    page = browser.get(province.ask("portal-web", PORTAL_BACK))
    page = browser.post(page.url, {"answer": "yes", "token": page.field("token")})
    second = province.redeem(page.query["code"], "portal-web", redirect_uri=PORTAL_BACK).json
    assert first is not None
    assert second is not None

    mine, other = (province.read_jwt(tokens["id_token"]) for tokens in (first, second))

    assert not {mine["sub"], mine["sid"]} & {other["sub"], other["sid"]}
    with province.rows() as rows:
        (session,) = rows.all("sessions")
    assert session["id"] not in (mine["sid"], other["sid"])
    left = browser.step(f"{ISSUER}/sso/logout?{urlencode({'id_token_hint': second['id_token']})}")
    assert left.status == 303, "it is known as a token of this session: nobody is asked"
    assert browser.cookie() is None
