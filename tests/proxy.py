"""A wire that can be cut: a TCP port that leads to a server, refuses, ends its connections, or goes silent while it keeps them."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from pathlib import Path


class Proxy:
    """Leads from a port of 127.0.0.1 to a server's socket file (or another address). Shut when made: `open` it."""

    def __init__(self, target: Path | tuple[str, int]) -> None:
        self._target = target
        self._through = threading.Event()  # bytes pass
        self._through.set()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._listening: socket.socket | None = None
        with socket.create_server(("127.0.0.1", 0)) as taken:
            self.port: int = taken.getsockname()[1]

    def open(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self._accept, args=(self._listening,), daemon=True).start()

    def shut(self) -> None:
        """New connections are refused, those there are end."""
        if self._listening is not None:
            self._listening.shutdown(socket.SHUT_RDWR)
            self._listening.close()
            self._listening = None
        with self._lock:
            for one in self._sockets:
                with suppress(OSError):  # its other end was quicker
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._sockets.clear()

    def hush(self) -> None:
        """Connections stay and are accepted, and not a byte passes: neither end learns of it."""
        self._through.clear()

    def speak(self) -> None:
        self._through.set()

    def _accept(self, listening: socket.socket) -> None:
        while True:
            try:
                near, _ = listening.accept()
            except OSError:  # it was shut
                return
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _join(self, near: socket.socket) -> None:
        try:
            far = self._reach()
        except OSError:  # nobody there: the caller sees a connection that ends
            near.close()
            return
        with self._lock:
            self._sockets |= {near, far}
        for a, b in ((near, far), (far, near)):
            threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _reach(self) -> socket.socket:
        if isinstance(self._target, tuple):
            return socket.create_connection(self._target)
        far = socket.socket(socket.AF_UNIX)
        far.connect(str(self._target))
        return far

    def _carry(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):  # one end was killed, or the proxy was shut
            while chunk := source.recv(65536):
                self._through.wait()
                sink.sendall(chunk)
        for one in (source, sink):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
