"""granian serves the app. What was measured of it, and what follows from that (granian 2.8, WSGI, HTTP/1.1):

* A request is handed to a thread when its *headers* are in; the body is then read in that thread, and there is no time limit on it. So
  there are `PATIENCE` threads more than the work needs, one caller may hold at most `PATIENCE`, only known callers' bodies are read, and
  `gateway.web.bodies` looks at the clock between small pieces. Threads are made when needed and end after half a minute without work.
* Slow headers, silent connections and idle kept-alive ones cost no thread; `header_read_timeout` ends them.
* A body that ends early looks like one that ended: the length is checked in `gateway.web.bodies`.
* A connection whose peer is gone without a word (half-open) would hold its thread for ever: TCP keep-alive ends it. A *known* caller that
  stays connected and says nothing in the middle of a body keeps its place until it hangs up; towards the internet, put a buffering
  proxy in front.
* On SIGTERM it would close kept-alive connections in their callers' faces. So we drain first: accept no more, ask every caller for a new
  connection (`Connection: close`), wait until the connections are gone or have been idle for `LINGER_SECONDS`, and only then let granian
  end: it answers what is under way. `drain_seconds` bounds all of it.

granian's usual arrangement, a parent and a worker, costs a second interpreter. Here the worker runs as a thread of this very process
(the arrangement granian uses without an interpreter lock), which measured the same speed and is one process less.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from gateway.config import Config
from gateway.web.bodies import PATIENCE
from gateway.web.listening import BACKLOG, address_of, inherited, inode_of, listen, open_connections, stop_accepting

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway
    from gateway.flow.renewal import Renewal
    from gateway.flow.waiting import Starting
    from gateway.web.front import Front

log = structlog.get_logger("web")

CONNECTIONS = 1024  # open at a time; what waits in front of a thread costs a few KiB
HEADER_SECONDS = 15
IDLE_THREAD_SECONDS = 30
LINGER_SECONDS = 2.0

Say = Callable[[str], None]


def run(
    home: Path,
    host: str,
    port: int,
    threads: int,
    workers: int = 1,
    *,
    ready: Say | None = None,
    say: Say = log.info,
    drain_seconds: float = 45,
) -> None:
    """Serve until SIGTERM or SIGINT, on the socket we were given or else at `host` and `port` (0 takes a free one).

    `ready` is told the address, ``http://host:port``, once the gateway is ready; until then `say` is told what is waited for. Raises
    `OSError` when the port is taken, and `Misconfigured`. With more than one of `workers` each is a process of its own on the same socket,
    and this process only waits for them.
    """
    config = Config(home)
    given = inherited()
    listening = given or listen(host, port)
    address = address_of(listening)

    def opened() -> None:
        if ready is not None:
            ready(address)

    serving = Serving(config, listening, given is not None, threads, drain_seconds, say)
    if workers > 1:
        _run_many(serving, workers, opened)
    else:
        serving.run(opened)


class Serving:
    """One serving process. `shared`: whoever gave us the socket holds it open, and others may be serving at it."""

    def __init__(
        self, config: Config, listening: socket.socket, shared: bool, threads: int, drain_seconds: float, say: Say
    ) -> None:
        self.listening = listening
        self.threads = threads
        self.drain_seconds = drain_seconds
        self._config = config
        self._shared = shared
        self._say = say
        self._stop = threading.Event()
        self._gateway: Gateway | None = None
        self._renewal: Renewal | None = None
        self._fault: Exception | None = None

    def run(self, opened: Callable[[], None]) -> None:
        """`opened` is called when the gateway is ready. Raises `Misconfigured`."""
        from gateway.flow.waiting import Starting
        from gateway.signals import set_up_logging
        from gateway.web.front import Front

        set_up_logging()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._stop.set())
        for number in (signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, lambda *_: self.ask_renewal())
        front, starting = Front(), Starting(self._config, self._say, self._stop)
        self._open(front, starting.once(self._make))
        if starting.lack is not None and starting.lack.state == "behind" and self._shared:
            self._open(
                front, starting.patiently(self._make)
            )  # the version before may be serving at this socket, and well
        if not self._stop.is_set():
            self._serve(front, starting, opened)
        if self._renewal is not None:
            self._renewal.end()
        if self._gateway is not None:
            self._gateway.close()
        if self._fault is not None:
            raise self._fault
        log.info("served", pid=os.getpid())

    def _make(self, gateway: Gateway) -> Any:
        from gateway.web.app import create_app

        app = create_app(gateway)
        self._gateway = gateway
        return app

    def _open(self, front: Front, app: Any) -> None:
        """The gateway's own app from now on, and an app by changed files when there are some: a request is answered by one of them alone."""
        from gateway.flow.presence import Presence
        from gateway.flow.renewal import Renewal
        from gateway.web.app import create_app

        front.app = app
        if app is None or self._gateway is None:
            return

        def take(gateway: Gateway) -> None:
            front.app = create_app(gateway)

        self._renewal = Renewal(self._gateway, take, Presence(self._gateway.config.data, "web"))
        self._renewal.start()

    def ask_renewal(self) -> None:
        """Read the operator's files again; one that is still waiting for its ledger goes by those it was started with."""
        if self._renewal is not None:
            self._renewal.ask()

    def _serve(self, front: Front, starting: Starting, opened: Callable[[], None]) -> None:
        server = _server(front, self)
        if front.app is not None:
            server.on_startup(opened)
        else:
            front.lack = starting.lack
            late = threading.Thread(target=self._open_late, args=(front, starting, opened), name="starting")
            server.on_startup(late.start)
        server.on_startup(self._end_if_told)
        log.info("serving", address=address_of(self.listening), threads=self.threads, pid=os.getpid())
        server.serve(target_loader=lambda *_: front, wrap_loader=False)
        self._stop.set()

    def _open_late(self, front: Front, starting: Starting, opened: Callable[[], None]) -> None:
        try:
            self._open(front, starting.patiently(self._make))
        except Exception as error:  # noqa: BLE001 - raised again by `run`, in the main thread
            self._fault = error
            os.kill(os.getpid(), signal.SIGTERM)
            return
        if front.app is not None:
            opened()

    def _end_if_told(self) -> None:
        if self._stop.is_set():  # before granian had its own hand on the signal
            os.kill(os.getpid(), signal.SIGTERM)


def _server(front: Front, serving: Serving) -> Any:
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

        def signal_handler_reload(self, *args: Any, **kwargs: Any) -> None:
            if sys.stderr.isatty():  # the terminal it was started at has closed
                self.signal_handler_interrupt(*args, **kwargs)
            else:
                serving.ask_renewal()

        def signal_handler_interrupt(self, *_args: Any, **_kwargs: Any) -> None:
            if front.leaving:
                return
            front.leaving = True
            leave = threading.Timer(serving.drain_seconds, os._exit, [0])
            leave.daemon = True
            leave.start()
            threading.Thread(target=self._drain, name="drain", daemon=True).start()

        def _drain(self) -> None:
            stop_accepting(inode_of(listening))
            until = time.monotonic() + LINGER_SECONDS
            while time.monotonic() < until and open_connections(port):
                time.sleep(0.05)
            super().signal_handler_interrupt()  # type: ignore[no-untyped-call]

    listening = serving.listening
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
        blocking_threads=serving.threads + PATIENCE,
        blocking_threads_idle_timeout=IDLE_THREAD_SECONDS,
        backlog=BACKLOG,
        backpressure=CONNECTIONS,
        http1_settings=HTTP1Settings(header_read_timeout=HEADER_SECONDS * 1000),
        log_enabled=False,
        log_access=False,
    )


def _run_many(serving: Serving, workers: int, opened: Callable[[], None]) -> None:
    """Fork with the code loaded and nothing opened. When one ends by itself all end, and whoever started us starts us again."""
    import gateway.web.app  # noqa: F401 - its pages are then shared

    lifeline, told = (
        os.pipe(),
        os.pipe(),
    )  # down: that we live, as long as it is open; up: a byte from each that is ready
    children = {_fork(serving, lifeline, told[1]) for _ in range(workers)}
    os.close(told[1])

    def tell(number: int = signal.SIGTERM, *_: Any) -> None:
        for child in children:
            os.kill(child, signal.SIGUSR1 if number in (signal.SIGHUP, signal.SIGUSR1) else signal.SIGTERM)

    def count() -> None:
        ready = 0
        while ready < workers and (more := len(os.read(told[0], workers))):
            ready += more
        if ready == workers:
            opened()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, tell)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, tell)
    serving.listening.close()
    threading.Thread(target=count, daemon=True).start()
    worst = 0
    while children:
        child, status = os.wait()
        children.discard(child)
        worst = max(worst, os.waitstatus_to_exitcode(status) & 0xFF)
        tell()
    if worst:
        sys.exit(worst)


def _fork(serving: Serving, lifeline: tuple[int, int], told: int) -> int:
    child = os.fork()
    if child == 0:
        code = 1
        try:
            os.close(lifeline[1])
            threading.Thread(target=_end_with_parent, args=(lifeline[0],), name="lifeline", daemon=True).start()
            serving.run(lambda: _tell_parent(told))
            code = 0
        finally:
            os._exit(code)
    return child


def _tell_parent(told: int) -> None:
    os.write(told, b".")
    os.close(told)


def _end_with_parent(lifeline: int) -> None:
    os.read(lifeline, 1)  # nobody writes: it returns when the parent is gone, however it went
    os.kill(os.getpid(), signal.SIGTERM)
