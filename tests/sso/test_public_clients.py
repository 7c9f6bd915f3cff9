"""Clients without a secret: where their answers may go, and the certificate that their file asks for."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import ISSUER, Province, open_province

CLIENT = """
id = "may-ban"
name = "Máy bàn"
name_en = "Desktop"
auth = "none"
scopes = ["openid"]
consent = "implied"
"""
NATIVE = 'native = true\nredirect_uris = ["http://127.0.0.1/cb", "https://app.example/cb"]\n'
BOUND = f'bound = true\ncertificates = ["{"a" * 64}"]\nredirect_uris = ["https://app.example/cb"]\n'


def open_with(
    more: str, tmp_path: Path, time: Time, monkeypatch: pytest.MonkeyPatch
) -> AbstractContextManager[Province]:
    def change(home: Path) -> None:
        (home / "config" / "clients" / "may-ban.toml").write_text(CLIENT + more, encoding="utf-8")

    return open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change)


def test_a_native_client_may_vary_the_port_of_loopback_and_nothing_else(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    def tried(province: Province, back: str | None) -> int:
        return province.browser().step(province.ask("may-ban", redirect_uri=back, scope="openid")).status

    with open_with(NATIVE, tmp_path, time, monkeypatch) as province:
        good = ["http://127.0.0.1/cb", "http://127.0.0.1:49152/cb", "https://app.example/cb"]
        evil = [
            "https://evil.example/steal",
            "javascript:alert(1)",
            None,
            "https://app.example:8443/cb",
            "http://127.0.0.1:49152/other",
            "http://localhost/cb",
            "http://127.0.0.1@evil.example/cb",
            "http://[::1",
        ]
        assert [tried(province, back) for back in good] == [303] * len(good)
        assert [tried(province, back) for back in evil] == [400] * len(evil)


def test_a_bound_client_without_a_secret_shows_its_certificate(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_with(BOUND, tmp_path, time, monkeypatch) as province:
        back = "https://app.example/cb"
        page = province.sign_in(province.browser(), client="may-ban", back=back, scope="openid")
        form = {"grant_type": "authorization_code", "client_id": "may-ban", "code": page.query["code"]}
        form |= {"redirect_uri": back, "code_verifier": "v" * 43}

        answer = province.door.client.post("/sso/token", data=form, base_url=ISSUER)

        assert (answer.status_code, answer.json) == (401, {"error": "invalid_client"})
        assert "certificate" in province.why()
