"""What the running processes of this host say of themselves: a small file each in `data/run`, held locked as long as the process lives."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FOLDER = "run"


@dataclass(frozen=True, slots=True)
class Told:
    """`version`: of the operator's files that the process goes by. `readings`: how often it has read them; `refused`: why not the last time."""

    name: str
    pid: int
    version: str
    readings: int
    refused: str | None = None


class Presence:
    """This process's own."""

    def __init__(self, data: Path, name: str) -> None:
        self._folder = data / FOLDER
        self._folder.mkdir(parents=True, exist_ok=True)
        self._name = name
        self._readings = 0
        self._file = self._folder / f"{socket.gethostname()}-{os.getpid()}.json"
        self._held: int | None = None

    def tell(self, version: str, refused: str | None = None) -> None:
        """Written in one go. The lock is taken at the first telling: it is what says that the process lives."""
        self._readings += 1
        told = json.dumps(asdict(Told(self._name, os.getpid(), version, self._readings, refused)), ensure_ascii=False)
        while self._held is None:
            held = os.open(self._file, os.O_RDWR | os.O_CREAT, 0o644)
            fcntl.flock(held, fcntl.LOCK_EX)
            if os.fstat(held).st_nlink:
                self._held = held
            else:  # a reader took it for a dead one's, before it was locked
                os.close(held)
        # Blanks cover what was there before, in the same write: a reader finds the old words or the new.
        os.pwrite(self._held, told.encode().ljust(os.fstat(self._held).st_size), 0)

    def leave(self) -> None:
        if self._held is not None:
            with suppress(FileNotFoundError):
                self._file.unlink()
            os.close(self._held)
            self._held = None


def present(data: Path) -> Sequence[Told]:
    """Those of this host that are alive, by name. What a killed one left is cleared away."""
    found = []
    for file in (data / FOLDER).glob(f"{socket.gethostname()}-*.json"):
        told = _read(file)
        if told is not None:
            found.append(told)
    return sorted(found, key=lambda one: (one.name, one.pid))


def _read(file: Path) -> Told | None:
    try:
        with file.open("r+b") as held:
            try:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                told: dict[str, Any] = json.loads(held.read())
                return Told(**told)
            file.unlink(missing_ok=True)
    except (FileNotFoundError, ValueError):  # it ended this moment, or is at its first word
        return None
    return None
