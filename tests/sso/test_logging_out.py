"""One logout ends all: ours, the clients' behind the browser's back, the provider's."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlencode

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from gateway.ledger.restoring import declare
from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import ISSUER, Province, open_province


class Listener:
    """A client's back channel."""

    def __init__(self) -> None:
        self.tokens: list[str] = []
        self.status = 200
        listener = self

        class Hear(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                listener.tokens.append(parse_qs(body)["logout_token"][0])
                self.send_response(listener.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = HTTPServer(("127.0.0.1", 0), Hear)
        self.url = f"http://127.0.0.1:{self._server.server_port}/logout"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.close()


@pytest.fixture
def province(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch, listener: Listener
) -> Iterator[Province]:
    def change(home: Path) -> None:
        file = home / "config" / "clients" / "one-stop-web.toml"
        file.write_text(file.read_text() + f'backchannel_logout_uri = "{listener.url}"\n')

    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change) as made:
        yield made


def log_out(**given: str) -> str:
    return f"{ISSUER}/sso/logout?{urlencode(given)}"


def test_one_logout_ends_ours_the_providers_and_tells_the_client(province: Province, listener: Listener) -> None:
    browser = province.browser()
    tokens = province.redeem(province.sign_in(browser).query["code"]).json
    assert tokens is not None

    page = browser.get(
        log_out(id_token_hint=tokens["id_token"], post_logout_redirect_uri="https://mot-cua.example/ra", state="xong")
    )

    assert page.url == "https://mot-cua.example/ra?state=xong"
    assert province.twins["vnconnect"].twin.book()["acts"][-1] == {"act": "logged_out", "hint": True}
    assert browser.get(province.ask(prompt="none")).query["error"] == "login_required"
    assert province.refresh(tokens["refresh_token"]).status_code == 400
    assert province.userinfo(tokens["access_token"]).status_code == 401
    province.signon.beat()
    keys = KeySet.import_key_set(province.door.client.get("/sso/jwks").json)  # type: ignore[arg-type]
    token = jwt.decode(listener.tokens[0], keys, algorithms=["RS256"])
    assert token.header["typ"] == "logout+jwt"
    mine = province.read_jwt(tokens["id_token"])
    assert (token.claims["sub"], token.claims["sid"], token.claims["aud"]) == (mine["sub"], mine["sid"], "one-stop-web")
    assert token.claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert token.claims["exp"] - token.claims["iat"] <= 120
    assert "nonce" not in token.claims


def test_a_client_that_does_not_answer_is_told_again_until_it_does(province: Province, listener: Listener) -> None:
    browser = province.browser()
    tokens = province.redeem(province.sign_in(browser).query["code"]).json
    assert tokens is not None
    browser.get(log_out(id_token_hint=tokens["id_token"]))
    listener.status = 503
    province.signon.beat()
    province.signon.beat()
    assert len(listener.tokens) == 1, "not before its time"

    listener.status = 204
    province.time.move(seconds=6)
    province.signon.beat()
    province.time.move(hours=2)
    province.signon.beat()

    assert len(listener.tokens) == 2
    assert len(province.events("logout_told")) == 1


def test_without_an_id_token_of_this_session_the_person_is_asked(province: Province) -> None:
    """CSRF on logout."""
    browser, other = province.browser(), province.browser()
    province.sign_in(browser)
    tokens = province.redeem(province.sign_in(other, "vi-du").query["code"]).json
    assert tokens is not None

    for url in (log_out(), log_out(id_token_hint=tokens["id_token"]), log_out(client_id="one-stop-web")):
        page = browser.get(url)
        assert "Đăng xuất?" in page.text
        assert "code" in browser.get(province.ask(prompt="none")).query
    secret = page.text.split('action="')[1].split('"')[0]
    assert browser.post(secret, {"token": "x"}).status == 403
    page = browser.get(log_out())
    done = browser.post(page.text.split('action="')[1].split('"')[0], {"token": page.field("token")})
    assert "Đã đăng xuất" in done.text
    assert "error" in browser.get(province.ask(prompt="none")).query


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "https://mot-cua.example/ra/", "//evil.example", "/\\evil.example"]
)
def test_a_logout_goes_to_no_address_that_is_not_registered(province: Province, back: str) -> None:
    browser = province.browser()
    tokens = province.redeem(province.sign_in(browser).query["code"]).json
    assert tokens is not None

    page = browser.step(log_out(id_token_hint=tokens["id_token"], post_logout_redirect_uri=back))
    assert (page.status, "location" in page.headers) == (400, False)
    page = browser.step(log_out(post_logout_redirect_uri="https://mot-cua.example/ra"))
    assert page.status == 400, "whose address it is must be known"


def test_a_forged_hint_is_refused(province: Province) -> None:
    browser = province.browser()
    tokens = province.redeem(province.sign_in(browser).query["code"]).json
    assert tokens is not None
    assert browser.step(log_out(id_token_hint=tokens["access_token"])).status == 400
    assert browser.step(log_out(id_token_hint=tokens["id_token"][:-6] + "AAAAAA")).status == 400


def test_sessions_end_when_idle_and_after_their_longest_time_and_their_clients_hear_of_it(
    province: Province, listener: Listener
) -> None:
    browser = province.browser()
    province.redeem(province.sign_in(browser).query["code"])
    province.time.move(minutes=29)
    assert "code" in browser.get(province.ask(prompt="none")).query
    province.time.move(minutes=29)
    assert "code" in browser.get(province.ask(prompt="none")).query, "it was used meanwhile"
    province.time.move(minutes=31)
    assert "error" in browser.get(province.ask(prompt="none")).query
    province.signon.beat()
    province.signon.beat()
    assert len(listener.tokens) == 1

    province.sign_in(browser)
    for _ in range(21):
        province.time.move(minutes=29)
        page = browser.get(province.ask(prompt="none"))
    assert "error" in page.query


def test_a_person_sees_his_sessions_and_ends_another_one(province: Province) -> None:
    here, there = province.browser(), province.browser()
    province.sign_in(there)
    province.sign_in(here)

    page = here.get("/sso/account")
    assert "Nguyễn Văn Mẫu" in page.text
    assert "001090000037" not in page.text
    here.post("/sso/account/end", {"token": page.field("token"), "session": page.field("session")})

    assert "error" in there.get(province.ask(prompt="none")).query
    assert "code" in here.get(province.ask(prompt="none")).query


def test_a_provider_that_is_away_does_not_keep_us_from_logging_out(province: Province) -> None:
    browser = province.browser()
    tokens = province.redeem(province.sign_in(browser).query["code"]).json
    assert tokens is not None
    province.twins["vnconnect"].stop()
    province.time.move(minutes=5)

    browser.step(log_out(id_token_hint=tokens["id_token"], post_logout_redirect_uri="https://mot-cua.example/ra"))

    assert province.refresh(tokens["refresh_token"]).status_code == 400


def test_in_a_restored_copy_of_the_ledger_nothing_that_was_granted_is_good(province: Province) -> None:
    browser = province.browser()
    tokens = province.redeem(province.sign_in(browser).query["code"]).json
    assert tokens is not None

    with province.door.gateway.ledger.write() as connection:
        declare(connection, who="thu", reason="thu", now=province.time())

    assert province.refresh(tokens["refresh_token"]).status_code == 400
    assert province.userinfo(tokens["access_token"]).status_code == 401
    assert "error" in browser.get(province.ask(prompt="none")).query
