"""Results of the Ministry: it has no feed, so it is asked about each dossier that it has and that has not ended.

Its answers carry no time. An event's time is therefore when the Ministry told us, and no earlier than what it follows on. An answer says
something new only when it differs from where the dossier stands, so the same answer, however often it comes, moves a dossier once.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.lltp import FOLDER
from connectors.lltp.client import MinistryClient
from connectors.lltp.settings import MinistrySettings
from gateway import inline
from gateway.canonical.scalars import write_instant
from gateway.errors import DeliveryError, Fault, Refused
from gateway.ports import Desk, Page, Submission

ASKED = (2, 4, 5, 6, 8)  # after 9 the Ministry has nothing more to say
_IN_PROCESS, _DONE = 4, 9
_FILE = "phieuLLTP"


class Results:
    """Asks in rounds over all dossiers at the Ministry, a page at a time. What goes wrong with one question holds up no other; it is raised
    at the end of the round."""

    def __init__(self, client: MinistryClient, settings: MinistrySettings, desk: Desk) -> None:
        self._client = client
        self._settings = settings
        self._desk = desk
        table = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))
        self._statuses = {row["theirs"]: row["ours"] for row in table["status"]}
        self._after = ""  # the last dossier asked about in this round
        self._trouble: DeliveryError | None = None

    def poll(self, cursor: str | None) -> Page:
        """What is new of the next dossiers. The place in the round is kept here: after a restart a round begins anew, and doubles nothing."""
        rows = self._desk.waiting(ASKED, self._after, self._settings.page_size)
        items = [item for row in rows if "lltp:toKhai" in row["dossier"].get("facts", {}) for item in self._asked(row)]
        more = len(rows) == self._settings.page_size
        self._after = rows[-1]["dossier"]["dossier"] if more else ""
        if not more and not items and self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        return Page(items, self._after, more)

    def _asked(self, known: Mapping[str, Any]) -> Iterator[Submission]:
        try:
            row = self._client.standing(known["dossier"]["dossier"])
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return
        theirs = str(row["trangThaiXuLy"]) if row is not None else "1"
        ours = self._statuses.get(theirs)
        if row is None or ours in ("waiting", known["status"]):
            return
        if ours is None:
            words = f"trangThaiXuLy {theirs} không có trong bảng", f"trangThaiXuLy {theirs} is not in the table"
            yield self._unread(row, known, [Fault("/trangThaiXuLy", "unlisted", *words)])
            return
        try:
            yield from list(self._moved(row, int(ours), known))
        except Refused as refused:
            yield self._unread(row, known, refused.faults)

    def _moved(self, row: Mapping[str, Any], ours: int, known: Mapping[str, Any]) -> Iterator[Submission]:
        """The messages of one move, in order. Raises `Refused`."""
        row, file = self._claimed(row)
        document = {
            "row": row,
            "dossier": known["dossier"]["dossier"],
            "since": known["status_time"],
            "at": write_instant(max(self._desk.now(), datetime.fromisoformat(known["status_time"]))),
            "status": ours,
            "told": f"btp-{row['trangThaiXuLy']}",
            "file": file,
        }
        if ours == _DONE and file:
            yield self._submission(self._settings.result_mapping, document, row)
        if ours == _DONE and known["status"] != _IN_PROCESS:  # between two questions it went through "in process"
            yield self._submission(self._settings.status_mapping, {**document, "status": _IN_PROCESS}, row)
        yield self._submission(self._settings.status_mapping, document, row)

    def _claimed(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str] | None]:
        """The row with its slip replaced by where it is parked. Raises `Refused`."""
        result = row.get("ketQuaXuLy")
        if not isinstance(result, dict) or not result.get(_FILE):
            return dict(row), None
        content = inline.decode(result[_FILE], f"/ketQuaXuLy/{_FILE}", self._settings.file_bytes)
        where = inline.name_of(content)
        self._desk.keep(content, where["media_type"])
        return {**row, "ketQuaXuLy": {**result, _FILE: where}}, where

    def _submission(self, mapping: str, document: Mapping[str, Any], row: Mapping[str, Any]) -> Submission:
        body = self._desk.translate(mapping, document)
        return Submission(body["id"], body, _written(row), mapping=mapping)

    def _unread(self, row: Mapping[str, Any], known: Mapping[str, Any], faults: Sequence[Fault]) -> Submission:
        digest = hashlib.sha256(_written([row, [f.pointer + f.code for f in faults]])).hexdigest()[:12]
        name = f"lltp-{known['dossier']['dossier']}-unread-{digest}"
        return Submission(name, None, _written(row), mapping=self._settings.status_mapping, problem=tuple(faults))


def _written(kept: Any) -> bytes:
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
