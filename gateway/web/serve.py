"""granian serves the app. What was measured of it, and what follows from that (granian 2.8, WSGI, HTTP/1.1):

* A request is handed to a thread when its *headers* are in; the body is then read in that thread, and there is no time limit on it. So
  there are `PATIENCE` threads more than the work needs, one caller may hold at most `PATIENCE`, only known callers' bodies are read, and
  `gateway.web.bodies` looks at the clock between small pieces. Threads are made when needed and end after half a minute without work.
* Slow headers, silent connections and idle kept-alive ones cost no thread; `header_read_timeout` ends them.
* A body that ends early looks like one that ended: the length is checked in `gateway.web.bodies`.
* A connection whose peer is gone without a word (half-open) would hold its thread for ever: TCP keep-alive ends it. A *known* caller that
  stays connected and says nothing in the middle of a body keeps its place until it hangs up; towards the internet, put a buffering
  proxy in front.
* On SIGTERM requests under way are answered, new connections are refused, then the process ends; `drain_seconds` bounds that.

granian's usual arrangement, a parent and a worker, costs a second interpreter. Here the worker runs as a thread of this very process
(the arrangement granian uses without an interpreter lock), which measured the same speed and is one process less.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import structlog

from gateway.web.bodies import PATIENCE

log = structlog.get_logger("web")

BACKLOG = 1024
CONNECTIONS = 1024  # open at a time; what waits in front of a thread costs a few KiB
HEADER_SECONDS = 15
IDLE_THREAD_SECONDS = 30

Ready = Callable[[str], None]


def run(
    home: Path,
    host: str,
    port: int,
    threads: int,
    workers: int = 1,
    *,
    ready: Ready | None = None,
    drain_seconds: float = 45,
) -> None:
    """Serve until SIGTERM or SIGINT. `port` 0 takes a free one; `ready` is told the address, ``http://host:port``, once it is open.

    With more than one of `workers` each is a process of its own on the same port, and this process only waits for them.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    _notice_dead_peers(listening)
    address = address_of(listening)
    if workers > 1:
        _run_many(home, listening, threads, workers, lambda: ready(address) if ready else None, drain_seconds)
        return
    _serve(home, listening, threads, lambda: ready(address) if ready else None, drain_seconds)


def address_of(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _notice_dead_peers(listening: socket.socket) -> None:
    """Accepted connections inherit this: a peer that vanished is noticed within about a minute and a half."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 15), ("TCP_KEEPCNT", 4), ("TCP_USER_TIMEOUT", 90_000)):
        if hasattr(socket, name):  # not every system has them all
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)


def _serve(
    home: Path, listening: socket.socket, threads: int, opened: Callable[[], None], drain_seconds: float
) -> None:
    from gateway.flow.gateway import Gateway
    from gateway.signals import set_up_logging
    from gateway.web.app import create_app

    set_up_logging()
    gateway = Gateway(home)
    app = create_app(gateway)
    server = _server(app, listening, threads, drain_seconds)
    server.on_startup(opened)
    log.info("serving", address=address_of(listening), threads=threads, pid=os.getpid())
    server.serve(target_loader=lambda *_: app, wrap_loader=False)
    gateway.close()
    log.info("served", pid=os.getpid())


def _server(app: Any, listening: socket.socket, threads: int, drain_seconds: float) -> Any:
    from granian._granian import SocketHolder
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.server.mt import MTServer

    class Server(MTServer):
        """granian's threaded server, with an interpreter lock and a socket that is already open."""

        def _check_gil(self) -> None:
            """WSGI needs no free-threaded interpreter: its threads take turns here as in any other process."""

        def _init_shared_socket(self) -> None:
            made: Any = SocketHolder  # its stub knows no arguments
            self._ssp: Any = None
            self._shd: Any = made(listening.fileno(), False, BACKLOG)

        def signal_handler_interrupt(self, *_args: Any, **_kwargs: Any) -> None:
            leave = threading.Timer(drain_seconds, os._exit, [0])
            leave.daemon = True
            leave.start()
            super().signal_handler_interrupt()  # type: ignore[no-untyped-call]

    listening.setblocking(False)
    host, port = listening.getsockname()[:2]
    return Server(
        "gateway.web",
        address=host,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        websockets=False,
        runtime_threads=1,
        blocking_threads=threads + PATIENCE,
        blocking_threads_idle_timeout=IDLE_THREAD_SECONDS,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        log_enabled=False,
        log_access=False,
    )


def _run_many(
    home: Path, listening: socket.socket, threads: int, workers: int, opened: Callable[[], None], drain_seconds: float
) -> None:
    """Fork with the code loaded and nothing opened. When one ends by itself all end, and whoever started us starts us again."""
    import gateway.web.app  # noqa: F401 - its pages are then shared

    children = {_fork(home, listening, threads, drain_seconds) for _ in range(workers)}

    def tell(*_: Any) -> None:
        for child in children:
            os.kill(child, signal.SIGTERM)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    opened()
    worst = 0
    while children:
        child, status = os.wait()
        children.discard(child)
        worst = max(worst, os.waitstatus_to_exitcode(status) & 0xFF)
        tell()
    if worst:
        sys.exit(worst)


def _fork(home: Path, listening: socket.socket, threads: int, drain_seconds: float) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            _serve(home, listening, threads, lambda: None, drain_seconds)
            code = 0
        finally:
            os._exit(code)
    return child
