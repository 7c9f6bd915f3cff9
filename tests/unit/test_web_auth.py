"""Who calls: bearer keys, signed requests, and that nothing is open by oversight."""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from werkzeug.test import TestResponse

from gateway.ledger.keys import add_key, disable_key, rotate_key
from gateway.web import auth
from gateway.web.app import OPEN
from gateway.web.signon import BLUEPRINTS
from tests.conftest import Time
from tests.door import Door, faults, fresh_ledger, make_home, open_door
from tests.house import dossier

DOSSIER = "/api/v1/dossiers"
FEED = "/api/v1/status-feed"


@pytest.fixture
def door(tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    with open_door(make_home(tmp_path), time) as opened:
        yield opened


@pytest.fixture
def forgetful(monkeypatch: pytest.MonkeyPatch) -> None:
    """The keyring remembers nothing, so that a change of a key shows at once."""
    monkeypatch.setattr(auth, "REMEMBER_SECONDS", 0.0)


class Signer:
    """A caller with a signing key. Each call has a nonce of its own unless one is given."""

    def __init__(self, door: Door, partner: str = "one-stop") -> None:
        gateway = door.gateway
        with gateway.ledger.write() as connection:
            self.id, self.secret = add_key(connection, partner, "hmac", None, gateway.now(), sign=gateway.sign)
        self.door = door

    def headers(self, method: str, target: str, body: bytes, **changes: Any) -> dict[str, str]:
        sent_at = str(int(self.door.gateway.now().timestamp()) + changes.get("late", 0))
        nonce = changes.get("nonce") or secrets.token_urlsafe(16)
        lines = [method, target, sent_at, nonce, hashlib.sha256(body).hexdigest()]
        sign = hmac.new(self.secret.encode(), "\n".join(lines).encode(), hashlib.sha256).hexdigest()
        return {
            "Authorization": f"LT-HMAC key={self.id}, time={sent_at}, nonce={nonce}, sign={sign}",
            "Content-Type": "application/json",
        }

    def post(self, body: bytes, **changes: Any) -> TestResponse:
        headers = self.headers("POST", DOSSIER, body, **changes)
        return self.door.client.post(DOSSIER, data=changes.get("sends", body), headers=headers)


def body_of(number: int = 1) -> bytes:
    return json.dumps(dossier(number)).encode()


def test_every_route_that_is_not_on_the_open_list_asks_for_a_key(door: Door) -> None:
    rules = [rule for rule in door.app.url_map.iter_rules() if rule.endpoint.split(".")[0] not in BLUEPRINTS]
    closed = [rule for rule in rules if rule.endpoint not in OPEN]
    assert len(closed) >= 10
    for rule in closed:
        path = rule.rule.replace("<path:path>", "x").replace("<", "").replace(">", "")
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            answer = door.client.open(path, method=method)
            assert (answer.status_code, rule.rule) == (401, rule.rule)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_the_open_list_names_only_routes_that_exist(door: Door) -> None:
    assert {rule.endpoint for rule in door.app.url_map.iter_rules()} >= OPEN


def test_a_good_key_opens_the_door_and_says_who_is_there(door: Door) -> None:
    answer = door.post(DOSSIER, dossier(1))
    assert (answer.status_code, answer.json["source"]) == (202, "one-stop")  # type: ignore[index]


def test_unknown_wrong_disabled_and_expired_keys_get_one_and_the_same_answer(
    door: Door, time: Time, forgetful: None
) -> None:
    gateway = door.gateway
    with gateway.ledger.write() as connection:
        expired = add_key(connection, "one-stop", "bearer", None, time(), time() + timedelta(hours=1))
        disabled = add_key(connection, "one-stop", "bearer", None, time())
        disable_key(connection, disabled[0], time())
        stranger = add_key(connection, "no-such-partner", "bearer", None, time())
    time.move(hours=2)
    good = door.keys["one-stop"]
    wrong_end = "x" if good[-1] != "x" else "y"
    tried = [
        {},
        {"Authorization": "Bearer"},
        {"Authorization": "Basic dXNlcjpwYXNz"},
        {"Authorization": "Bearer lt_000000000000_" + "x" * 43},
        {"Authorization": f"Bearer {good[:-1]}{wrong_end}"},
        {"Authorization": f"Bearer {expired[1]}"},
        {"Authorization": f"Bearer {disabled[1]}"},
        {"Authorization": f"Bearer {stranger[1]}"},
        {"Authorization": "LT-HMAC key=zz"},
    ]
    answers = [door.client.get(FEED, headers=headers) for headers in tried]
    assert {(a.status_code, a.data) for a in answers} == {(401, answers[0].data)}
    assert faults(answers[0]) == {"": "unauthenticated"}


def test_a_disabled_key_is_remembered_for_some_seconds_at_most(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "REMEMBER_SECONDS", 0.2)
    assert door.get(FEED).status_code == 200
    key_id = door.keys["one-stop"].split("_")[1]
    with door.gateway.ledger.write() as connection:
        disable_key(connection, key_id, door.gateway.now())
    sleep(0.25)
    assert door.get(FEED).status_code == 401


def test_a_rotated_key_works_beside_the_new_one_until_its_day(door: Door, time: Time, forgetful: None) -> None:
    old = door.keys["one-stop"]
    with door.gateway.ledger.write() as connection:
        _, new = rotate_key(connection, old.split("_")[1], time(), time() + timedelta(days=1))
    for days, works in ((0, True), (2, False)):
        time.move(days=days)
        assert (door.get(FEED).status_code == 200) is works
        assert door.client.get(FEED, headers={"Authorization": f"Bearer {new}"}).status_code == 200


def test_a_signed_request_is_taken_once_and_its_replay_refused(door: Door) -> None:
    signer = Signer(door)
    first = signer.post(body_of(), nonce="a-nonce-of-its-own")
    again = signer.post(body_of(), nonce="a-nonce-of-its-own")
    assert first.status_code == 202
    assert (again.status_code, faults(again)) == (401, {"": "replayed"})
    assert signer.post(body_of()).status_code == 200, "a new nonce, the same message: the first receipt"


def test_a_replay_is_refused_after_a_restart_too(door: Door, tmp_path: Path, time: Time) -> None:
    signer = Signer(door)
    assert signer.post(body_of(), nonce="spent-before-restart").status_code == 202
    with open_door(door.gateway.config.home, time) as second:
        signer.door = second
        assert faults(signer.post(body_of(), nonce="spent-before-restart")) == {"": "replayed"}


@pytest.mark.parametrize("late", [-301, 301])
def test_a_request_signed_outside_the_window_is_refused_and_told_why(door: Door, late: int) -> None:
    answer = Signer(door).post(body_of(), late=late)
    assert (answer.status_code, faults(answer)) == (401, {"": "time-window"})


@pytest.mark.parametrize("late", [-299, 299])
def test_a_clock_a_little_off_is_forgiven(door: Door, late: int) -> None:
    assert Signer(door).post(body_of(), late=late).status_code == 202


def test_whoever_changes_a_signed_request_is_refused_and_nothing_is_stored(door: Door) -> None:
    signer = Signer(door)
    changed = signer.post(body_of(1), sends=body_of(2))
    assert (changed.status_code, faults(changed)) == (401, {"": "unauthenticated"})
    headers = signer.headers("GET", f"{FEED}?limit=1", b"")
    assert door.client.get(f"{FEED}?limit=2", headers=headers).status_code == 401
    assert door.client.get(f"{FEED}?limit=1", headers=headers).status_code == 200, "a forgery spends no nonce"
    assert door.client.post(f"{FEED}?limit=1", headers=signer.headers("GET", f"{FEED}?limit=1", b"")).status_code == 405


def test_a_digest_header_is_signed_in_place_of_the_body_and_the_body_held_against_it(door: Door) -> None:
    signer, content = Signer(door), b"%PDF-1.7 bytes"
    digest = {"X-Content-SHA256": hashlib.sha256(content).hexdigest(), "Content-Type": "application/pdf"}

    def upload(sends: bytes) -> TestResponse:
        headers = signer.headers("POST", "/api/v1/files", content) | digest
        return door.client.post("/api/v1/files", data=sends, headers=headers)

    assert upload(content).status_code == 201
    tampered = upload(b"%PDF-1.7 other")
    assert (tampered.status_code, faults(tampered)) == (422, {"": "digest-differs"})


def test_a_bearer_secret_signs_nothing_and_a_signing_key_is_no_bearer(door: Door) -> None:
    signer = Signer(door)
    assert door.client.get(FEED, headers={"Authorization": f"Bearer lt_{signer.id}_{signer.secret}"}).status_code == 401
    signer.id, signer.secret = door.keys["one-stop"].split("_")[1], door.keys["one-stop"].split("_", 2)[2]
    assert signer.post(body_of()).status_code == 401


def test_the_ledger_alone_does_not_hold_what_a_key_is_worth(door: Door) -> None:
    signer = Signer(door)
    with door.gateway.ledger.read() as connection:
        rows = connection.exec_driver_sql("SELECT * FROM keys").all()
    stored = repr(rows)
    assert signer.secret not in stored
    assert all(key.split("_", 2)[2] not in stored for key in door.keys.values())


def test_without_a_key_no_body_is_read(door: Door) -> None:
    class Untouched:
        def read(self, size: int) -> bytes:
            raise AssertionError("the body was read")

    status: list[str] = []
    environ = {
        "REQUEST_METHOD": "POST", "PATH_INFO": DOSSIER, "SERVER_NAME": "x", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
        "SERVER_PROTOCOL": "HTTP/1.1", "CONTENT_TYPE": "application/json", "CONTENT_LENGTH": "10", "wsgi.input": Untouched(),
    }  # fmt: skip
    start: Callable[..., Any] = lambda line, headers, error=None: status.append(line)  # noqa: E731
    b"".join(door.app(environ, start))
    unknown_key = "LT-HMAC key=000000000000, time={}, nonce=aaaaaaaaaaaaaaaaaaaa, sign=" + "0" * 64
    environ["HTTP_AUTHORIZATION"] = unknown_key.format(int(door.gateway.now().timestamp()))
    b"".join(door.app(environ, start))
    assert [line[:3] for line in status] == ["401", "401"]
