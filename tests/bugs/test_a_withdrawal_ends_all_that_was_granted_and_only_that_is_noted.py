"""A withdrawal revoked a thousand grants and left the others; and any words sent as the client's name went into the journal, as long and as
often as one likes."""

from __future__ import annotations

from datetime import timedelta

from sso.web.here import token_of
from tests.sso.conftest import province
from tests.sso.kit import Province

__all__ = ["province"]


def test_more_than_a_thousand_grants_end_together(province: Province) -> None:
    browser, now = province.browser(), province.time()
    province.sign_in(browser)
    with province.store.write() as rows:
        (family,) = rows.all("families")
        for number in range(1100):
            rows.add("families", **{**family, "id": f"f-{number}", "expires_at": now + timedelta(days=30)})

    browser.post("/sso/account/withdraw", {"token": token_of(browser.cookie()), "client": "one-stop-web"})

    with province.rows() as rows:
        assert rows.all("families", revoked_at=None) == []
    assert len(province.events("consent_withdrawn")) == 1


def test_what_was_never_granted_is_not_withdrawn(province: Province) -> None:
    browser = province.browser()
    province.sign_in(browser)

    browser.post("/sso/account/withdraw", {"token": token_of(browser.cookie()), "client": "x" * 60_000})

    assert province.events("consent_withdrawn") == []
