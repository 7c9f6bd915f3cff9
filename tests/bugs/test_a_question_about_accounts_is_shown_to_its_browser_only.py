"""The page that asks whether an account is his showed its masked numbers to any browser with the page's address."""

from __future__ import annotations

from tests.sso.conftest import province
from tests.sso.kit import Province

__all__ = ["province"]


def test_another_browser_sees_no_numbers(province: Province) -> None:
    province.sign_in(province.browser(), "cu")
    browser, other = province.browser(), province.browser()
    page = province.sign_in(browser, "moi")
    assert "••••••678" in page.text
    other.get(province.ask())

    seen = other.step(page.url)

    assert seen.status == 400
    assert "678" not in seen.text
    assert "••••••678" in browser.get(page.url).text, "it was not spent"
