"""Stylesheets run in processes of their own: libxslt cannot be stopped from within, and a process can.

One or two such processes serve every stylesheet of this process. One that spends too much time or memory on a document ends, that document
is refused, and the next one gets a new process.
"""

from __future__ import annotations

import os
import queue
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import IO, Any

from gateway.errors import Fault, Refused
from gateway.ports import Codes, Line
from mappings.engine.sandboxed import read_frame, write_frame
from mappings.engine.stylesheet import Made

MOST = 2
PATIENCE = 60.0  # seconds for one answer: a process ends itself long before, unless it never came so far


@dataclass(frozen=True, slots=True)
class Sheet:
    """What a process must be told of a stylesheet before it can run it."""

    version: str
    name: str
    files: Mapping[str, bytes]
    codes: Codes


class _Process:
    def __init__(self) -> None:
        # It gets no environment: secrets are none of its business. What it says of an error comes as a frame; libxml2 without memory
        # writes a line for every node to stderr, and would fill the log.
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-m", "mappings.engine.sandboxed"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={"LANG": "C.UTF-8"},
        )  # fmt: skip
        self._known: set[str] = set()
        self.is_spent = False

    def ask(self, sheet: Sheet, letter: bytes, document: bytes) -> Made:
        """Raises `Refused` when the process ended over it."""
        stdin, stdout = self._process.stdin, self._process.stdout
        if stdin is None or stdout is None:
            raise RuntimeError("the process has no pipes")
        try:
            if sheet.version not in self._known:
                files = {name: data.decode("utf-8", "surrogateescape") for name, data in sheet.files.items()}
                write_frame(stdin, b"S", [sheet.version, sheet.name, files])
                self._known.add(sheet.version)
            write_frame(stdin, letter, [sheet.version, document.decode("utf-8", "surrogateescape")])
            while (frame := self._read(stdout)) is not None:
                if frame[0] in (b"M", b"Z"):
                    self.is_spent = frame[0] == b"Z"
                    return _made(frame[1])
                if frame[0] == b"X":
                    raise self._ended(frame[1])
                write_frame(stdin, b"A", _looked_up(sheet.codes, *frame[1]))
        except BrokenPipeError:
            pass  # it ended while it was being told
        raise self._ended("")

    def _read(self, stdout: IO[bytes]) -> Any:
        waiting = select.poll()  # select() itself refuses descriptors over 1,023, which a busy process has
        waiting.register(stdout, select.POLLIN)
        if not waiting.poll(PATIENCE * 1000):  # it says one thing at a time: nothing waits in the buffer
            self._process.send_signal(signal.SIGALRM)
            self._process.kill()
        return read_frame(stdout)

    def _ended(self, why: str) -> Refused:
        if self._process.wait() in (-signal.SIGPROF, -signal.SIGALRM):
            words = "dịch mất quá nhiều thời gian", "translating took too much time"
            return Refused.of("", "mapping-too-slow", *words)
        why = why or "hết bộ nhớ? · out of memory?"
        words = f"tiến trình dịch đã dừng: {why}", f"the translating process ended: {why}"
        return Refused.of("", "mapping-failed", *words)

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()


class Sandbox:
    """The processes of this process, started when needed. Used by several threads at once; each waits for a process of its own."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begin()

    def _begin(self) -> None:
        self._pid = os.getpid()
        self._free: queue.LifoQueue[_Process | None] = queue.LifoQueue()
        for _ in range(MOST):
            self._free.put(None)

    def ask(self, sheet: Sheet, letter: bytes, document: bytes) -> Made:
        """`R` runs the document, `B` without its schemas, `E` explains it. Raises `Refused` when it took too much."""
        with self._lock:
            if self._pid != os.getpid():  # a copy of the process that had them: they are not ours to speak to
                self._begin()
        process = self._free.get()
        good = False
        try:
            process = process or _Process()
            made = process.ask(sheet, letter, document)
            good = not process.is_spent
            return made
        finally:
            if not good and process is not None:
                process.end()
            self._free.put(process if good else None)


def _looked_up(codes: Codes, listname: str, code: str, at: str | None) -> Mapping[str, str] | None:
    row = codes.find(listname, code, datetime.fromisoformat(at) if at else None)
    return dict(row) if row is not None else None


def _made(told: Any) -> Made:
    value, faults, lines = told
    return Made(value, [Fault(*fault) for fault in faults], [Line(*line) for line in lines])


SANDBOX = Sandbox()
