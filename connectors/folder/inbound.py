"""Files in: read when they are whole, and moved away only after the store.

The cursor holds what was committed with it and still lies in ``in``: the next poll moves that to ``processed`` or ``refused`` with an answer beside
it. A process that dies in between reads or moves once more, which changes nothing: a thing is known by its content.
"""

from __future__ import annotations

import hashlib
import json
import os
import stat
import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from connectors.folder.outbound import sync
from connectors.folder.settings import Read, Settings
from gateway.dialect.taking import take, things_in
from gateway.dialect.unwrap import unwrap
from gateway.errors import Misconfigured, Refused, TryLater
from gateway.ports import Desk, Page, Submission

AT_ONCE = 20  # files read and committed together
_MOST_FAULTS = 50
_PARTS = (".part", ".filepart", ".tmp", ".swp")


class Left(NamedTuple):
    """A file that was read and still lies in ``in``. `faults`: why nothing could be made of it, or of a part of it."""

    name: str
    sha256: str
    faults: list[dict[str, str]]


def pickup_of(settings: Settings, desk: Desk, place: str, clock: Callable[[], float] = time.time) -> Pickup:
    """Raises `Misconfigured` where there is nothing to read."""
    if not settings.read:
        raise Misconfigured(f"{place}: poll_seconds cần · wants at least one [[settings.read]]")
    return Pickup(settings, desk, clock)


class Pickup:
    """Reads the files of ``in``, oldest name first. `clock` is the filesystem's: seconds since 1970."""

    def __init__(self, settings: Settings, desk: Desk, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._desk = desk
        self._clock = clock

    def poll(self, cursor: str | None) -> Page:
        """The next files. Raises `TryLater` when the folder cannot be used."""
        stored = [Left(*row) for row in json.loads(cursor)] if cursor else []
        try:
            left = [one for one in stored if not self._moved(one)]
            skip = {one.name for one in left}
            found = [row for row in self._ready() if row[1].name not in skip][:AT_ONCE]
        except OSError as fault:
            raise TryLater(f"{self._settings.path}: {fault}", code="folder") from fault
        items: list[Submission] = []
        trouble: OSError | None = None
        for read, file in found:
            try:
                taken = self._taken(read, file)
            except OSError as fault:  # one file that cannot be read holds up no other
                trouble = fault
                continue
            if taken is not None:
                items += taken[0]
                left.append(taken[1])
        if trouble is not None and left == stored:
            raise TryLater(f"{self._settings.path}: {trouble}", code="folder") from trouble
        return Page(items, json.dumps(left, ensure_ascii=False), more=bool(items))

    def _ready(self) -> Iterator[tuple[Read, Path]]:
        """Whole, plain files that a row names; a link, a hidden file or one under way is none."""
        folder = self._settings.path / "in"
        for name in sorted(os.listdir(folder)):
            read = next((row for row in self._settings.read if fnmatchcase(name, row.files)), None)
            if read is None or name.startswith(".") or name.endswith(_PARTS):
                continue
            if self._whole(read, folder / name):
                yield read, folder / name

    def _whole(self, read: Read, file: Path) -> bool:
        try:
            found = file.lstat()
        except FileNotFoundError:
            return False
        if read.ready is not None:
            return stat.S_ISREG(found.st_mode) and file.with_name(file.name + read.ready).exists()
        return stat.S_ISREG(found.st_mode) and found.st_mtime <= self._clock() - read.quiet

    def _taken(self, read: Read, file: Path) -> tuple[list[Submission], Left] | None:
        """The messages of one file, and what is left to do with it; None when somebody wrote to it meanwhile."""
        most = self._settings.file_bytes
        before = file.lstat()
        with open(os.open(file, os.O_RDONLY | os.O_NOFOLLOW), "rb") as opened:
            content = opened.read(most + 1)
        after = file.lstat()
        if (before.st_size, before.st_mtime_ns, before.st_ino) != (after.st_size, after.st_mtime_ns, after.st_ino):
            return None
        digest = hashlib.sha256(content).hexdigest()
        taken = self._read(read, file.name, content, digest)
        faults = [fault.as_json() for one in taken for fault in one.problem][:_MOST_FAULTS]
        return taken, Left(file.name, digest, faults)

    def _read(self, read: Read, name: str, content: bytes, digest: str) -> list[Submission]:
        try:
            if len(content) > self._settings.file_bytes:
                most = self._settings.file_bytes
                raise Refused.of("", "too-large", f"lớn hơn {most} byte", f"larger than {most} bytes")
            document = unwrap(content, read.unwrap)
            things = things_in(read, document)
        except Refused as refused:
            kept = content if len(content) <= self._settings.file_bytes else name.encode("utf-8", "replace")
            source_id = f"{read.name}-{digest[:12]}-unread"
            return [Submission(source_id, None, kept, "application/octet-stream", problem=refused.faults)]
        return [one for thing in things for one in take(read, thing, self._desk, read.name)]

    def _moved(self, left: Left) -> bool:
        """Move it away, its answer first. True also when it is gone, or is another file by now."""
        file = self._settings.path / "in" / left.name
        if not file.is_file() or _digest_of(file, self._settings.file_bytes) != left.sha256:
            return True
        folder = self._settings.path / ("refused" if left.faults else "processed")
        target = folder / left.name
        if target.exists():
            target = folder / f"{left.sha256[:12]}_{left.name}"
        answer = {"file": left.name, "sha256": left.sha256, "taken": not left.faults, "faults": left.faults}
        _write_whole(target.with_name(target.name + ".answer.json"), answer)
        os.rename(file, target)
        for read in self._settings.read:
            if read.ready is not None:
                file.with_name(file.name + read.ready).unlink(missing_ok=True)
        sync(folder)
        return True


def _digest_of(file: Path, most: int) -> str:
    with file.open("rb") as opened:
        return hashlib.sha256(opened.read(most + 1)).hexdigest()


def _write_whole(file: Path, answer: Any) -> None:
    part = file.with_name(f".{file.name}.part")
    with part.open("w", encoding="utf-8") as opened:
        json.dump(answer, opened, ensure_ascii=False, indent=1)
        opened.flush()
        os.fsync(opened.fileno())
    os.rename(part, file)
