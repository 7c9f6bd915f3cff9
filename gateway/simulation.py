"""What every partner's twin shares: a small HTTP server, a chaos profile, a control door for tests and demo.

A twin is strict and keeps a book of everything that was done to it, in order, so that loss, doubles and
disorder show.
"""

from __future__ import annotations

import json
import random
import socket
import socketserver
import struct
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

from gateway.errors import Misconfigured

_MOST_BODY_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class Request:
    """What came in. `path` is decoded and without the query; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body as JSON. Raises ValueError when it is none."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Response:
    """What goes out: a dict or list as JSON, bytes and str as they are, None as nothing."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


class Twin:
    """A partner's twin; each connector's `simulator.py` has one. `Serve` holds `lock` around each method."""

    name = "twin"

    def __init__(self) -> None:
        self.lock = threading.RLock()

    def answer(self, request: Request) -> Response:
        """What the partner would answer, refusals included."""
        raise NotImplementedError

    def book(self) -> dict[str, Any]:
        """Everything the twin holds, as JSON: what it has now, and every effect in the order it happened."""
        raise NotImplementedError

    def act(self, order: Mapping[str, Any]) -> Any:
        """Let the partner do something of its own. Raises ValueError for an order it does not know."""
        raise ValueError(f"{self.name} cannot do {sorted(order)}")

    def expire(self) -> None:
        """Forget every session or token given out. Nothing to do where there are none."""


@dataclass(frozen=True, slots=True)
class Chaos:
    """How the partner misbehaves. Shares are 0 to 1 of the requests; the same seed gives the same
    misfortunes.

    slow: answers after `slow_seconds`. error_500: an HTML error page, nothing done. drop_before: the
    connection is cut and nothing was done. drop_after: it is done, then the connection is cut.
    duplicate_answer: the request reaches the partner twice (a proxy repeats it) and the second answer comes
    back. wrong_type: HTTP 200 with an HTML page, nothing done. expired_session: all sessions are forgotten
    just before the request. down: 503 to everything, as the proxy before a dead system says; for a refused
    connection stop the server.
    """

    seed: int = 0
    slow: float = 0.0
    slow_seconds: float = 1.0
    error_500: float = 0.0
    drop_after: float = 0.0
    drop_before: float = 0.0
    duplicate_answer: float = 0.0
    wrong_type: float = 0.0
    expired_session: float = 0.0
    down: bool = False

    @classmethod
    def read(cls, profile: Any) -> Self:
        """A profile from JSON or TOML. Raises `Misconfigured` naming the wrong field."""
        if not isinstance(profile, dict):
            raise Misconfigured("chaos profile: must be a table of names and shares")
        known = {f.name for f in fields(cls)}
        for name, value in profile.items():
            if name not in known:
                raise Misconfigured(f"chaos profile: {name} is not known; known: {', '.join(sorted(known))}")
            if name == "down":
                right = isinstance(value, bool)
            elif name == "seed":
                right = isinstance(value, int) and not isinstance(value, bool)
            else:
                number = isinstance(value, int | float) and not isinstance(value, bool)
                right = number and 0 <= value <= (3600 if name == "slow_seconds" else 1)
            if not right:
                raise Misconfigured(f"chaos profile: {name} = {value!r} is out of range")
        return cls(**profile)


class Serve:
    """Serves a twin over HTTP/1.1 with kept-alive connections, a thread for each; quiet.

    `start` gives the address; after `stop` a new `start` uses the same port again. `chaos` may be changed at
    any time (by assignment, or by POST /_twin/chaos). The control door ``/_twin/`` answers to loopback only
    and knows no chaos: GET book, GET or POST chaos, POST act.
    """

    def __init__(self, twin: Twin, host: str = "127.0.0.1", port: int = 0, chaos: Chaos | None = None) -> None:
        self.twin = twin
        self._host = host
        self._port = port
        self._server: _Server | None = None
        self.chaos = chaos or Chaos()

    @property
    def chaos(self) -> Chaos:
        return self._chaos

    @chaos.setter
    def chaos(self, chaos: Chaos) -> None:
        self._chaos = chaos
        self._dice = random.Random(chaos.seed)  # noqa: S311 - misfortune must be repeatable

    @property
    def url(self) -> str:
        return f"http://{self._host}:{self._port}"

    def start(self) -> str:
        """Listen, and answer in threads of its own. Returns the address."""
        self._server = _Server((self._host, self._port), self)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name=self.twin.name).start()
        return self.url

    def stop(self) -> None:
        """Close the port and every connection: from here on, connecting is refused."""
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server.cut_all()
            self._server = None

    def respond(self, request: Request) -> Response | None:
        """The twin's answer through the chaos profile; None: cut the connection without an answer."""
        chaos, chance = self._chaos, self._dice.random
        if chaos.down:
            return Response(503, "")
        if chaos.slow and chance() < chaos.slow:
            time.sleep(chaos.slow_seconds)
        if chaos.drop_before and chance() < chaos.drop_before:
            return None
        if chaos.error_500 and chance() < chaos.error_500:
            return Response(500, "<html><h1>500 Internal Server Error</h1></html>", {"Content-Type": "text/html"})
        if chaos.wrong_type and chance() < chaos.wrong_type:
            return Response(
                200,
                "<html><h1>Hệ thống đang bảo trì</h1></html>",
                {"Content-Type": "text/html; charset=utf-8"},
            )
        with self.twin.lock:
            if chaos.expired_session and chance() < chaos.expired_session:
                self.twin.expire()
            response = self.twin.answer(request)
            if chaos.duplicate_answer and chance() < chaos.duplicate_answer:
                response = self.twin.answer(request)
        if chaos.drop_after and chance() < chaos.drop_after:
            return None
        return response

    def control(self, request: Request) -> Response:
        """The control door."""
        place = (request.method, request.path.removeprefix("/_twin/"))
        try:
            if place == ("GET", "book"):
                with self.twin.lock:
                    return Response(body=self.twin.book())
            if place == ("POST", "chaos"):
                self.chaos = Chaos.read(request.json())
            if place[1] == "chaos":
                return Response(body=asdict(self.chaos))
            if place == ("POST", "act"):
                with self.twin.lock:
                    return Response(body={"done": self.twin.act(request.json())})
        except (ValueError, Misconfigured) as fault:
            return Response(400, {"error": str(fault)})
        return Response(404, {"error": "GET book, GET chaos, POST chaos, POST act"})


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False
    request_queue_size = 256

    def __init__(self, place: tuple[str, int], serve: Serve) -> None:
        self.serve = serve
        self._open: set[socket.socket] = set()
        super().__init__(place, _Connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._open.discard(request)
        super().shutdown_request(request)

    def cut_all(self) -> None:
        for connection in list(self._open):
            with suppress(OSError):  # it was closing by itself
                connection.shutdown(socket.SHUT_RDWR)


class _Connection(socketserver.StreamRequestHandler):
    """One connection, many requests. Our own reader: the one in http.server costs more than a twin's work."""

    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        with suppress(ConnectionError):  # the client went away: nothing to answer any more
            while self._one():
                pass

    def _one(self) -> bool:
        """Answer one request; False when the connection is over."""
        line = self.rfile.readline(65537).split()
        if not line:
            return False
        if len(line) != 3 or not line[2].startswith(b"HTTP/1."):
            return self._send(Response(400, "not HTTP/1.1"), close=True)
        headers: dict[str, str] = {}
        while (row := self.rfile.readline(65537)) not in (b"\r\n", b"\n", b""):
            name, _, value = row.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
        if "transfer-encoding" in headers:
            return self._send(Response(411, "send Content-Length"), close=True)
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > _MOST_BODY_BYTES:
            return self._send(Response(413, "the body is too large"), close=True)
        body = self.rfile.read(int(length))
        if len(body) != int(length):
            return False
        parts = urlsplit(line[1].decode("latin-1"))
        query = dict(parse_qsl(parts.query, keep_blank_values=True))
        request = Request(line[0].decode("latin-1"), unquote(parts.path), query, headers, body)
        return self._answer(request, close=headers.get("connection", "").lower() == "close")

    def _answer(self, request: Request, *, close: bool) -> bool:
        if request.path.startswith("/_twin/"):
            if not str(self.client_address[0]).startswith("127."):
                return self._send(Response(403, "loopback only"), close=True)
            return self._send(self.server.serve.control(request), close=close)
        response = self.server.serve.respond(request)
        if response is None:
            # A reset rather than a polite close: what a crashed partner leaves behind.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        return self._send(response, close=close, head_only=request.method == "HEAD")

    def _send(self, response: Response, *, close: bool, head_only: bool = False) -> bool:
        body, content_type = response.body, "text/plain; charset=utf-8"
        if isinstance(body, dict | list):
            body, content_type = (
                json.dumps(body, ensure_ascii=False, separators=(",", ":")),
                "application/json",
            )
        raw = b"" if body is None else body if isinstance(body, bytes) else str(body).encode()
        headers = {"Content-Type": content_type, **response.headers, "Content-Length": str(len(raw))}
        if close:
            headers["Connection"] = "close"
        head = [f"HTTP/1.1 {response.status} {HTTPStatus(response.status).phrase}"]
        head += [f"{name}: {value}" for name, value in headers.items()]
        self.wfile.write("\r\n".join([*head, "", ""]).encode("latin-1") + (b"" if head_only else raw))
        return not close
