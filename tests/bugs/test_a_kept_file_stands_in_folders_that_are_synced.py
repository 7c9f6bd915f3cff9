"""A file's own folder was synced, but not the folders above it that were new too: a power cut could lose file and folder, not the row."""

from __future__ import annotations

import os
from pathlib import Path

from tests.house import House


def test_every_folder_on_the_way_is_synced(house: House, monkeypatch) -> None:
    synced: set[Path] = set()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.add(Path(os.readlink(f"/proc/self/fd/{descriptor}")))
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    files = house.gateway.files
    sha, _ = files.keep([b"x"], media_type="text/plain", source="one-stop", now=house.gateway.now(), most=9)

    place = files.path(sha).resolve()
    assert {place.parent, place.parent.parent, files.folder.resolve()} <= synced
