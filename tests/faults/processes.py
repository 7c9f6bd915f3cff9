"""The gateway's processes as the faults run them: started as systemd starts them, killed, told to end."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from gateway.cli.lifeline import LIFELINE, READY
from tests.commands import ACTIVATED
from tests.e2e.town import PROGRAM

START_SECONDS = 90.0  # a busy machine starts an interpreter slowly
DRAIN_SECONDS = 60.0


def make_pipe() -> tuple[int, int]:
    """Both ends numbered above those that a socket handed over takes."""
    ends = os.pipe()
    reading, writing = (fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return reading, writing


class Process:
    """One process of the gateway, a real interpreter with connections of its own."""

    def __init__(
        self,
        name: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        log: Path,
        given: socket.socket | None = None,
    ) -> None:
        """`given`: a listening socket, handed over as systemd does."""
        self.name, self.arguments, self.environment, self.log, self.given = name, arguments, environment, log, given
        self.kind = name.rstrip("0123456789")
        self._process: subprocess.Popen[bytes] | None = None
        self._ready = -1

    def twin(self) -> Process:
        """Another like it, not yet started."""
        return Process(self.name, self.arguments, self.environment, self.log, self.given)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, lifeline: int, more: Mapping[str, str] = {}) -> None:
        self._hang_up()
        reading, writing = make_pipe()
        program, descriptors = [*PROGRAM, *self.arguments], [lifeline, writing]
        if self.given is not None:
            program = [sys.executable, "-c", ACTIVATED, str(self.given.fileno()), *self.arguments]
            descriptors.append(self.given.fileno())
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                program,
                env={
                    **self.environment,
                    **more,
                    LIFELINE: str(lifeline),
                    READY: str(writing),
                    "PYTHONFAULTHANDLER": "1",
                },
                pass_fds=descriptors,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        os.close(writing)
        self._ready = reading

    def wait_ready(self, seconds: float = START_SECONDS) -> None:
        """Until it says that it works. One that does not is aborted, so that its log tells where it stood."""
        came, _, _ = select.select([self._ready], [], [], seconds)
        said = os.read(self._ready, 4096) if came else b""
        self._hang_up()
        if said:
            return
        assert self._process is not None
        if not came:
            self._process.send_signal(signal.SIGABRT)
        told = "ended at once" if came else f"was not ready within {seconds:.0f} s"
        code = self._process.wait(20)
        raise AssertionError(f"{self.name} {told} ({code}):\n{self.log.read_text(errors='replace')[-6000:]}")

    def _hang_up(self) -> None:
        if self._ready >= 0:
            os.close(self._ready)
            self._ready = -1

    def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(20)

    def end(self) -> int:
        """SIGTERM, and wait until it has drained. The exit code."""
        assert self._process is not None
        self._process.terminate()
        return self._process.wait(DRAIN_SECONDS)

    def send(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)
