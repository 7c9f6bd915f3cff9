"""The claim store: files by content hash, streamed to disk, never in a table."""

from __future__ import annotations

import hashlib
import os
import secrets
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, select

from gateway.errors import Fault, Refused
from gateway.ledger.messages import insert_for
from gateway.ledger.opening import Ledger
from gateway.ledger.tables import files


class TooLarge(Refused):
    status = 413
    title = "Tệp quá lớn"
    title_en = "The file is too large"
    kind = "too-large"


class Files:
    """A folder of files. A file stands there whole or not at all: it is written aside, synced and renamed before its row is written."""

    def __init__(self, folder: Path, ledger: Ledger) -> None:
        self.folder = folder
        self.ledger = ledger
        (folder / "incoming").mkdir(parents=True, exist_ok=True)
        self._clear_up()

    def _clear_up(self) -> None:
        """What a killed process had half received; no upload lasts a day."""
        for left in (self.folder / "incoming").iterdir():
            with suppress(FileNotFoundError):  # another process has just finished it
                if left.stat().st_mtime < time.time() - 86_400:
                    left.unlink()

    def keep(
        self,
        chunks: Iterable[bytes],
        *,
        media_type: str,
        source: str,
        now: datetime,
        most: int,
        expected: str | None = None,
    ) -> tuple[str, int]:
        """Store a stream; returns (sha256, size). Raises `TooLarge`, or `Refused` when the content is not what `expected` says."""
        aside = self.folder / "incoming" / secrets.token_hex(16)
        digest, size = hashlib.sha256(), 0
        try:
            with aside.open("xb") as file:
                for chunk in chunks:
                    size += len(chunk)
                    if size > most:
                        raise TooLarge.of(
                            "", "too-large", f"tệp lớn hơn {most} byte", f"the file is larger than {most} bytes"
                        )
                    digest.update(chunk)
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            sha = digest.hexdigest()
            if expected is not None and expected != sha:
                raise Refused(
                    [
                        Fault(
                            "",
                            "digest-differs",
                            f"nội dung có sha256 {sha}, không phải {expected}",
                            f"the content's sha256 is {sha}, not {expected}",
                        )
                    ]
                )
            self._place(aside, sha)
        finally:
            aside.unlink(missing_ok=True)
        row = {"sha256": sha, "size": size, "media_type": media_type, "source": source, "at": now}
        with self.ledger.write() as connection:
            connection.execute(insert_for(connection)(files).values(row).on_conflict_do_nothing())
        return sha, size

    def _place(self, aside: Path, sha: str) -> None:
        target = self.path(sha)
        target.parent.mkdir(parents=True, exist_ok=True)
        aside.rename(target)
        for place in (target.parent, target.parent.parent, self.folder):  # a new folder is an entry in the one above
            folder = os.open(place, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def path(self, sha: str) -> Path:
        return self.folder / sha[:2] / sha[2:4] / sha

    def missing(self, shas: Collection[str], connection: Connection | None = None) -> set[str]:
        """Which of these are not in the store. Inside a transaction, ask with its own `connection`: a second one may not be free."""
        if connection is None:
            with self.ledger.read() as reading:
                return self.missing(shas, reading)
        return set(shas) - set(
            connection.execute(select(files.c.sha256).where(files.c.sha256.in_(list(shas)))).scalars()
        )

    def media_type(self, sha: str) -> str | None:
        with self.ledger.read() as connection:
            return connection.execute(select(files.c.media_type).where(files.c.sha256 == sha)).scalar()
