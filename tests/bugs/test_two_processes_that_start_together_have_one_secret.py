"""One process had made the secret's file and not yet written it; the other read nothing, and signed every link with an empty key."""

from __future__ import annotations

import secrets

import pytest

from gateway.errors import Misconfigured


def test_neither_reads_half_of_it(make_house, sqlite_url, monkeypatch) -> None:
    one, two = make_house(sqlite_url).gateway, make_house(sqlite_url).gateway
    two.config.data = one.config.data
    made = secrets.token_hex
    others: list[bytes] = []

    def slowly(size: int) -> str:
        monkeypatch.setattr(secrets, "token_hex", made)
        others.append(two.secret)
        return made(size)

    monkeypatch.setattr(secrets, "token_hex", slowly)

    assert [one.secret] == others
    assert len(one.secret) == 64


def test_an_empty_one_is_refused(make_house, sqlite_url) -> None:
    gateway = make_house(sqlite_url).gateway
    (gateway.config.data / "secret").write_bytes(b"")

    with pytest.raises(Misconfigured):
        _ = gateway.secret
