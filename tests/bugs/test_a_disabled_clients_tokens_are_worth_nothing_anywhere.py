"""A disabled client's access tokens were still answered with a person's claims, and resource servers were told that they were good."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import ISSUER, Province, open_province


def serve(home: Path) -> None:
    """The one-stop is the resource server of our own interface."""
    file = home / "config" / "clients" / "one-stop-web.toml"
    file.write_text(file.read_text(encoding="utf-8") + f'serves = ["{ISSUER}"]\n', encoding="utf-8")


def is_active(province: Province, token: str) -> bool:
    return bool(province.post("/sso/introspect", {"token": token}).json["active"])  # type: ignore[index]


def test_who_asks_about_a_disabled_machines_token_hears_that_it_is_good_no_longer(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, serve) as province:
        token = province.machine_token().json["access_token"]  # type: ignore[index]
        assert is_active(province, token)

        with province.store.write() as rows:
            rows.add("clients", id="agency-machine", at=time(), disabled_at=time())

        assert not is_active(province, token)


def test_a_client_that_its_file_switches_off_learns_nothing_more_of_a_person(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = fresh_ledger(tmp_path)
    with open_province(tmp_path / "before", time, url, monkeypatch) as province:
        tokens = province.redeem(province.sign_in(province.browser()).query["code"]).json
        assert tokens is not None
        clients = province.signon.office.clients

        clients["one-stop-web"] = clients["one-stop-web"].model_copy(update={"enabled": False})

        assert province.userinfo(tokens["access_token"]).status_code == 401
