"""The real server: slow clients, large bodies, draining. Each test starts its own process on a free port."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time as real_time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from gateway.ledger import open_ledger
from gateway.ledger.keys import add_key
from gateway.message import utc_now
from tests.door import make_home
from tests.house import ADDRESSES, dossier

pytestmark = pytest.mark.slow

PROGRAM = """
import sys
from pathlib import Path
from gateway.web.serve import run
run(Path(sys.argv[1]), "127.0.0.1", 0, 4, int(sys.argv[2]), ready=lambda address: print(address, flush=True), drain_seconds=5)
"""


@dataclass
class Server:
    process: subprocess.Popen[str]
    port: int
    key: str
    home: Path

    def head(self, method: str, path: str, length: int, **headers: str) -> bytes:
        lines = [
            f"{method} {path} HTTP/1.1",
            "Host: x",
            f"Authorization: Bearer {self.key}",
            f"Content-Length: {length}",
        ]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
        with self.connect() as connection:
            connection.sendall(self.head(method, path, len(body), Connection="close", **headers) + body)
            return read_answer(connection)

    def post(self, number: int) -> tuple[int, bytes]:
        return self.ask(
            "POST", "/api/v1/dossiers", json.dumps(dossier(number)).encode(), Content_Type="application/json"
        )


def read_answer(connection: socket.socket) -> tuple[int, bytes]:
    """Status and whole answer, as far as the server lets it be read."""
    found = b""
    try:
        while chunk := connection.recv(65536):
            found += chunk
    except (ConnectionResetError, TimeoutError):
        pass  # the server may close in the face of a client that still sends
    return int(found.split(b" ", 2)[1]) if found else 0, found


@pytest.fixture
def start(tmp_path: Path, sqlite_url: str) -> Iterator[object]:
    home = make_home(tmp_path)
    file = home / "config" / "gateway.toml"
    text = file.read_text(encoding="utf-8").replace("read_seconds = 30", "read_seconds = 2")
    file.write_text(text, encoding="utf-8")
    ledger = open_ledger(sqlite_url)
    with ledger.write() as connection:
        _, key = add_key(connection, "one-stop", "bearer", None, utc_now())
    ledger.close()
    running: list[Server] = []

    def run(workers: int = 1) -> Server:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(home), str(workers)],
            env={**os.environ, **ADDRESSES, "LIENTHONG_LEDGER": sqlite_url},
            stdout=subprocess.PIPE,
            stderr=(tmp_path / "log").open("a"),
            text=True,
        )
        assert process.stdout
        address = process.stdout.readline().strip()
        assert address, (tmp_path / "log").read_text(encoding="utf-8")
        server = Server(process, int(address.rpartition(":")[2]), key, home)
        running.append(server)
        wait_until(lambda: server.ask("GET", "/readyz")[0] == 200)
        return server

    yield run
    for server in running:
        server.process.kill()
        server.process.wait()


def wait_until(holds: object, seconds: float = 15) -> None:
    end = real_time.monotonic() + seconds
    while True:
        try:
            if holds():  # type: ignore[operator]
                return
        except OSError:
            if real_time.monotonic() > end:
                raise
        assert real_time.monotonic() < end, "it did not come about"
        real_time.sleep(0.05)


@pytest.fixture
def server(start: object) -> Server:
    return start()  # type: ignore[operator, no-any-return]


def test_twenty_dripping_clients_keep_nobody_waiting_and_are_sent_away(server: Server) -> None:
    body = json.dumps(dossier(1)).encode()
    slow = [server.connect() for _ in range(20)]
    for connection in slow:
        connection.sendall(server.head("POST", "/api/v1/dossiers", len(body), Content_Type="application/json"))
    stop = threading.Event()

    def drip() -> None:
        place = 0
        while not stop.wait(0.2) and place < len(body):
            for connection in slow:
                try:
                    connection.sendall(body[place : place + 1])
                except OSError:
                    continue  # it was sent away: that is what is hoped for
            place += 1

    dripping = threading.Thread(target=drip)
    dripping.start()
    real_time.sleep(1)
    for number in range(2, 7):
        began = real_time.monotonic()
        assert server.post(number)[0] == 202
        assert real_time.monotonic() - began < 2
    answers = {}
    for connection in slow:
        connection.settimeout(20)
        answers[connection] = int(connection.recv(64).split(b" ")[1])
    stop.set()
    dripping.join()
    assert set(answers.values()) == {408}


def test_silent_connections_and_slow_headers_take_no_thread(server: Server) -> None:
    silent = [server.connect() for _ in range(200)]
    for connection in silent[:100]:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHos")
    began = real_time.monotonic()
    assert server.post(1)[0] == 202
    assert real_time.monotonic() - began < 2
    for connection in silent:
        connection.close()


def test_one_caller_gets_only_so_many_places_and_the_rest_429(server: Server) -> None:
    stuck = [server.connect() for _ in range(26)]
    for connection in stuck:
        connection.sendall(server.head("POST", "/api/v1/dossiers", 100, Content_Type="application/json"))
    wait_until(lambda: server.post(1)[0] == 429)
    assert server.ask("GET", "/readyz")[0] == 200
    for connection in stuck:
        connection.close()
    wait_until(lambda: server.post(2)[0] == 202)


def test_a_ten_megabyte_body_is_refused_without_being_read(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(server.head("POST", "/api/v1/dossiers", 10 << 20, Content_Type="application/json"))
        status, answer = read_answer(connection)  # not a byte of the body was sent
    assert status == 413
    assert b"application/problem+json" in answer


def test_a_body_in_chunks_is_taken_when_small_and_refused_when_large(server: Server) -> None:
    body = json.dumps(dossier(1)).encode()
    for content, expected in ((body, 202), (b"x" * (2 << 20), 413)):
        head = server.head("POST", "/api/v1/dossiers", 0, Content_Type="application/json", Transfer_Encoding="chunked")
        head = head.replace(b"Content-Length: 0\r\n", b"").replace(b"Host: x\r\n", b"Host: x\r\nConnection: close\r\n")
        with server.connect() as connection:
            try:
                connection.sendall(head + b"%x\r\n" % len(content) + content + b"\r\n0\r\n\r\n")
            except OSError:
                assert expected == 413
            status, _ = read_answer(connection)
        assert status == expected


def test_a_large_upload_is_kept_whole_with_little_memory_and_a_cut_off_one_leaves_nothing(server: Server) -> None:
    content = os.urandom(1 << 20) * 48
    before = memory(server)
    status, answer = server.ask("POST", "/api/v1/files", content, Content_Type="application/zip")
    assert status == 201
    assert hashlib.sha256(content).hexdigest().encode() in answer
    assert memory(server) - before < 24 << 10, "KiB"
    files = server.home / "data" / "files"
    with server.connect() as connection:
        connection.sendall(server.head("POST", "/api/v1/files", len(content)) + content[: 1 << 20])
        wait_until(lambda: bool(list((files / "incoming").iterdir())))
    wait_until(lambda: not list((files / "incoming").iterdir()))
    assert sum(1 for path in files.rglob("*") if path.is_file()) == 1


def memory(server: Server) -> int:
    """Resident KiB."""
    status = Path(f"/proc/{server.process.pid}/status").read_text(encoding="ascii")
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


def test_on_sigterm_what_is_under_way_is_answered_and_then_the_process_ends(server: Server) -> None:
    body = json.dumps(dossier(1)).encode()
    with server.connect() as connection:
        connection.sendall(
            server.head("POST", "/api/v1/dossiers", len(body), Content_Type="application/json") + body[:100]
        )
        real_time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        real_time.sleep(0.3)
        connection.sendall(body[100:])
        assert connection.recv(64).startswith(b"HTTP/1.1 202")
    assert server.process.wait(10) == 0
    with pytest.raises(OSError, match="refused"):
        server.connect()


def test_a_client_that_never_finishes_does_not_hold_up_the_end(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(server.head("POST", "/api/v1/dossiers", 100, Content_Type="application/json"))
        real_time.sleep(0.3)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(10) == 0


def test_several_workers_share_the_port_and_end_together(start: object) -> None:
    server: Server = start(2)  # type: ignore[operator]
    assert [server.post(n)[0] for n in range(1, 9)] == [202] * 8
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(15) == 0
