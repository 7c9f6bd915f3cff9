"""Results of the register: it has no feed, so it is asked about each dossier that it has and that has not ended, three a call.

Its rows carry no time. An event's time is therefore when the register told us, and no earlier than what it follows on. A row says
something new only when it differs from where the dossier stands, so the same answer, however often it comes, moves a dossier once.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.hotich_btp import FOLDER
from connectors.hotich_btp.client import MOST, Client
from connectors.hotich_btp.settings import Settings
from gateway import inline
from gateway.canonical.scalars import write_instant
from gateway.errors import DeliveryError, Fault, Refused
from gateway.ports import Desk, Page, Submission

ASKED = (2, 4, 5, 6, 8)  # where a dossier of the register may stand; after 9 the register has nothing more to say
_IN_PROCESS, _SUPPLEMENT, _DONE = 4, 5, 9
_MODULES = {"KS": "LTKS", "KT": "LTKT"}
_SHORTEST_FILE = 200  # characters of base64: numbers and names are shorter


class Results:
    """Asks in rounds over all dossiers at the register, a page at a time. What goes wrong with one call holds up no other; it is raised
    at the end of the round."""

    def __init__(self, client: Client, settings: Settings, desk: Desk) -> None:
        self._client = client
        self._settings = settings
        self._desk = desk
        self._statuses = read_statuses()
        self._after = ""  # the last dossier asked about in this round
        self._trouble: DeliveryError | None = None

    def poll(self, cursor: str | None) -> Page:
        """What is new of the next dossiers. The place in the round is kept here: after a restart a round begins anew, and doubles nothing."""
        rows = self._desk.waiting(ASKED, self._after, self._settings.page_size)
        linked = {row["dossier"]["dossier"]: row for row in rows if _module(row)}
        items = [item for codes in _calls(linked) for item in self._asked(codes, linked)]
        more = len(rows) == self._settings.page_size
        self._after = rows[-1]["dossier"]["dossier"] if more else ""
        if not more and not items and self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        return Page(items, self._after, more)

    def _asked(self, codes: Sequence[str], known: Mapping[str, Mapping[str, Any]]) -> Iterator[Submission]:
        try:
            rows = self._client.results(codes, _module(known[codes[0]]))
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return
        for row in rows:
            if row.get("maHoSoMCDT") in codes:
                yield from self._told(row, known[row["maHoSoMCDT"]])
            else:
                words = "đăng ký trả về hồ sơ không hỏi", "the register answers about a dossier not asked for"
                yield self._unread(row, [Fault("/maHoSoMCDT", "not-asked", *words)])

    def _told(self, row: Mapping[str, Any], known: Mapping[str, Any]) -> Iterator[Submission]:
        theirs = str(row.get("trangThai"))
        ours = self._statuses.get(theirs)
        if ours is None:
            words = f"trangThai {theirs} không có trong bảng", f"trangThai {theirs} is not in the table"
            yield self._unread(row, [Fault("/trangThai", "unlisted", *words)])
        elif ours != "waiting" and ours != known["status"]:
            try:
                yield from list(self._moved(row, int(ours), known))
            except Refused as refused:
                yield self._unread(row, refused.faults)

    def _moved(self, row: Mapping[str, Any], ours: int, known: Mapping[str, Any]) -> Iterator[Submission]:
        """The messages of one move, in order. Raises `Refused`."""
        row, file = self._claimed(row)
        document = {
            "row": {**row, "errors": _words(row.get("errors"))},
            "dossier": known["dossier"]["dossier"],
            "module": _module(known),
            "since": known["status_time"],
            "at": write_instant(max(self._desk.now(), datetime.fromisoformat(known["status_time"]))),
            "status": ours,
            "told": f"btp-{row['trangThai']}",
            "file": file,
        }
        if ours == _SUPPLEMENT:
            yield self._submission(self._settings.supplement_mapping, document, row)
        if ours == _DONE and file:
            yield self._submission(self._settings.result_mapping, document, row)
        if ours == _DONE and known["status"] != _IN_PROCESS:  # between two questions it went through "in process"
            step = {**document, "status": _IN_PROCESS, "told": "btp-3"}
            yield self._submission(self._settings.status_mapping, step, row)
        yield self._submission(self._settings.status_mapping, document, row)

    def _submission(self, mapping: str, document: Mapping[str, Any], row: Mapping[str, Any]) -> Submission:
        body = self._desk.translate(mapping, document)
        return Submission(body["id"], body, _written(row), mapping=mapping)

    def _unread(self, row: Mapping[str, Any], faults: Sequence[Fault]) -> Submission:
        digest = hashlib.sha256(_written([row, [f.pointer + f.code for f in faults]])).hexdigest()[:12]
        name = f"hotich-{row.get('maHoSoMCDT')}-unread-{digest}"
        return Submission(name, None, _written(row), mapping=self._settings.status_mapping, problem=tuple(faults))

    def _claimed(self, row: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any] | None]:
        """The row with its certificate replaced by its sha256, and where it is parked. Raises `Refused`."""
        result = row.get("ketQuaXuLy")
        if not isinstance(result, dict):
            return dict(row), None
        names = [name for name, value in result.items() if isinstance(value, str) and len(value) > _SHORTEST_FILE]
        if len(names) > 1:
            raise Refused.of("/ketQuaXuLy", "files", "có nhiều hơn một tệp", f"more than one file: {', '.join(names)}")
        if not names:
            return dict(row), None
        content = inline.decode(result[names[0]], f"/ketQuaXuLy/{names[0]}", self._settings.file_bytes)
        where = inline.name_of(content)
        self._desk.keep(content, where["media_type"])
        return {**row, "ketQuaXuLy": {**result, names[0]: where["sha256"]}}, where


def read_statuses() -> Mapping[str, int | str]:
    """trangThai → our status, or ``waiting``: nothing has happened yet."""
    table = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))
    return {row["theirs"]: row["ours"] for row in table["status"]}


def _module(row: Mapping[str, Any]) -> str:
    """ "" for a dossier that is none of the register's."""
    return _MODULES.get(row["dossier"].get("facts", {}).get("lt:module", ""), "")


def _calls(known: Mapping[str, Mapping[str, Any]]) -> Iterator[Sequence[str]]:
    """The codes, by module, at most three together."""
    for module in sorted(set(map(_module, known.values()))):
        codes = [code for code, row in known.items() if _module(row) == module]
        yield from (codes[i : i + MOST] for i in range(0, len(codes), MOST))


def _words(errors: Any) -> str | None:
    """What the register complains of, as one text: it comes as a text, or as a list of texts or of objects."""
    told = errors if isinstance(errors, list) else [errors]
    texts = [value for one in told for value in (one.values() if isinstance(one, dict) else [one])]
    return "; ".join(text.strip() for text in texts if isinstance(text, str) and text.strip()) or None


def _written(kept: Any) -> bytes:
    return json.dumps(kept, ensure_ascii=False, separators=(",", ":")).encode()
