"""A stranger's junk costs the stranger: no agency, no neighbour behind the same address and no journal pays for it."""

from __future__ import annotations

import pytest

from sso.clients import place_of
from tests.sso.kit import ISSUER, Province


def test_junk_codes_that_a_proven_server_passes_on_lock_nobody_out(province: Province) -> None:
    page = province.sign_in(province.browser())

    junk = [province.redeem(f"rac-{i}") for i in range(30)]

    assert {(a.status_code, a.json["error"]) for a in junk if a.json} == {(400, "invalid_grant")}
    assert province.redeem(page.query["code"]).status_code == 200
    assert len(province.events("refused")) == 20, "the journal has enough of them"


def test_tokens_that_were_revoked_lock_nobody_out(province: Province) -> None:
    page = province.sign_in(province.browser())
    access = province.redeem(page.query["code"]).json["access_token"]  # type: ignore[index]
    with province.store.write() as rows:
        for session in rows.all("sessions"):
            province.signon.sessions.end(rows, session["id"], "ended")

    assert {province.userinfo(access).status_code for _ in range(30)} == {401}
    assert province.machine_token().status_code == 200


def test_asking_silently_who_is_there_locks_nobody_out(province: Province) -> None:
    browser = province.browser()

    pages = [browser.step(province.ask(prompt="none")) for _ in range(30)]

    assert {page.status for page in pages} == {303}
    assert all("error=login_required" in page.headers["location"] for page in pages)
    assert province.browser().get(province.ask()).status == 200


def test_a_provider_that_is_away_locks_nobody_out(province: Province) -> None:
    province.twins["vnconnect"].stop()
    browser = province.browser()
    choice = browser.get(province.ask())

    assert {browser.step(choice.link("/vnconnect")).status for _ in range(30)} == {503}
    assert browser.step(province.ask()).status == 303


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/sso/sign-in/khong-co"),
        ("GET", "/sso/link/khong-co"),
        ("GET", "/sso/logout?post_logout_redirect_uri=https://evil.example"),
        ("POST", "/sso/account/end"),
        ("POST", "/sso/token"),
    ],
)
def test_refusals_without_end_fill_no_journal(province: Province, method: str, path: str) -> None:
    answers = [
        province.door.client.open(path, method=method, data=b"{}", content_type="application/json", base_url=ISSUER)
        for _ in range(40)
    ]

    assert [a.status_code for a in answers[20:]] == [429] * 20
    assert int(answers[-1].headers["Retry-After"]) >= 1
    assert len(province.events("stopped") + province.events("refused")) == 20
    assert province.door.client.get("/sso/static/style.css", base_url=ISSUER).status_code == 200
    assert province.door.client.get("/sso/jwks", base_url=ISSUER).status_code == 200


def test_an_address_counts_by_its_network(province: Province) -> None:
    def key(address: str) -> str:
        return place_of(province.signon.office, address).key

    assert key("2001:db8:1:2::5") == key("2001:db8:1:2:ffff::1") != key("2001:db8:1:3::5")
    assert key("192.0.2.1") == key("::ffff:192.0.2.1") != key("192.0.2.2")
    assert {key(text) for text in ("192.0.2.1, 192.0.2.7", "192.0.2.1:443", "x", "")} == {key("")}
    told = [place_of(province.signon.office, a).told for a in ("2001:db8:1:2::5", "::1", "192.0.2.1", "<script>")]
    assert told == ["2001:0db8:0001:•", "0000:0000:0000:•", "192.0.2.•", ""]
