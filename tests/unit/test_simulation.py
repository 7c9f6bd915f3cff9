"""The twins' server: every kind of chaos once, and the control door."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from gateway.errors import AskFirst, Misconfigured, TryLater
from gateway.http import Http
from gateway.simulation import Chaos, Request, Response, Serve, Twin


class Counter(Twin):
    """A toy partner: counts what it was told, wants a session, and knows a repetition."""

    name = "counter"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []
        self.session = True

    def answer(self, request: Request) -> Response:
        if not self.session:
            return Response(401, {"error": "no session"})
        said = request.body.decode()
        again = said in self.seen
        self.seen.append(said)
        return Response(body={"again": again, "count": len(self.seen)})

    def act(self, order: Mapping[str, Any]) -> Any:
        if order == {"forget": True}:
            self.seen.clear()
            return "forgotten"
        return super().act(order)

    def book(self) -> dict[str, Any]:
        return {"seen": list(self.seen)}

    def expire(self) -> None:
        self.session = False


@pytest.fixture
def serve() -> Iterator[Serve]:
    serve = Serve(Counter())
    serve.start()
    yield serve
    serve.stop()


@pytest.fixture
def http(serve: Serve) -> Http:
    return Http(base_url=serve.url, total_timeout=5)


def book(serve: Serve) -> list[str]:
    seen: list[str] = serve.twin.book()["seen"]
    return seen


def test_without_chaos_it_answers_truly(serve: Serve, http: Http) -> None:
    assert http.call("POST", "/", body=b"mot").json() == {"again": False, "count": 1}
    assert http.call("POST", "/", body=b"mot").json() == {"again": True, "count": 2}


def test_slow_answers_late(serve: Serve, http: Http) -> None:
    serve.chaos = Chaos(slow=1, slow_seconds=0.2)
    started = time.monotonic()

    http.call("POST", "/", body=b"mot")

    assert time.monotonic() - started >= 0.2


def test_error_500_answers_a_page_and_does_nothing(serve: Serve, http: Http) -> None:
    serve.chaos = Chaos(error_500=1)

    assert http.call("POST", "/", body=b"mot").status == 500
    assert book(serve) == []


def test_drop_before_cuts_the_connection_and_does_nothing(serve: Serve, http: Http) -> None:
    serve.chaos = Chaos(drop_before=1)

    with pytest.raises(AskFirst):
        http.call("POST", "/", body=b"mot")
    assert book(serve) == []


def test_drop_after_does_it_once_and_cuts_the_connection(serve: Serve, http: Http) -> None:
    serve.chaos = Chaos(drop_after=1)

    with pytest.raises(AskFirst):
        http.call("POST", "/", body=b"mot")
    assert book(serve) == ["mot"]


def test_duplicate_answer_lets_the_request_arrive_twice(serve: Serve, http: Http) -> None:
    serve.chaos = Chaos(duplicate_answer=1)

    assert http.call("POST", "/", body=b"mot").json() == {"again": True, "count": 2}


def test_wrong_type_answers_a_page_with_200_and_does_nothing(serve: Serve, http: Http) -> None:
    serve.chaos = Chaos(wrong_type=1)

    reply = http.call("POST", "/", body=b"mot")

    assert (reply.status, reply.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert book(serve) == []


def test_expired_session_forgets_the_session_just_before(serve: Serve, http: Http) -> None:
    serve.chaos = Chaos(expired_session=1)

    assert http.call("POST", "/", body=b"mot").status == 401


def test_down_answers_503_and_the_control_door_stays_open(serve: Serve, http: Http) -> None:
    http.call("POST", "/_twin/chaos", json={"down": True})

    assert http.call("POST", "/", body=b"mot").status == 503
    assert http.call("GET", "/_twin/book").json() == {"seen": []}
    http.call("POST", "/_twin/chaos", json={})
    assert http.call("POST", "/", body=b"mot").status == 200


def test_a_stopped_server_refuses_and_a_started_one_has_the_same_address_and_book(serve: Serve, http: Http) -> None:
    url = serve.url
    http.call("POST", "/", body=b"mot")

    serve.stop()
    with pytest.raises(TryLater):
        http.call("POST", "/", body=b"hai")

    assert serve.start() == url
    http.call("POST", "/", body=b"hai")
    assert book(serve) == ["mot", "hai"]


def test_the_same_seed_gives_the_same_misfortunes(serve: Serve, http: Http) -> None:
    def statuses() -> list[int]:
        serve.chaos = Chaos(seed=7, error_500=0.5)
        return [http.call("POST", "/", body=b"x").status for _ in range(40)]

    first = statuses()
    assert statuses() == first
    assert set(first) == {200, 500}


def test_the_control_door_acts_and_says_what_it_cannot_do(serve: Serve, http: Http) -> None:
    http.call("POST", "/", body=b"mot")

    assert http.call("POST", "/_twin/act", json={"forget": True}).json() == {"done": "forgotten"}
    assert book(serve) == []
    refused = http.call("POST", "/_twin/act", json={"sing": True})
    assert (refused.status, refused.json()) == (400, {"error": "counter cannot do ['sing']"})
    assert http.call("POST", "/_twin/act", body=b"{").status == 400
    assert http.call("GET", "/_twin/nothing").status == 404
    assert http.call("POST", "/_twin/chaos", json={"slow": 0.25}).json()["slow"] == 0.25
    assert http.call("GET", "/_twin/chaos").json()["slow"] == 0.25


@pytest.mark.parametrize(
    "profile",
    [[], {"slow": 2}, {"slow": True}, {"slow": "1"}, {"down": 1}, {"seed": 1.5}, {"speed": 1}, {"slow_seconds": -1}],
)
def test_a_wrong_chaos_profile_is_refused(serve: Serve, http: Http, profile: Any) -> None:
    with pytest.raises(Misconfigured):
        Chaos.read(profile)
    assert http.call("POST", "/_twin/chaos", json=profile).status == 400
    assert serve.chaos == Chaos()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"HELLO\r\n\r\n", b"400"),
        (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"411"),
        (b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", b"413"),
        (b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", b"413"),
        (b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n", b"200"),
    ],
)
def test_odd_requests_get_a_plain_answer_and_the_connection_ends(serve: Serve, raw: bytes, status: bytes) -> None:
    host, port = serve.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as connection:
        connection.sendall(raw)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.split(b" ")[1] == status


def test_a_body_that_is_a_list_text_bytes_or_nothing_goes_out_as_such() -> None:
    class Many(Twin):
        bodies = ([1], "chữ", b"\x00", None)

        def answer(self, request: Request) -> Response:
            return Response(201, self.bodies[int(request.query["n"])], {"X-A": "b"})

    serve = Serve(Many())
    http = Http(base_url=serve.start())
    replies = [http.call("GET", "/", query={"n": str(n)}) for n in range(4)]
    serve.stop()

    assert [reply.body for reply in replies] == [json.dumps([1]).encode(), "chữ".encode(), b"\x00", b""]
    assert {(reply.status, reply.headers["x-a"]) for reply in replies} == {(201, "b")}
