"""A copy of an SQLite ledger while it is at work. PostgreSQL has its own, well-trodden ways (docs/backup.md)."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from gateway.errors import Misconfigured
from gateway.ledger.opening import Ledger


def copy_ledger(ledger: Ledger, target: Path) -> int:
    """One moment of the ledger as one file, whole or not there at all; returns its bytes. Writers are not held up. Raises `Misconfigured`."""
    if not ledger.sqlite:
        raise Misconfigured(
            "bản sao lưu của PostgreSQL làm bằng công cụ của nó · PostgreSQL is backed up with its own tools: docs/backup.md"
        )
    if target.exists():
        raise Misconfigured(f"{target}: đã có, không ghi đè · is there already and is not written over")
    aside = target.with_name(f"{target.name}.part")
    try:
        with (
            closing(sqlite3.connect(str(ledger.engine.url.database))) as here,
            closing(sqlite3.connect(aside)) as there,
        ):
            here.backup(there)
            (answer,) = there.execute("PRAGMA quick_check(1)").fetchone()
            there.execute("PRAGMA journal_mode=DELETE")  # one file, without companions
        if answer != "ok":
            raise Misconfigured(f"{target}: bản sao hỏng · the copy is damaged: {answer}")
        _sync(aside)
        aside.rename(target)
        _sync(target.parent)
    except (OSError, sqlite3.Error) as error:
        raise Misconfigured(f"{target}: không sao được · cannot be copied: {error}") from error
    finally:
        aside.unlink(missing_ok=True)
    return target.stat().st_size


def _sync(path: Path) -> None:
    opened = os.open(path, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
