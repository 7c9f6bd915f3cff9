"""The gateway's processes as an operator starts them, each with its log, and callers who ask them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse  # noqa: TID251 - gateway.http would hide a connection that was closed on us
from pathlib import Path
from typing import Any

from tests.house import ADDRESSES, dossier

PROGRAM = [sys.executable, "-m", "gateway.cli.main"]
# As systemd starts a service with a socket: descriptor 3, and the process's own number.
ACTIVATED = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ |= {"LISTEN_PID": str(os.getpid()), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "web"}
os.execv(sys.executable, [sys.executable, "-m", "gateway.cli.main", *sys.argv[2:]])
"""


class Command:
    """A running `lienthong …`. `given`: a listening socket, handed over as systemd does."""

    def __init__(
        self,
        folder: Path,
        environment: Mapping[str, str],
        *arguments: str,
        given: socket.socket | None = None,
    ) -> None:
        number = len(list(folder.glob("*.log")))
        self.log = folder / f"{number:02d}-{arguments[0]}.log"
        program, descriptors = [*PROGRAM, *arguments], []
        if given is not None:
            program = [sys.executable, "-c", ACTIVATED, str(given.fileno()), *arguments]
            descriptors = [given.fileno()]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(
                program, env={**os.environ, **ADDRESSES, **environment}, stdout=out, stderr=out, pass_fds=descriptors
            )

    def said(self) -> str:
        return self.log.read_text(encoding="utf-8")

    def wait_for(self, words: str, seconds: float = 30) -> str:
        until(
            lambda: words in self.said() or self.process.poll() is not None,
            seconds,
            lambda: f"never said {words!r}: {self.said()}",
        )
        assert words in self.said(), self.said()
        return self.said()

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def end(self) -> None:
        """However it stands."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()


@contextmanager
def running(*commands: Command) -> Iterator[None]:
    try:
        yield
    finally:
        for command in commands:
            command.end()


def until(
    holds: Callable[[], object], seconds: float = 30, words: Callable[[], str] = lambda: "it did not come about"
) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, words()
        time.sleep(0.05)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


class Caller:
    """A partner's program. With `keep` it keeps its connection as any client library does: until the server says that it ends."""

    def __init__(self, port: int, key: str = "", keep: bool = False) -> None:
        self.port, self.key, self.keep = port, key, keep
        self._connection: HTTPConnection | None = None

    def ask(self, method: str, path: str, body: Any = None) -> tuple[int, dict[str, str], Any]:
        """Status, headers (names in lower case), the JSON that came. Raises `OSError` or `HTTPException` for a request that got no answer."""
        connection = self._connection or HTTPConnection("127.0.0.1", self.port, timeout=30)
        self._connection = None
        headers = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        if body is not None:
            headers["Content-Type"] = "application/json"
        if not self.keep:
            headers["Connection"] = "close"
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        answer: HTTPResponse = connection.getresponse()
        text = answer.read()
        if self.keep and not answer.will_close:
            self._connection = connection
        else:
            connection.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, json.loads(text or b"null")

    def send(self, number: int) -> int:
        return self.ask("POST", "/api/v1/dossiers", dossier(number))[0]

    def status(self, path: str) -> int:
        """0: nobody answers."""
        try:
            return self.ask("GET", path)[0]
        except OSError:
            return 0
