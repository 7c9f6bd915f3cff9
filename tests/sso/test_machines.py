"""Machines: tokens by their own name, taken at the gateway's interface beside keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from tests.conftest import Time
from tests.door import fresh_ledger
from tests.house import dossier
from tests.sso.kit import ISSUER, SECRET, Province, open_province, sha256_hex


def call(province: Province, token: str, method: str = "GET", path: str = "/api/v1/status-feed", **more: Any) -> Any:
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return province.door.client.open(path, method=method, headers=headers, base_url=ISSUER, **more)


def test_a_partners_token_opens_the_interface_and_the_ledger_knows_the_partner(province_on_each: Province) -> None:
    province = province_on_each
    answer = province.machine_token().json
    assert answer is not None
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 600)

    sent = call(province, answer["access_token"], "POST", "/api/v1/dossiers", json=dossier(1))

    assert (sent.status_code, sent.json["source"]) == (202, "one-stop")
    assert call(province, answer["access_token"]).status_code == 200


def test_a_token_opens_only_what_its_scopes_say(province: Province) -> None:
    token = province.machine_token(scope="api.read").json["access_token"]  # type: ignore[index]

    assert call(province, token).status_code == 200
    refused = call(province, token, "POST", "/api/v1/dossiers", json=dossier(1))
    assert (refused.status_code, refused.json["faults"][0]["code"]) == (403, "insufficient-scope")
    fault = call(province, token, "POST", "/soap/v1/dossiers", data=b"<x/>", content_type="text/xml")
    assert "insufficient-scope" in fault.text
    assert province.machine_token(scope="hooks").json == {"error": "invalid_scope"}


def test_what_is_no_machines_token_opens_nothing(province: Province) -> None:
    page = province.sign_in(province.browser())
    persons = province.redeem(page.query["code"]).json
    assert persons is not None
    good = province.machine_token().json["access_token"]  # type: ignore[index]
    head, body, signature = good.split(".")

    for token in (
        persons["access_token"],
        persons["id_token"],
        province.assertion(),
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.",
        "a.b.c",
    ):
        answer = call(province, token)
        assert (answer.status_code, answer.json["faults"][0]["code"]) == (401, "unauthenticated")


def test_a_token_runs_out_and_a_disabled_clients_token_ends_within_seconds(province: Province) -> None:
    token = province.machine_token().json["access_token"]  # type: ignore[index]
    other = province.machine_token().json["access_token"]  # type: ignore[index]
    assert call(province, token).status_code == 200
    with province.store.write() as rows:
        rows.add("clients", id="agency-machine", disabled_at=province.time(), at=province.time())
    province.time.move(seconds=4)
    assert call(province, token).status_code == 401
    assert province.machine_token().json == {"error": "invalid_client"}
    with province.store.write() as rows:
        rows.change("clients", {"id": "agency-machine"}, disabled_at=None)
    assert call(province, other).status_code == 200
    province.time.move(seconds=600)
    assert call(province, other).status_code == 401


def test_a_stolen_keys_tokens_end_with_it(province: Province) -> None:
    token = province.machine_token().json["access_token"]  # type: ignore[index]
    assert call(province, token).status_code == 200

    province.time.move(seconds=1)
    with province.store.write() as rows:
        province.signon.office.keys.rotate(rows, at_once=True)
    province.time.move(seconds=61)

    assert call(province, token).status_code == 401
    assert call(province, province.machine_token().json["access_token"]).status_code == 200  # type: ignore[index]


def test_an_agency_asks_what_a_token_is_worth_and_a_stranger_learns_nothing(province: Province) -> None:
    tokens = province.redeem(province.sign_in(province.browser()).query["code"]).json
    assert tokens is not None
    ask = {"token": tokens["access_token"]}

    mine = province.post("/sso/introspect", ask).json
    assert mine is not None
    assert (mine["active"], mine["client_id"]) == (True, "one-stop-web")
    assert province.post("/sso/introspect", ask, "portal-web").json == {"active": False}
    assert province.post("/sso/introspect", {"token": "x"}).json == {"active": False}
    assert province.post("/sso/introspect", ask, None).status_code == 401
    assert province.post("/sso/revoke", ask, "portal-web").status_code == 200
    assert province.userinfo(tokens["access_token"]).status_code == 200, "not its own: nothing happened"
    assert province.post("/sso/revoke", ask).status_code == 200
    assert province.post("/sso/introspect", ask).json == {"active": False}
    assert province.userinfo(tokens["access_token"]).status_code == 401
    province.post("/sso/revoke", {"token": tokens["refresh_token"]})
    assert province.refresh(tokens["refresh_token"]).json == {"error": "invalid_grant"}


BOUND = """
id = "bound-machine"
name = "Máy có chứng thư"
name_en = "A machine with a certificate"
auth = "tls_client_auth"
grants = ["client_credentials"]
scopes = ["api.read"]
partner = "one-stop"
bound = true
certificates = ["{digest}"]
"""


@pytest.mark.parametrize("trusted", [True, False])
def test_a_bound_token_is_good_only_with_its_certificate_and_a_proxys_word_only_when_configured(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch, trusted: bool
) -> None:
    from urllib.parse import quote

    from cryptography.hazmat.primitives.serialization import Encoding

    from tests.soap import Signer

    (tmp_path / "certs").mkdir()
    signer = Signer.of(tmp_path / "certs", "may", time())
    pem = signer.certificate.read_bytes()
    der = x509.load_pem_x509_certificate(pem).public_bytes(Encoding.DER)

    def change(home: Path) -> None:
        (home / "config" / "clients" / "bound-machine.toml").write_text(BOUND.format(digest=sha256_hex(der)))
        file = home / "config" / "signon.toml"
        if trusted:
            file.write_text('proxy_certificate = "X-Client-Cert"\n' + file.read_text())

    shown = {"X-Client-Cert": quote(pem.decode())}
    form = {"grant_type": "client_credentials", "client_id": "bound-machine"}
    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change) as province:
        answer = province.post("/sso/token", form, None, **shown)
        if not trusted:
            assert answer.json == {"error": "invalid_client"}
            return
        assert answer.json is not None
        token = answer.json["access_token"]
        assert province.post("/sso/token", form, None).json == {"error": "invalid_client"}
        assert call(province, token, headers=shown).status_code == 200
        assert call(province, token).status_code == 401


def test_guessing_is_slowed_down_by_client_and_address(province: Province) -> None:
    wrong = {"grant_type": "authorization_code", "client_id": "one-stop-web", "client_secret": "doan"}
    answers = [province.post("/sso/token", wrong, None) for _ in range(12)]

    assert [a.status_code for a in answers[:10]] == [401] * 10
    last = answers[-1]
    assert (last.status_code, last.json) == (429, {"error": "temporarily_unavailable"})
    assert 1 <= int(last.headers["Retry-After"]) <= 60
    assert province.machine_token().status_code == 200, "others are served"
    province.time.move(minutes=5)
    assert province.post("/sso/token", {**wrong, "client_secret": SECRET}, None).status_code == 401


def test_one_address_does_not_begin_sign_ins_without_measure(province: Province) -> None:
    browser = province.browser()
    statuses = [browser.step(province.ask()).status for _ in range(62)]

    assert statuses[:60] == [303] * 60
    page = browser.step(province.ask())
    assert page.status == 429
    assert int(page.headers["retry-after"]) >= 1
    assert "Quá nhiều lần thử" in page.text


def test_one_client_does_not_ask_for_tokens_without_measure(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(home: Path) -> None:
        file = home / "config" / "signon.toml"
        file.write_text("[limits]\nclient = [3, 10.0]\nperson = [2, 60.0]\n" + file.read_text())

    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change) as province:
        assert [province.machine_token().status_code for _ in range(4)] == [200, 200, 200, 429]
        time.move(seconds=11)
        assert province.machine_token().status_code == 200
        pages = [province.sign_in(province.browser()) for _ in range(3)]
        assert [page.status for page in pages] == [303, 303, 429]
