"""Dossiers of the driving-licence system: a list by days, and of each dossier how it stands and its papers.

A dossier that was seen before comes in again when anything of it changed: its content is compared, not its code.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.gplx import FOLDER
from connectors.gplx.client import Client
from connectors.gplx.settings import Settings
from gateway import inline
from gateway.errors import Fault, Rejected, Unclassified
from gateway.ports import Desk, Submission
from gateway.snapshots import Snapshot, SnapshotFeed, Snapshots, read_statuses

TOLD = "gplx:MaTrangThai"
_PORTRAIT = "anhChanDung"  # of the list: a picture of the person, which nobody here asks for
_NUMBERS = {"cccd": re.compile("[0-9]{12}"), "cmnd": re.compile("[0-9]{9}")}


def feed(client: Client, settings: Settings, desk: Desk) -> SnapshotFeed:
    """The list, as the clock polls it."""
    mappings = (settings.dossier_mapping, settings.status_mapping)
    snapshots = Snapshots("gplx", desk, mappings, read_statuses(FOLDER), TOLD)
    return SnapshotFeed(
        desk,
        snapshots,
        client.dossiers,
        Dossiers(client, settings, desk, snapshots).news,
        "maHoSo",
        days=settings.window_days,
        long_days=settings.long_window_days,
        page_size=settings.page_size,
    )


class Dossiers:
    """What is new of one row of the list."""

    def __init__(self, client: Client, settings: Settings, desk: Desk, snapshots: Snapshots) -> None:
        self._client = client
        self._settings = settings
        self._desk = desk
        self._snapshots = snapshots

    def news(self, code: str, row: Mapping[str, Any]) -> Sequence[Submission]:
        """Its messages, in order. Raises `TryLater`; what the system has not, or has in another shape, is handed on with its fault."""
        row = {name: value for name, value in row.items() if name != _PORTRAIT}
        content: dict[str, Any] = {"row": row}
        try:
            content["detail"] = detail = self._client.detail(code)
            if self._snapshots.unchanged(code, content):
                return []
            files = self._fetched(row)
        except (Rejected, Unclassified) as error:
            vietnamese, _, english = error.reason.partition(" · ")
            return [self._snapshots.unread(code, content, [Fault("", error.code, vietnamese, english or vietnamese)])]
        received = bool(detail.get("NgayTiepNhan"))
        document = {**content, "files": files, "facts": facts_of(row, detail), **self._about(row, detail)}
        return self._snapshots.news(Snapshot(code, str(detail.get("MaTrangThai", "")), received, content, document))

    def _about(self, row: Mapping[str, Any], detail: Mapping[str, Any]) -> dict[str, Any]:
        """Who stands behind the unit, and which paper their number is: its form tells."""
        unit = self._settings.units.get(str(detail.get("MaDonViXuLy")))
        number = str(row.get("soCmnd", "")).strip()
        numbers = {name: number for name, form in _NUMBERS.items() if form.fullmatch(number)}
        return {"unit": unit.model_dump() if unit else None, "numbers": numbers}

    def _fetched(self, row: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Each paper that has a file, parked."""
        papers = row.get("hoSoDinhKem", [])
        if not isinstance(papers, list) or not all(isinstance(paper, dict) for paper in papers):
            raise Unclassified("hoSoDinhKem không phải danh sách · hoSoDinhKem is no list", code="files")
        files = []
        for number, paper in enumerate(papers, start=1):
            if not paper.get("filedinhkem"):
                continue
            content = self._client.file(str(paper["filedinhkem"]))
            where = inline.name_of(content)
            self._desk.keep(content, where["media_type"])
            files.append({**paper, **where, "number": str(number)})
        return files


def facts_of(row: Mapping[str, Any], detail: Mapping[str, Any]) -> dict[str, str]:
    """Every field that says something, as given, under `gplx:`; a list as JSON text."""
    facts = {}
    for name, value in {**row, **detail}.items():
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if value not in ("", [], {}) and name != "hoSoDinhKem":
            facts[f"gplx:{name}"] = text
    return facts
