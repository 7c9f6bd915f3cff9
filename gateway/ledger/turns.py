"""Writers of one SQLite ledger take turns, and those that wait together commit together.

SQLite has one writer at a time; one that finds the ledger busy sleeps and tries again, up to a tenth of a second at a time, and under load
the same one may lose for seconds. Here a writer waits for its turn in the operating system's queue instead, across threads and processes.
"""

from __future__ import annotations

import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from gateway.ledger.opening import Ledger

MOST = 64  # works in one commit: a bound on how long the others wait


class Turn:
    """The right to write. The lock on the file `<ledger>-turn` ends with its process, however that ends."""

    def __init__(self, ledger: str) -> None:
        self._name = f"{ledger}-turn"
        self._file: int | None = None
        self._threads = threading.Lock()

    def __enter__(self) -> None:
        self._threads.acquire()
        try:
            if self._file is None:
                self._file = os.open(self._name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)
        except BaseException:
            self._threads.release()
            raise

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            fcntl.flock(self._file, fcntl.LOCK_UN)
        self._threads.release()

    def close(self) -> None:
        """Gives the file back; the next turn opens it again."""
        with self._threads:
            if self._file is not None:
                os.close(self._file)
                self._file = None


@dataclass
class _Job:
    work: Callable[[Connection], Any]
    done: bool = False
    answer: Any = None
    error: Exception | None = None


class Group:
    """Group commit. The first thread to come writes for all that came while it waited for its turn; each gets its own answer or error."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._jobs: deque[_Job] = deque()
        self._leading = threading.Lock()

    def run(self, work: Callable[[Connection], Any]) -> Any:
        job = _Job(work)
        self._jobs.append(job)
        with self._leading:
            while not job.done:
                self._lead()
        if job.error is not None:
            raise job.error
        return job.answer

    def _lead(self) -> None:
        jobs: list[_Job] = []
        try:
            with self._ledger.write() as connection:
                while self._jobs and len(jobs) < MOST:  # taken only now: more have come while we waited for our turn
                    job = self._jobs.popleft()
                    jobs.append(job)
                    job.answer = job.work(connection)
        except Exception as error:  # noqa: BLE001 - given back to the thread whose work it was
            if not jobs:  # no turn, no connection: nobody's work was begun
                jobs = [self._jobs.popleft()]
            if len(jobs) == 1:
                jobs[0].error = error
            else:  # one of them spoiled it for all: each alone, so that it spoils only its own
                for job in jobs:
                    self._alone(job)
        for job in jobs:
            job.done = True

    def _alone(self, job: _Job) -> None:
        try:
            with self._ledger.write() as connection:
                job.answer = job.work(connection)
        except Exception as error:  # noqa: BLE001 - given back to the thread whose work it was
            job.error = error
