"""The supervisor: starts its children, starts a dead one again, replaces them, ends them all. It imports next to nothing: it stays small."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from gateway.cli.lifeline import LIFELINE, READY

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0  # seconds before a dead child is started again; doubling
LONG_LIFE = 60.0  # a child that lived this long died of something new: its pauses begin anew
EARLY_TRIES = 3  # a child that was never ready is given up after so many tries
READY_SECONDS = 60.0  # a successor that is not ready by then is none
DRAIN_SECONDS = 60.0  # then a child that does not end is killed; what it had under way is asked about at the next start

Process = subprocess.Popen[bytes]
Say = Callable[[str], None]
Event = tuple[str, "Child | None", "Process | None", int | str]


@dataclass
class Child:
    """One process: `arguments` of the `lienthong` command. `address` is what it said when it became ready.

    `sockets` are given to it: environment variable → descriptor. `once`: it does one thing and ends. While it is being replaced there
    is a `successor` that is not ready yet, and then the one that is `leaving`; `until` is the time by which they must be done.
    """

    name: str
    arguments: Sequence[str]
    sockets: Mapping[str, int] = field(default_factory=dict)
    once: bool = False
    process: Process | None = None
    address: str | None = None
    started: float = 0.0
    deaths: int = 0
    start_at: float | None = field(default=0.0)
    successor: Process | None = None
    leaving: Process | None = None
    until: float | None = None


class Supervisor:
    """Runs the children until it is told to stop. `run` gives the exit code: 0 after a wanted end, 1 when a child cannot start.

    SIGHUP replaces the children, one after the other. A terminal that closes sends it too: started at one, it ends them as it always did.
    """

    def __init__(self, children: Sequence[Child], say: Say, announce: Callable[[Sequence[Child]], None]) -> None:
        self.children = children
        self._say = say
        self._announce = announce
        self._announced = False
        self._events: SimpleQueue[Event] = SimpleQueue()
        self._lifeline: tuple[int, int] = (-1, -1)
        self._failed = False
        self._at_terminal = sys.stderr.isatty()  # asked now: a terminal that has closed says no
        self._turn: list[Child] = []  # those still to be replaced; the first one is at it

    def run(self) -> int:
        self._lifeline = os.pipe()  # we never write: that its writing end is open says that we live
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda n, _: self._events.put(("signal", None, None, n)))
        while self._step():
            pass
        return self._end()

    def _step(self) -> bool:
        """Start what is due, then wait for what happens next. False when it is time to end."""
        now = time.monotonic()
        for child in self.children:
            if child.start_at is not None and child.start_at <= now:
                self._start(child)
            if child.until is not None and child.until <= now:
                self._give_up(child)
        due = [at for child in self.children for at in (child.start_at, child.until) if at is not None]
        try:
            kind, of, process, what = self._events.get(timeout=max(0.0, min(due) - time.monotonic()) if due else None)
        except Empty:
            return True
        if of is None or process is None:
            return self._note_signal(int(what))
        if kind == "ready":
            return self._note_ready(of, process, str(what))
        return self._note_end(of, process, int(what))

    # ── starting ────────────────────────────────────────────────────────────────────────────────────────────────────

    def _start(self, child: Child) -> None:
        child.start_at, child.started, child.address = None, time.monotonic(), None
        child.process = self._spawn(child)

    def _spawn(self, child: Child) -> Process:
        reading, writing = os.pipe()
        given = {name: str(descriptor) for name, descriptor in child.sockets.items()}
        # A group of its own: Ctrl-C reaches us alone, and we tell the children.
        process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, "-m", "gateway.cli.main", *child.arguments],
            env={**os.environ, **given, LIFELINE: str(self._lifeline[0]), READY: str(writing)},
            pass_fds=(self._lifeline[0], writing, *child.sockets.values()), process_group=0,
        )  # fmt: skip
        os.close(writing)
        threading.Thread(target=self._follow, args=(child, process, reading), daemon=True).start()
        return process

    def _follow(self, child: Child, process: Process, reading: int) -> None:
        with os.fdopen(reading, encoding="utf-8") as pipe:
            address = pipe.readline().strip()
        if address:
            self._events.put(("ready", child, process, address))
        self._events.put(("ended", child, process, process.wait()))

    def _note_ready(self, child: Child, process: Process, address: str) -> bool:
        child.address = address
        if process is child.successor:
            self._change_over(child)
        elif not self._announced and all(c.address for c in self.children if not c.once):
            self._announced = True
            self._announce(self.children)
        elif self._announced:
            self._say(f"{child.name}: đã chạy lại · runs again")
        return True

    def _note_end(self, child: Child, process: Process, code: int) -> bool:
        if process is child.leaving:
            child.leaving = child.until = None
            self._replace_next()
        elif process is child.successor:
            child.successor = child.until = None
            self._note_failed_successor(child, code)
        elif child.once and child in self._turn:
            self._turn = [] if code else self._turn[1:]  # it has said why itself
            self._replace_next()
        elif child.once and code == 0:
            child.process = None
        elif process is child.process:
            return self._note_death(child, code)
        return True

    def _note_death(self, child: Child, code: int) -> bool:
        words = f"{child.name}: đã dừng ({_cause(code)}) · ended"
        child.deaths = 1 if time.monotonic() - child.started > LONG_LIFE else child.deaths + 1
        if child.address is None and not self._announced and (code in (1, 2) or child.deaths >= EARLY_TRIES):
            # It has said why itself; trying again would only say it again.
            self._say(f"{words}; không khởi động được, dừng tất cả · cannot start, ending all")
            self._failed = True
            return False
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (child.deaths - 1))
        self._say(f"{words}; chạy lại sau {pause:g} giây · starting again in {pause:g} s")
        child.process, child.start_at = None, time.monotonic() + pause
        return True

    # ── replacing ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _note_signal(self, number: int) -> bool:
        if number != signal.SIGHUP or self._at_terminal:
            return False
        if self._turn:
            self._say("đang thay các tiến trình rồi · they are being replaced already")
        else:
            self._turn = [child for child in self.children if child.process is not None or child.once]
            self._replace_next()
        return True

    def _replace_next(self) -> None:
        """The new one first: the old one goes on until the new one is ready."""
        self._turn = [child for child in self._turn if child.once or child.process is not None]
        if not self._turn:
            return
        child = self._turn[0]
        if child.once:
            self._start(child)
        else:
            child.successor = self._spawn(child)
            child.until = time.monotonic() + READY_SECONDS

    def _change_over(self, child: Child) -> None:
        old, child.process, child.successor = child.process, child.successor, None
        child.started, child.deaths, child.start_at, child.until = time.monotonic(), 0, None, None
        self._say(f"{child.name}: đã thay · replaced")
        self._turn = [other for other in self._turn if other is not child]
        if old is None:  # it died meanwhile
            self._replace_next()
        else:
            child.leaving, child.until = old, time.monotonic() + DRAIN_SECONDS
            old.terminate()

    def _note_failed_successor(self, child: Child, code: int) -> None:
        self._say(
            f"{child.name}: bản mới không chạy được ({_cause(code)}), bản cũ chạy tiếp · the new one cannot start, the old one goes on"
        )
        self._turn = []

    def _give_up(self, child: Child) -> None:
        late, child.until = child.successor or child.leaving, None
        if late is not None:
            late.kill()

    # ── ending ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def _end(self) -> int:
        """SIGTERM to all, and wait until they have drained. A second signal, or too long a wait, kills them."""
        every = [p for c in self.children for p in (c.process, c.successor, c.leaving)]
        alive = [process for process in every if process is not None and process.poll() is None]
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
        # One that had only begun, or was just done, did not hear our SIGTERM but was ended by it.
        return int(self._failed or any(process.returncode not in (0, -signal.SIGTERM) for process in alive))


def _cause(code: int) -> str:
    if code < 0:
        return f"tín hiệu · signal {signal.Signals(-code).name}"
    return f"mã · code {code}"
