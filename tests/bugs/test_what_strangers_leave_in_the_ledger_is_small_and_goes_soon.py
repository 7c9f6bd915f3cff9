"""A stranger's authorization request was kept whole, whatever its length, for a day after it had run out; pushed ones were not counted."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from tests.sso.conftest import province
from tests.sso.kit import BACK, ISSUER, Province

__all__ = ["province"]


@pytest.mark.parametrize("name", ["acr_values", "scope", "prompt", "nonce"])
def test_a_request_with_a_parameter_of_any_length_is_not_kept(province: Province, name: str) -> None:
    form = {**dict(parse_qsl(province.ask().partition("?")[2])), name: "openid " * 8000}

    page = province.browser().step(f"{ISSUER}/sso/authorize", form)

    assert page.headers["location"].startswith(f"{BACK}?error=invalid_")
    with province.rows() as rows:
        assert rows.all("vouchers") == []


def test_what_ran_out_is_forgotten_but_for_what_still_shows_a_theft(province: Province) -> None:
    browser = province.browser()
    code = province.sign_in(browser).query["code"]
    province.browser().get(province.ask())
    province.time.move(minutes=40)

    province.signon.beat()

    with province.rows() as rows:
        assert [row["kind"] for row in rows.all("vouchers")] == ["code"]
    assert province.redeem(code).json == {"error": "invalid_grant"}


def test_a_client_does_not_push_requests_without_measure(province: Province) -> None:
    form = {"redirect_uri": BACK, "response_type": "code", "scope": "openid", "code_challenge": "c" * 43}
    form["code_challenge_method"] = "S256"

    answers = [province.post("/sso/par", form).status_code for _ in range(402)]

    assert (answers[:400], answers[400:]) == ([201] * 400, [429] * 2)
