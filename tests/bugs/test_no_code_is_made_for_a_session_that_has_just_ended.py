"""Whoever was signed out while an authorization request of his was under way had a grant all the same, and one for later
(`offline_access`) outlived the sign-out by a month."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from sso.authorizing import Need, Pending
from sso.requests import Declined
from tests.sso.conftest import province_on_each
from tests.sso.kit import Province

__all__ = ["province_on_each"]


def test_a_sign_out_is_not_outrun(province_on_each: Province) -> None:
    province = province_on_each
    browser = province.browser()
    province.sign_in(browser)
    clients, authorizing = province.signon.office.clients, province.signon.authorizing
    scopes = ["openid", "profile", "offline_access"]
    clients["one-stop-web"] = clients["one-stop-web"].model_copy(update={"scopes": scopes})
    asked = [
        Pending(province.signon.requests.check(dict(parse_qsl(url.partition("?")[2]))))
        for url in (province.ask(scope=" ".join(scopes)), province.ask(scope=" ".join(scopes), prompt="none"))
    ]
    seen = province.signon.sessions.find(browser.cookie())

    with province.store.write() as rows:
        province.signon.sessions.end_granted(rows, seen.person, "signed out by an administrator")

    assert authorizing.decide(asked[0], seen, "") == Need("sign-in")
    with pytest.raises(Declined):
        authorizing.decide(asked[1], seen, "")
    with province.rows() as rows:
        assert rows.all("families", revoked_at=None) == []
        assert len(rows.all("visits")) == 1, "nobody else is to be told of its end"
