"""The supervisor: starts its children, starts a dead one again, ends them all. It imports next to nothing, so that it stays small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from gateway.cli.lifeline import LIFELINE, READY

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a dead child is started again; doubling
LONG_LIFE = 60.0  # a child that lived this long died of something new: its pauses begin anew
EARLY_TRIES = 3  # a child that was never ready is given up after so many tries
DRAIN_SECONDS = 60.0  # then a child that does not end is killed; what it had under way is asked about at the next start

Say = Callable[[str], None]
Event = tuple[str, "Child | None", int | str]


@dataclass
class Child:
    """One process: `arguments` of the `lienthong` command. `address` is what it said when it became ready."""

    name: str
    arguments: Sequence[str]
    process: subprocess.Popen[bytes] | None = None
    address: str | None = None
    started: float = 0.0
    deaths: int = 0
    start_at: float | None = field(default=0.0)


class Supervisor:
    """Runs the children until it is told to stop. `run` gives the exit code: 0 after a wanted end, 1 when a child cannot start."""

    def __init__(self, children: Sequence[Child], say: Say, announce: Callable[[Sequence[Child]], None]) -> None:
        self.children = children
        self._say = say
        self._announce = announce
        self._announced = False
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._lifeline: tuple[int, int] = (-1, -1)
        self._failed = False

    def run(self) -> int:
        self._lifeline = os.pipe()  # we never write: that its writing end is open says that we live
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda n, _: self._events.put(("signal", None, n)))
        while self._step():
            pass
        return self._end()

    def _step(self) -> bool:
        """Start what is due, then wait for what happens next. False when it is time to end."""
        for child in self.children:
            if child.start_at is not None and child.start_at <= time.monotonic():
                self._start(child)
        due = [child.start_at for child in self.children if child.start_at is not None]
        try:
            kind, child_, what = self._events.get(timeout=max(0.0, min(due) - time.monotonic()) if due else None)
        except Empty:
            return True
        if kind == "signal" or child_ is None:
            return False
        if kind == "ready":
            return self._note_ready(child_, str(what))
        return self._note_end(child_, int(what))

    def _start(self, child: Child) -> None:
        reading, writing = os.pipe()
        environment = {**os.environ, LIFELINE: str(self._lifeline[0]), READY: str(writing)}
        child.start_at, child.started, child.address = None, time.monotonic(), None
        # A group of its own: Ctrl-C reaches us alone, and we tell the children.
        child.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "gateway.cli.main", *child.arguments],
            env=environment, pass_fds=(self._lifeline[0], writing), process_group=0,
        )  # fmt: skip
        os.close(writing)
        threading.Thread(target=self._follow, args=(child, child.process, reading), daemon=True).start()

    def _follow(self, child: Child, process: subprocess.Popen[bytes], reading: int) -> None:
        with os.fdopen(reading, encoding="utf-8") as pipe:
            address = pipe.readline().strip()
        if address:
            self._events.put(("ready", child, address))
        self._events.put(("ended", child, process.wait()))

    def _note_ready(self, child: Child, address: str) -> bool:
        child.address = address
        if not self._announced and all(c.address for c in self.children):
            self._announced = True
            self._announce(self.children)
        elif self._announced:
            self._say(f"{child.name}: đã chạy lại · runs again")
        return True

    def _note_end(self, child: Child, code: int) -> bool:
        words = f"{child.name}: đã dừng ({_cause(code)}) · ended"
        child.deaths = 1 if time.monotonic() - child.started > LONG_LIFE else child.deaths + 1
        if child.address is None and not self._announced and (code in (1, 2) or child.deaths >= EARLY_TRIES):
            # It has said why itself; trying again would only say it again.
            self._say(f"{words}; không khởi động được, dừng tất cả · cannot start, ending all")
            self._failed = True
            return False
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (child.deaths - 1))
        self._say(f"{words}; chạy lại sau {pause:g} giây · starting again in {pause:g} s")
        child.start_at = time.monotonic() + pause
        return True

    def _end(self) -> int:
        """SIGTERM to all, and wait until they have drained. A second signal, or too long a wait, kills them."""
        alive = [c.process for c in self.children if c.process is not None and c.process.poll() is None]
        for process in alive:
            process.terminate()
        until = time.monotonic() + DRAIN_SECONDS
        while any(process.poll() is None for process in alive):
            try:
                kind = self._events.get(timeout=max(0.0, min(0.5, until - time.monotonic())))[0]
            except Empty:
                kind = ""
            if kind == "signal" or time.monotonic() >= until:
                self._say("dừng ngay · ending at once")
                for process in alive:
                    process.kill()
                until = float("inf")
        return int(self._failed or any(process.returncode for process in alive))


def _cause(code: int) -> str:
    if code < 0:
        return f"tín hiệu · signal {signal.Signals(-code).name}"
    return f"mã · code {code}"
