"""A client's name or a token's header with a zero byte or half a surrogate pair reached the database, which refused it: 500, and the refusal
was neither counted nor noted."""

from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode

import pytest

from tests.sso.conftest import province_on_each
from tests.sso.kit import Province

__all__ = ["province_on_each"]


def written(content: object) -> str:
    return urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_a_clients_name_that_no_database_takes_is_an_unknown_client(province_on_each: Province) -> None:
    province = province_on_each
    names = [b64encode(raw).decode() for raw in (b"a\0:x", b"%00:x")]
    answers = [
        province.post("/sso/token", {"grant_type": "client_credentials"}, None, Authorization=f"Basic {name}")
        for name in names
    ]
    answers += [province.machine_token(f"{written({})}.{written({'iss': name})}.x") for name in ("a\0", "\ud800")]

    assert [(a.status_code, a.json) for a in answers] == [(401, {"error": "invalid_client"})] * 4
    assert len(province.events("refused")) == 4


@pytest.mark.parametrize("header", [{"alg": "a\0b"}, {"alg": "\ud800"}, {"alg": "ES256", "kid": "\ud800"}])
def test_what_a_token_says_of_itself_is_written_to_the_journal_in_letters(
    province_on_each: Province, header: dict[str, str]
) -> None:
    province = province_on_each
    _, body, signature = province.assertion().split(".")
    token = f"{written(header)}.{body}.{signature}"

    answer, page = province.machine_token(token), province.browser().step(f"/sso/logout?id_token_hint={token}")

    assert (answer.status_code, page.status) == (401, 400)
    (refused,), (stopped,) = province.events("refused"), province.events("stopped")
    assert ascii(header.get("kid", header["alg"]))[1:-1] in refused["detail"]
    assert stopped["detail"].isprintable()
