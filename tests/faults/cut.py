"""A network that fails on demand: a TCP proxy between the gateway and whatever it calls.

`through`: as if it were not there. `cut`: every connection is reset, new ones at once. `silent`: nothing arrives, nothing is refused; what was sent
arrives when the silence ends, as TCP would have it. `half`: requests arrive, answers do not. `drip`: a few bytes at a time.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from contextlib import suppress
from typing import Literal

Mode = Literal["through", "cut", "silent", "half", "drip"]

DRIP_BYTES, DRIP_SECONDS = 16, 0.05
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close with a reset


class Cut:
    """Listens on a free loopback port and passes on to `target`. `mode` may be changed at any time and holds for every connection."""

    def __init__(self, target: tuple[str, int]) -> None:
        self.target = target
        self.mode: Mode = "through"
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._closed = False
        self._spawn(self._accept)

    def set(self, mode: Mode) -> None:
        with self._lock:
            self.mode = mode
            doomed = list(self._open) if mode == "cut" else []
            self._changed.notify_all()
        for connection in doomed:
            self._reset(connection)

    def close(self) -> None:
        self._closed = True
        with suppress(OSError):  # wakes `accept`; it may have ended by itself
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.set("cut")

    def _spawn(self, run: object, *arguments: object) -> None:
        threading.Thread(target=run, args=arguments, daemon=True, name="cut").start()  # type: ignore[arg-type]

    def _accept(self) -> None:
        while not self._closed:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            if self.mode == "cut":
                self._reset(near)
            else:
                self._spawn(self._join, near)

    def _join(self, near: socket.socket) -> None:
        """Connect to the target once the silence is over, then pump both ways."""
        with self._changed:
            self._changed.wait_for(lambda: self.mode != "silent" or self._closed)
        try:
            far = socket.create_connection(self.target, 5)
        except OSError:
            self._reset(near)  # nobody listens there: the caller sees a refusal
            return
        for end in (near, far):
            end.settimeout(None)
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._open |= {near, far}
            late = self.mode == "cut"
        if late:
            self._reset(near)
            self._reset(far)
            return
        self._spawn(self._pump, near, far, "there")
        self._spawn(self._pump, far, near, "back")

    def _pump(self, source: socket.socket, sink: socket.socket, way: str) -> None:
        try:
            while data := source.recv(65536):
                self._wait_open(way)
                self._pass(data, sink)
            self._wait_open(way)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            self._reset(source)
            self._reset(sink)

    def _wait_open(self, way: str) -> None:
        def passes() -> bool:
            return not (self.mode == "silent" or (self.mode == "half" and way == "back"))

        with self._changed:
            self._changed.wait_for(lambda: passes() or self._closed)

    def _pass(self, data: bytes, sink: socket.socket) -> None:
        while data:
            if self.mode != "drip":
                sink.sendall(data)
                return
            sink.sendall(data[:DRIP_BYTES])
            data = data[DRIP_BYTES:]
            time.sleep(DRIP_SECONDS)

    def _reset(self, connection: socket.socket) -> None:
        with self._lock:
            self._open.discard(connection)
        with suppress(OSError):  # it was gone already
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        with suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
