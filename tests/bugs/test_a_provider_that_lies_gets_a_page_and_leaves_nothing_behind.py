"""What a provider said was taken as it came: a list or an object as a name (in Python's own writing), digits of other alphabets as a number that
nobody else has, half a surrogate pair, addresses that cannot be parsed, an id_token too deep to read: 500s, or a falsehood told on to clients."""

from __future__ import annotations

import json
from typing import Any

import pytest
from joserfc import jws
from pydantic import SecretStr

from gateway.simulation import Request, Response
from sso.reading import read_known
from sso.settings import Provider, is_safe_address
from sso.upstream import Returned, Upstream
from tests.conftest import Time
from tests.sso.conftest import province
from tests.sso.kit import BACK, Province, key

__all__ = ["province"]

ROW = Provider(
    id="noi-cap", name="Nơi cấp", name_en="Provider", issuer="https://noi-cap.example", client_id="x", client_secret=SecretStr("y"),
    people="staff", discovery=False, claims={"name": "name", "cccd": "cccd", "phone": "phone", "organisation": "org"},
    endpoints={name: f"https://noi-cap.example/{name}" for name in ("authorization", "token", "jwks", "end_session")},
)  # fmt: skip


@pytest.mark.parametrize(
    ("said", "unread"),
    [
        ({"name": {"first": "A"}}, ["name"]),
        ({"name": ["A"]}, ["name"]),
        ({"name": True}, ["name"]),
        ({"name": "A\ud83d"}, ["name"]),
        ({"name": "A\0"}, ["name"]),
        ({"cccd": "００１０９０００００３７"}, ["cccd"]),
        ({"org": {"id": 1}}, ["organisation"]),
        ({"org": "x" * 501}, ["organisation"]),
        ({"org": "\ud800"}, ["organisation"]),
    ],
)
def test_what_is_no_word_is_left_out_and_named(said: dict[str, Any], unread: list[str]) -> None:
    known, named = read_known(ROW, Returned({"sub": "s", **said}, 2, "", None, None))

    assert (named, dict(known.profile), known.organisation) == (unread, {}, None)


def test_words_and_numbers_are_read_on_one_line() -> None:
    said = {"sub": "s", "name": " Nguyễn\n Văn\u00a0Mẫu ", "phone": 84912345678, "org": "H99"}

    known, named = read_known(ROW, Returned(said, 2, "", None, None))

    assert (named, known.organisation) == ([], "H99")
    assert known.profile == {"name": "Nguyễn Văn Mẫu", "phone": "84912345678"}


@pytest.mark.parametrize("url", ["https://[", "https://[::1", "https://a\ud800/", "https://a/" + "b" * 2000])
def test_an_address_that_cannot_be_gone_to_is_not_safe(url: str) -> None:
    assert not is_safe_address(url)


def test_a_long_id_token_makes_no_address_that_nobody_takes(time: Time) -> None:
    upstream = Upstream(ROW, "https://cong.example/sso/callback/noi-cap", time)

    short, long = (upstream.logout_address("t" * size, "https://cong.example/", "s") for size in (2000, 90_000))

    assert short is not None
    assert long is not None
    assert "id_token_hint" in short
    assert len(long) < 300


def test_an_id_token_too_deep_to_read_gets_a_page(province: Province, monkeypatch: pytest.MonkeyPatch) -> None:
    def sign(claims: dict[str, Any], _: dict[str, Any]) -> str:
        deep = json.dumps(claims)[:-1] + ',"x":' + "[" * 40_000 + "]" * 40_000 + "}"
        return jws.serialize_compact({"alg": "RS256", "kid": "sinh-doi"}, deep.encode(), key(), algorithms=["RS256"])

    monkeypatch.setattr(province.twins["vnconnect"].twin, "_signed", sign)

    assert province.sign_in(province.browser()).status == 400


def test_half_a_character_in_a_name_does_not_keep_a_person_out(
    province: Province, monkeypatch: pytest.MonkeyPatch
) -> None:
    twin: Any = province.twins["vnconnect"].twin
    tell = twin._userinfo

    def cut(request: Request) -> Response:
        told = tell(request).body
        return Response(200, json.dumps({**told, "SoDienThoai": "\ud83d"}), {"Content-Type": "application/json"})

    monkeypatch.setattr(twin, "_userinfo", cut)

    assert province.sign_in(province.browser()).url.startswith(BACK)
    assert "phone" in province.events("claims_unread")[0]["detail"]
