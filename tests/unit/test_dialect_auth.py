"""How we prove who we are: each kind against its other side, and our own front door for the signature."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from gateway.dialect.auth import Auth, Caller, Hmac, sign
from gateway.dialect.doorkeeper import Doorkeeper
from gateway.errors import TryLater
from gateway.http import Http
from gateway.ledger.keys import add_key
from gateway.simulation import Chaos, Request, Response, Serve, Twin
from tests.conftest import Time
from tests.door import fresh_ledger, make_home, open_door

KINDS: dict[str, dict[str, Any]] = {
    "none": {"kind": "none"},
    "bearer": {"kind": "bearer", "token": "thẻ".encode("ascii", "replace").decode()},
    "another header": {"kind": "bearer", "token": "abc", "header": "access_token", "prefix": ""},
    "key in a header": {"kind": "api_key", "key": "k1", "header": "X-Api-Key"},
    "key in the query": {"kind": "api_key", "key": "k 1&", "query": "apikey"},
    "basic": {"kind": "basic", "user": "mẫu", "password": "mật thư"},
    "oauth2": {"kind": "oauth2", "token_url": "URL/token", "client_id": "c", "client_secret": "s", "scope": "hs"},
    "oauth2 by post": {"kind": "oauth2", "token_url": "URL/token", "client_id": "c", "client_secret": "s", "style": "post"},
    "oauth2 by password": {"kind": "oauth2", "token_url": "URL/token", "client_id": "c", "client_secret": "s", "user": "u", "password": "p"},
    "login": {"kind": "login", "url": "URL/login", "json": {"taiKhoan": "mẫu", "matKhau": "x"}, "token": "/duLieu/token"},
    "login by form": {"kind": "login", "url": "URL/login", "form": {"u": "mẫu"}, "token": "/t", "prefix": "Token "},
    "hmac": {
        "kind": "hmac", "id": "H99", "key": "k", "signed": "{id}{timestamp}{content_type}{body}",
        "headers": {"X-Id": "{id}", "X-Time": "{timestamp}", "X-Sign": "{signature}"},
    },
    "hmac of everything": {
        "kind": "hmac", "id": "H99", "key": "k", "algorithm": "sha512", "encoding": "base64", "time": "epoch_ms",
        "signed": "{method}\n{target}\n{host}\n{timestamp}\n{nonce}\n{sha256}\n{sha256_base64}",
        "headers": {"Authorization": "S id={id},t={timestamp},n={nonce},s={signature}"},
    },
}  # fmt: skip


class Guarded(Twin):
    """Says who was let in; counts the tokens that it gave."""

    def __init__(self, auth: Auth) -> None:
        super().__init__()
        self.door = Doorkeeper(auth)
        self.given = 0
        self.effects = 0

    def answer(self, request: Request) -> Response:
        signed_in = self.door.sign_in(request)
        if signed_in is not None:
            self.given += signed_in.status == 200
            return signed_in
        if not self.door.knows(request):
            return Response(401, {"error": "unauthorized"})
        self.effects += 1
        return Response(200, {"body": request.body.decode()})

    def expire(self) -> None:
        self.door.expire()


def read(auth: dict[str, Any], url: str = "http://127.0.0.1:9") -> Any:
    told = {name: value.replace("URL", url) if isinstance(value, str) else value for name, value in auth.items()}
    return TypeAdapter[Any](Auth).validate_python(told)


@pytest.fixture
def serve() -> Iterator[Serve]:
    made = Serve(Guarded(read(KINDS["none"])))
    made.start()
    yield made
    made.stop()


def pair(serve: Serve, auth: dict[str, Any], **changes: Any) -> tuple[Caller, Guarded]:
    """A caller with this account, and a guard who knows it. `changes`: what the caller has wrong."""
    guard = Guarded(read(auth, serve.url))
    serve.twin = guard
    return Caller(Http(base_url=serve.url, total_timeout=5), serve.url, read(auth | changes, serve.url)), guard


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_let_in_by_the_other_side(serve: Serve, kind: str) -> None:
    caller, guard = pair(serve, KINDS[kind])

    for _ in range(2):
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        reply = caller.call("POST", "/ho-so/a%20b", query={"q": "a b"}, headers=headers, body="Nguyễn".encode())
        assert (reply.status, reply.json()) == (200, {"body": "Nguyễn"})

    assert guard.effects == 2
    assert guard.given == int(kind.startswith(("oauth2", "login")))


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("bearer", {"token": "khac"}),
        ("key in the query", {"key": "khac"}),
        ("basic", {"password": "khac"}),
        ("hmac", {"key": "khac"}),
        ("hmac of everything", {"signed": "{body}"}),
    ],
)
def test_a_wrong_account_is_not_let_in(serve: Serve, kind: str, changes: dict[str, Any]) -> None:
    caller, guard = pair(serve, KINDS[kind], **changes)

    assert caller.call("POST", "/x", body=b"").status == 401
    assert guard.effects == 0


@pytest.mark.parametrize(("kind", "changes"), [("oauth2", {"client_secret": "khac"}), ("login", {"json": {"a": "b"}})])
def test_without_a_token_nothing_is_sent_and_the_operator_has_time_to_mend_it(
    serve: Serve, kind: str, changes: dict[str, Any]
) -> None:
    caller, guard = pair(serve, KINDS[kind], **changes)

    with pytest.raises(TryLater) as caught:
        caller.call("POST", "/x", body=b"")

    assert caught.value.retry_after == 900
    assert guard.effects == 0


@pytest.mark.parametrize("kind", ["oauth2", "login"])
def test_a_token_that_was_forgotten_there_is_fetched_anew_and_the_call_is_made_once_more(
    serve: Serve, kind: str
) -> None:
    caller, guard = pair(serve, KINDS[kind])
    caller.call("POST", "/x", body=b"")
    guard.expire()

    assert caller.call("POST", "/x", body=b"").status == 200
    assert (guard.given, guard.effects) == (2, 2)


def test_many_threads_share_one_token(serve: Serve) -> None:
    caller, guard = pair(serve, KINDS["oauth2"])

    with ThreadPoolExecutor(8) as pool:
        statuses = list(pool.map(lambda _: caller.call("POST", "/x", body=b"").status, range(24)))

    assert statuses == [200] * 24
    assert guard.given == 1


def test_a_token_is_renewed_before_it_ends(serve: Serve) -> None:
    seconds = [0.0]
    guard = Guarded(read(KINDS["oauth2"], serve.url))
    serve.twin = guard
    caller = Caller(Http(base_url=serve.url), serve.url, read(KINDS["oauth2"], serve.url), clock=lambda: seconds[0])

    for at, given in ((0, 1), (3569, 1), (3571, 2)):  # it lives 3600, and is renewed 30 before
        seconds[0] = at
        caller.call("POST", "/x", body=b"")
        assert guard.given == given


@pytest.mark.parametrize("chaos", [{"error_500": 1.0}, {"wrong_type": 1.0}, {"drop_after": 1.0}, {"down": True}])
def test_a_token_server_in_trouble_leaves_no_doubt(serve: Serve, chaos: dict[str, Any]) -> None:
    caller, guard = pair(serve, KINDS["oauth2"])
    serve.chaos = Chaos(**chaos)

    with pytest.raises(TryLater):
        caller.call("POST", "/x", body=b"")
    with pytest.raises(TryLater):
        caller.renew()
    assert guard.effects == 0


def test_a_check_asks_for_a_token_whatever_is_kept_and_where_there_is_none_says_so(serve: Serve) -> None:
    caller, guard = pair(serve, KINDS["oauth2"])
    caller.call("POST", "/x", body=b"")

    assert caller.renew()
    assert guard.given == 2
    assert not pair(serve, KINDS["bearer"])[0].renew()


def test_our_own_front_door_takes_a_signature_that_is_declared_so(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    with open_door(make_home(tmp_path), time) as door:
        with door.gateway.ledger.write() as connection:
            name, secret = add_key(connection, "portal", "hmac", None, time(), sign=door.gateway.sign)
        auth = Hmac.model_validate(
            {
                "kind": "hmac",
                "id": name,
                "key": secret,
                "signed": "{method}\n{target}\n{timestamp}\n{nonce}\n{sha256}",
                "headers": {"Authorization": "LT-HMAC key={id}, time={timestamp}, nonce={nonce}, sign={signature}"},
            }
        )
        target = "/api/v1/status-feed?limit=1"
        headers = sign(auth, "GET", f"http://localhost{target}", {}, b"", str(int(time().timestamp())), "n" * 20)

        assert door.client.get(target, headers=headers).status_code == 200
        assert door.client.get("/api/v1/status-feed?limit=2", headers=headers).status_code == 401


@pytest.mark.parametrize(
    ("auth", "place"),
    [
        ({"kind": "token"}, "kind"),
        ({"kind": "bearer"}, "token"),
        ({"kind": "bearer", "token": ""}, "token"),
        ({"kind": "api_key", "key": "k"}, "header"),
        ({"kind": "api_key", "key": "k", "header": "a", "query": "b"}, "header"),
        ({"kind": "oauth2", "token_url": "URL/t", "client_id": "c", "client_secret": "s", "user": "u"}, "password"),
        ({"kind": "login", "url": "URL/t", "token": "/t"}, "json"),
        ({"kind": "login", "url": "URL/t", "token": "t", "json": {}}, "token"),
        ({"kind": "hmac", "key": "k", "signed": "{bod}", "headers": {}}, "bod"),
        ({"kind": "hmac", "key": "k", "signed": "{body}", "headers": {"X": "{body}"}}, "body"),
    ],
)
def test_an_account_that_is_written_wrongly_is_refused_when_it_is_read(auth: dict[str, Any], place: str) -> None:
    with pytest.raises(ValidationError, match=place):
        read(auth)
