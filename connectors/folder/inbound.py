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
from collections.abc import Callable, Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from connectors.folder.outbound import OURS, sync
from connectors.folder.settings import Read, Settings
from gateway.dialect.cursors import read_cursor
from gateway.dialect.taking import take_each, things_in
from gateway.dialect.unwrap import unwrap
from gateway.errors import Misconfigured, Refused, TryLater
from gateway.ports import Desk, Page, Submission

AT_ONCE = 20  # files read and committed together
_MOST_FAULTS = 50
_LONGEST_NAME, _LONGEST_END = 200, 20  # bytes; a filesystem takes 255
_SHORT = 40
_PARTS = (".part", ".filepart", ".tmp", ".swp")


class Left(NamedTuple):
    """A file that was read and still lies in ``in``. `faults`: why nothing could be made of it, or of a part of it.

    `told`: its name; of one that is not UTF-8, which no cursor carries, a slash and its bytes in hexadecimal: no name holds a slash.
    """

    told: str
    sha256: str
    faults: list[dict[str, str]]

    @classmethod
    def of(cls, name: str, sha256: str, faults: list[dict[str, str]]) -> Left:
        raw = os.fsencode(name)
        return cls(name if _is_text(raw) else f"/{raw.hex()}", sha256, faults)

    @property
    def name(self) -> str:
        return os.fsdecode(bytes.fromhex(self.told[1:])) if self.told.startswith("/") else self.told


_LEFT = TypeAdapter(list[Left])


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
        self._trouble: OSError | None = None

    def poll(self, cursor: str | None) -> Page:
        """The next files. Raises `TryLater` when the folder cannot be used."""
        stored = read_cursor(_LEFT, cursor, [])
        try:
            left = self._move_all(stored)
            skip = {one.name for one in left}
            found = [row for row in self._ready() if row[1].name not in skip][:AT_ONCE]
        except OSError as fault:
            raise TryLater(f"{self._settings.path}: {fault}", code="folder") from fault
        items: list[Submission] = []
        for read, file in found:
            try:
                taken = self._taken(read, file)
            except OSError as fault:  # one file that cannot be read holds up no other
                self._trouble = fault
                continue
            if taken is not None:
                items += taken[0]
                left.append(taken[1])
        trouble, self._trouble = self._trouble, None
        if trouble is not None and left == stored:
            raise TryLater(f"{self._settings.path}: {trouble}", code="folder") from trouble
        return Page(items, json.dumps(left, ensure_ascii=False), more=bool(items))

    def _move_all(self, stored: list[Left]) -> list[Left]:
        """Those that could not be moved; one holds up no other."""
        left = []
        for one in stored:
            try:
                self._move(one)
            except OSError as fault:
                self._trouble = fault
                left.append(one)
        return left

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
        return taken, Left.of(file.name, digest, faults)

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
        return [one for taken in take_each(read, things, self._desk, read.name) for one in taken]

    def _move(self, left: Left) -> None:
        """Move it away, its answer first; nothing when it is gone, or is another file by now. Raises OSError.

        It is taken out of their reach before it is looked at: under its old name another file may stand at any moment.
        """
        file, ours = self._settings.path / "in" / left.name, self._settings.path / OURS
        held = ours / f".taken-{left.sha256}"
        marks = [read.ready for read in self._settings.read if read.ready is not None]
        if not held.exists():  # a process that died in between left it there
            if not file.is_file() or _digest_of(file, self._settings.file_bytes) != left.sha256:
                return
            ours.mkdir(exist_ok=True)
            os.rename(file, held)
        digest = _digest_of(held, self._settings.file_bytes)
        if digest != left.sha256:
            beside = file.with_name(f"{file.stem[:_SHORT]}-{digest[:12]}{file.suffix[:_LONGEST_END]}")
            _put_back(held, file, beside, marks)
            return
        folder = self._settings.path / ("refused" if left.faults else "processed")
        target = folder / _kept_name(left)
        if target.exists():
            target = folder / f"{left.sha256[:12]}_{target.name}"
        name = os.fsencode(left.name).decode("utf-8", "replace")
        answer = {"file": name, "sha256": left.sha256, "taken": not left.faults, "faults": left.faults}
        _write_whole(target.with_name(target.name + ".answer.json"), answer)
        os.rename(held, target)
        for mark in marks:
            if not file.exists():  # else it is the mark of the next file
                file.with_name(file.name + mark).unlink(missing_ok=True)
        sync(folder)


def _is_text(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True


def _kept_name(left: Left) -> str:
    """Its name, or as much of it as leaves room for what we put before and behind it."""
    stem, end = os.path.splitext(left.name)
    if len(os.fsencode(left.name)) <= _LONGEST_NAME:
        return left.name
    end = end if len(os.fsencode(end)) <= _LONGEST_END else ""
    while len(os.fsencode(stem)) > _LONGEST_NAME - _LONGEST_END:
        stem = stem[:-1]
    return f"{left.sha256[:12]}_{stem}{end}"


def _put_back(held: Path, file: Path, beside: Path, marks: Sequence[str]) -> None:
    """A file that nobody has read yet, under its name; when there is one again, beside it. Raises OSError."""
    try:
        os.link(held, file)  # overwrites nothing
        held.unlink()
    except OSError:  # there is one again, or the filesystem has no hard links
        if not file.exists():
            os.rename(held, file)
            return
        for mark in marks:
            if file.with_name(file.name + mark).exists():
                beside.with_name(beside.name + mark).touch()
        os.rename(held, beside)


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
