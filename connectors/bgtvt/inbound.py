"""Dossiers of the Ministry of Transport: a list by days, whole.

A dossier that was seen before comes in again when anything of it changed: its content is compared, not its code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from connectors.bgtvt import FOLDER
from connectors.bgtvt.client import Client
from connectors.bgtvt.settings import Settings
from gateway.ports import Desk
from gateway.snapshots import Snapshot, SnapshotFeed, Snapshots, read_statuses

TOLD = "gtvt:TrangThaiHoSo"
_NUMBERS = {
    "cccd": re.compile("[0-9]{12}"),
    "cmnd": re.compile("[0-9]{9}"),
    "tax": re.compile("[0-9]{10}(-?[0-9]{3})?"),
}


def feed(client: Client, settings: Settings, desk: Desk) -> SnapshotFeed:
    """The list, as the clock polls it."""
    mappings = (settings.dossier_mapping, settings.status_mapping)
    snapshots = Snapshots("gtvt", desk, mappings, read_statuses(FOLDER), TOLD)
    return SnapshotFeed(
        desk,
        snapshots,
        client.dossiers,
        lambda code, row: snapshots.news(snapshot_of(code, row)),
        "MaHoSo",
        days=settings.window_days,
        long_days=settings.long_window_days,
        page_size=settings.page_size,
    )


def snapshot_of(code: str, row: Mapping[str, Any]) -> Snapshot:
    """One row of the list, as the mappings read it."""
    document = {"row": row, "facts": facts_of(row), **people_of(row)}
    return Snapshot(code, str(row.get("TrangThaiHoSo", "")), bool(row.get("NgayTiepNhan")), row, document)


def people_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """Which papers MaDoiTuong and MaNguoiNop are: their form tells. No delegate where the applicant came in person."""
    own, other = row.get("MaDoiTuong"), row.get("MaNguoiNop")
    delegate = numbers_of(other) if other and other != own else None
    return {"numbers": numbers_of(own), "delegate": delegate}


def numbers_of(value: Any) -> dict[str, str]:
    number = str(value or "").strip()
    return {name: number for name, form in _NUMBERS.items() if form.fullmatch(number)}


def facts_of(row: Mapping[str, Any]) -> dict[str, str]:
    """Every field that says something, as given, under `gtvt:`; what is no text as JSON text."""
    texts = {
        name: value if isinstance(value, str) else json.dumps(value, ensure_ascii=False) for name, value in row.items()
    }
    return {f"gtvt:{name}": text for name, text in texts.items() if text.strip()}
