"""Calls out: limits that hold, and errors that say truly whether something was sent."""

from __future__ import annotations

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import AskFirst, Misconfigured, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.simulation import Chaos, Request, Response, Serve, Twin


class Mirror(Twin):
    """Answers with what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[Request] = []

    def answer(self, request: Request) -> Response:
        self.seen.append(request)
        return Response(body={"method": request.method, "query": dict(request.query), "body": request.body.decode()})


@pytest.fixture
def mirror() -> Iterator[Serve]:
    serve = Serve(Mirror())
    serve.start()
    yield serve
    serve.stop()


@contextmanager
def raw_server(speak: Callable[[socket.socket], None]) -> Iterator[tuple[str, list[int]]]:
    """A server that does with each connection what it is told; yields its address and the count of connections."""
    listening = socket.create_server(("127.0.0.1", 0))
    connections: list[int] = []

    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            speak(connection)

    def accept() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                connections.append(1)
                threading.Thread(target=one, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    yield f"http://127.0.0.1:{listening.getsockname()[1]}", connections
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()


def seen(serve: Serve) -> list[Request]:
    assert isinstance(serve.twin, Mirror)
    return serve.twin.seen


def test_json_forms_queries_and_headers_arrive_as_they_were_given(mirror: Serve) -> None:
    http = Http(base_url=mirror.url + "/goc/", headers={"X-Don-Vi": "H99"})

    assert http.call("POST", "/a", json={"tên": "Nguyễn Văn Mẫu"}).json()["body"] == '{"tên":"Nguyễn Văn Mẫu"}'
    assert http.call("POST", "b", form={"grant_type": "x y"}).json()["body"] == "grant_type=x+y"
    assert http.call("GET", "c", query={"q": "ă&b"}, headers={"X-Mot": "1"}).json()["query"] == {"q": "ă&b"}
    assert http.call("PUT", "d", body=b"tho").json()["body"] == "tho"

    one, two, three, four = seen(mirror)
    assert (one.path, one.headers["content-type"]) == ("/goc/a", "application/json; charset=utf-8")
    assert (two.path, two.headers["content-type"]) == ("/goc/b", "application/x-www-form-urlencoded")
    assert (three.method, three.headers["x-mot"], three.headers["x-don-vi"]) == ("GET", "1", "H99")
    assert (four.method, "expect" in four.headers) == ("PUT", False)


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
def test_every_method_works_without_a_body_and_leaves_nothing_behind_for_the_next_call(
    mirror: Serve, method: str
) -> None:
    http = Http(base_url=mirror.url)

    assert http.call(method, "/").status == 200
    assert http.call("GET", "/").json()["method"] == "GET"

    assert [request.method for request in seen(mirror)] == [method, "GET"]


def test_a_server_that_drips_does_not_outlast_the_total_limit() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            connection.sendall(b".")
            time.sleep(0.02)

    with raw_server(drip) as (url, _):
        started = time.monotonic()
        with pytest.raises(AskFirst) as caught:
            Http(base_url=url, total_timeout=0.5).call("GET", "/")

    assert caught.value.code == "timeout"
    assert caught.value.answer.startswith("...")
    assert time.monotonic() - started < 3


def test_a_server_that_drips_its_headers_does_not_outlast_it_either() -> None:
    def drip(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(b"X-A: b\r\n")
            time.sleep(0.02)

    with raw_server(drip) as (url, _), pytest.raises(AskFirst) as caught:
        Http(base_url=url).call("GET", "/", total_timeout=0.4)
    assert caught.value.code == "timeout"


@pytest.mark.parametrize("head", [b"Content-Length: 5000000\r\n\r\n", b"\r\n"])
def test_an_answer_larger_than_allowed_is_cut_off_and_leaves_doubt(head: bytes) -> None:
    def pour(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n" + head)
        for _ in range(50):
            connection.sendall(b"x" * 100_000)

    with raw_server(pour) as (url, _), pytest.raises(AskFirst) as caught:
        Http(base_url=url, max_bytes=1 << 20).call("GET", "/")
    assert caught.value.code == "too-large"


@pytest.mark.parametrize("line", [b"X-A: b\r\n", b"X-A: " + b"b" * 1000 + b"\r\n"])
def test_headers_without_end_are_cut_off_too(line: bytes) -> None:
    def pour(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        while True:
            connection.sendall(line * 100)

    started = time.monotonic()
    with raw_server(pour) as (url, _), pytest.raises(AskFirst) as caught:
        Http(base_url=url).call("GET", "/")
    assert caught.value.code == "no-answer"
    assert time.monotonic() - started < 5


def test_a_refused_connection_is_tried_twice_and_then_later() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]

    with pytest.raises(TryLater) as caught:
        Http(base_url=f"http://127.0.0.1:{port}").call("POST", "/", json={})
    assert caught.value.code == "connect"


def test_a_name_that_does_not_resolve_is_tried_later() -> None:
    with pytest.raises(TryLater) as caught:
        Http(base_url="http://khong-co.invalid", connect_timeout=2).call("GET", "/")
    assert caught.value.code == "connect"


def test_a_connection_that_never_completes_is_tried_later_within_the_total_limit() -> None:
    listening = socket.create_server(("127.0.0.1", 0), backlog=0)
    waiting = []
    for _ in range(4):  # fill the queue of connections that nobody accepts
        one = socket.socket()
        one.setblocking(False)
        one.connect_ex(listening.getsockname())
        waiting.append(one)
    started = time.monotonic()

    with pytest.raises(TryLater) as caught:
        Http(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", connect_timeout=0.2).call("GET", "/")

    assert caught.value.code == "connect"
    assert time.monotonic() - started < 3
    for one in [*waiting, listening]:
        one.close()


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("calls_before", [0, 1])
def test_a_connection_cut_after_the_work_leaves_doubt_and_the_work_is_never_done_twice(
    mirror: Serve, method: str, calls_before: int
) -> None:
    # libcurl by itself sends again when a kept connection dies before the answer, a POST too
    http = Http(base_url=mirror.url)
    for _ in range(calls_before):
        http.call("GET", "/")
    mirror.chaos = Chaos(drop_after=1)

    with pytest.raises(AskFirst) as caught:
        http.call(method, "/", json={} if method == "POST" else None)

    assert caught.value.code == "no-answer"
    assert len(seen(mirror)) == calls_before + 1


def test_a_kept_connection_that_the_server_closed_meanwhile_is_no_doubt() -> None:
    served = []

    def one_request(connection: socket.socket) -> None:
        connection.recv(65536)
        served.append(1)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        time.sleep(0.05)

    with raw_server(one_request) as (url, connections):
        http = Http(base_url=url)
        for _ in range(3):
            assert http.call("POST", "/", json={}).body == b"ok"
            time.sleep(0.15)
    assert (len(served), len(connections)) == (3, 3)


def test_after_the_server_went_away_a_call_is_certainly_not_done(mirror: Serve) -> None:
    http = Http(base_url=mirror.url)
    http.call("GET", "/")
    mirror.stop()

    with pytest.raises(TryLater):
        http.call("POST", "/", json={})

    mirror.start()
    assert http.call("POST", "/", json={}).status == 200


def test_one_thread_keeps_one_connection_and_many_threads_do_not_disturb_one_another() -> None:
    def serve(connection: socket.socket) -> None:
        while request := connection.recv(65536):
            path = request.split(b" ")[1]
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    wrong: list[str] = []

    def calls(http: Http, name: str) -> None:
        for number in range(50):
            if http.call("GET", f"/{name}/{number}").body != f"/{name}/{number}".encode():
                wrong.append(f"{name}/{number}")

    with raw_server(serve) as (url, connections):
        http = Http(base_url=url)
        threads = [threading.Thread(target=calls, args=(http, f"t{n}")) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert len(connections) == 8


def test_a_redirect_is_an_answer_and_is_not_followed(mirror: Serve) -> None:
    def redirect(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(f"HTTP/1.1 302 Found\r\nLocation: {mirror.url}/\r\nContent-Length: 0\r\n\r\n".encode())

    with raw_server(redirect) as (url, _):
        reply = Http(base_url=url).call("GET", "/")

    assert (reply.status, reply.headers["location"]) == (302, f"{mirror.url}/")
    assert seen(mirror) == []


@pytest.mark.parametrize(
    "address",
    [
        "http://nơi-khác.example/",
        "http://other.example/",
        "http://127.0.0.1:1/",
        "https://127.0.0.1/",
        "ftp://127.0.0.1/",
        "file:///etc/hostname",
        "http://127.0.0.1@other.example/",
        "http://127.0.0.1:99999/",
        "http:///nowhere",
        "/a b",
        "/a\\b",
        "/a\r\nX-B: c",
    ],
)
def test_an_address_that_was_not_allowed_is_never_called(mirror: Serve, address: str) -> None:
    with pytest.raises(Misconfigured):
        Http(base_url=mirror.url).call("GET", address)
    assert seen(mirror) == []


def test_a_further_host_may_be_called_when_it_is_named(mirror: Serve) -> None:
    place = mirror.url.removeprefix("http://")

    assert Http(base_url="http://127.0.0.1:1", hosts=[place]).call("GET", mirror.url).status == 200
    with pytest.raises(Misconfigured):  # a name without a port means the usual ports
        Http(base_url="http://127.0.0.1:1", hosts=["127.0.0.1"]).call("GET", mirror.url)


@pytest.mark.parametrize("address", ["ftp://x.example", "//x.example", "http://", "http://a@x.example", "x.example"])
def test_a_base_address_that_is_not_plain_http_is_refused_at_once(address: str) -> None:
    with pytest.raises(Misconfigured):
        Http(base_url=address)


def test_a_proxy_in_the_environment_is_ignored(mirror: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "")

    assert Http(base_url=mirror.url).call("GET", "/").status == 200


def test_a_header_with_a_line_break_is_not_sent(mirror: Serve) -> None:
    with pytest.raises(ValueError, match="line break"):
        Http(base_url=mirror.url).call("GET", "/", headers={"X-A": "b\r\nX-C: d"})
    assert seen(mirror) == []


def test_a_certificate_nobody_vouches_for_is_not_spoken_to(tmp_path: Path) -> None:
    certificate, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    names = ["-addext", "subjectAltName=IP:127.0.0.1"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    requests = []

    def speak(connection: socket.socket) -> None:
        with tls.wrap_socket(connection, server_side=True) as safe:
            requests.append(safe.recv(65536))
            safe.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    with raw_server(speak) as (url, _):
        address = url.replace("http:", "https:")
        with pytest.raises(TryLater) as caught:
            Http(base_url=address).call("GET", "/")
        assert caught.value.code == "connect"
        assert not any(requests)
        assert Http(base_url=address, ca_file=str(certificate)).call("GET", "/").body == b"ok"


def test_headers_are_in_lower_case_and_those_sent_twice_are_joined() -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 100 Continue\r\nX-Early: 1\r\n\r\n")
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX-A: 1\r\nx-a:  2\r\n\r\n")

    with raw_server(speak) as (url, _):
        reply = Http(base_url=url).call("GET", "/")
    assert reply.headers == {"content-length": "0", "x-a": "1, 2"}


def test_an_answer_that_is_not_json_is_unclassified_and_an_excerpt_is_kept() -> None:
    reply = Reply(200, {}, "<h1>Bảo trì</h1>".encode())

    with pytest.raises(Unclassified) as caught:
        reply.json()

    assert (caught.value.code, caught.value.answer) == ("not-json", "<h1>Bảo trì</h1>")
    assert reply.excerpt(4) == "<h1>"
    assert Reply(200, {}, b"\xff\xfe").excerpt() == "\ufffd\ufffd"


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("Mon, 05 Jan 2026 08:00:30 GMT", 30.0),
        ("Mon, 05 Jan 2026 07:00:00 GMT", 0.0),
        ("soon", None),
        ("-5", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    now = datetime(2026, 1, 5, 8, 0, 0, tzinfo=UTC)

    assert Reply(503, {"retry-after": value}, b"").retry_after(now) == seconds
    assert Reply(503, {}, b"").retry_after(now) is None
