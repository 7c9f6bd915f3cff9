"""`lienthong clients`, `people`, `keys rotate sign-on`, `simulate vnconnect`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from datetime import UTC, datetime

import pytest
from click.testing import CliRunner, Result

from gateway.cli.check import _check_signon
from gateway.cli.main import root
from gateway.http import Http
from tests.conftest import Time
from tests.sso.kit import BACK, Province


@pytest.fixture(autouse=True)
def _today(time: Time) -> None:
    """Commands go by the clock on the wall."""
    time.at = datetime.now(UTC)


def run(province: Province, *words: str, given: str | None = None) -> Result:
    home = str(province.door.gateway.config.home)
    return CliRunner().invoke(root, [*words, "--home", home], input=given)


def test_a_client_is_added_listed_rotated_and_disabled(province: Province) -> None:
    made = run(
        province, "clients", "add", "so-moi", "--redirect", "https://so.example/cb", "--name", "Sở mới", "--json"
    )
    assert made.exit_code == 0, made.output
    secret = json.loads(made.stdout)["client_secret"]
    assert secret not in run(province, "clients", "list").stdout
    rows = json.loads(run(province, "clients", "list", "--json").stdout)
    assert next(r for r in rows if r["id"] == "so-moi")["name"] == "Sở mới"

    second = json.loads(run(province, "clients", "rotate", "one-stop-web", "--days", "1", "--json").stdout)
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    both = {"client_secret": second["client_secret"], "client_id": "one-stop-web"}
    assert province.post("/sso/token", form).json == {"error": "invalid_grant"}, "the old one is good for a day"
    assert province.post("/sso/token", {**form, **both}, None).json == {"error": "invalid_client"}, "in the header only"
    province.time.move(days=2)
    assert province.post("/sso/token", form).json == {"error": "invalid_client"}

    tokens = province.sign_in(province.browser()).query["code"]
    assert run(province, "clients", "disable", "one-stop-web").exit_code == 0
    assert province.redeem(tokens).json == {"error": "invalid_client"}
    assert province.browser().get(province.ask()).status == 400
    assert [r["event"] for r in province.events("client_disabled")] == ["client_disabled"]


def test_a_client_without_a_file_needs_words_for_one(province: Province) -> None:
    refused = run(province, "clients", "add", "so-moi")

    assert refused.exit_code == 2
    assert "--redirect" in refused.output
    assert "no client 'khong-co'" in run(province, "clients", "rotate", "khong-co").output


def test_an_administrator_finds_a_person_by_number_and_ends_his_sessions(province: Province) -> None:
    browser = province.browser()
    province.sign_in(browser)

    found = run(province, "people", "find", "citizen:cccd", given="001090000037\n")
    person = found.stdout.split()[-1]
    shown = run(province, "people", "show", person)
    assert "vnconnect" in shown.stdout
    assert "001090000037" not in shown.stdout
    assert "1 phiên" in run(province, "people", "sign-out", person, "--reason", "mất máy").stdout
    assert "error" in browser.get(province.ask(prompt="none")).query
    assert run(province, "people", "disable", person, "--reason", "thử").exit_code == 0
    assert province.sign_in(province.browser()).status == 403
    assert run(province, "people", "enable", person, "--reason", "thử").exit_code == 0
    assert province.sign_in(province.browser()).url.startswith(BACK)
    assert province.events("looked_up")[0]["person"] == person


def test_signing_keys_are_rotated_by_command(province: Province) -> None:
    province.machine_token()
    assert "khóa ký mới" in run(province, "keys", "rotate", "sign-on").output
    province.signon.office.keys.forget()
    assert len(province.door.client.get("/sso/jwks").json["keys"]) == 4  # type: ignore[index]


def test_the_twin_of_the_national_sign_on_is_started_by_its_name() -> None:
    twin = subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", "simulate", "vnconnect"],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ,
    )
    try:
        assert twin.stdout is not None
        address = re.search(r"http://\S+", twin.stdout.readline())
        assert address
        told = Http(base_url=address[0]).call("GET", "/oauth2/token/.well-known/openid-configuration").json()
        assert told["issuer"] == f"{address[0]}/oauth2/token"
    finally:
        twin.send_signal(signal.SIGTERM)
        twin.wait(20)


def test_a_wrong_file_of_the_sign_on_is_found_by_check(province: Province) -> None:
    gateway = province.door.gateway
    file = gateway.config.folder / "clients" / "portal-web.toml"
    assert [(one.ok, "3 hệ thống" in one.answer) for one in _check_signon(gateway)] == [(True, True)]
    file.write_text(file.read_text(encoding="utf-8").replace("https://cong-tinh", "http://cong-tinh"), encoding="utf-8")

    (told,) = _check_signon(gateway)

    assert not told.ok
    assert "config/clients/portal-web.toml" in told.answer
    assert "must be https" in told.answer
