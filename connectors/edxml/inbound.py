"""The mailbox: list → fetch → prove → commit → only then acknowledge.

Two kinds come: status messages about what we sent, and official documents in answer to it. The cursor is the list of what was committed with
it; the next poll acknowledges that first: `done` for what was read, `fail` for what was kept but could not be read, so that its sender hears
of it. A process that dies in between fetches or acknowledges once more, which changes nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.edxml import FOLDER
from connectors.edxml.client import KINDS, Client
from connectors.edxml.envelope import read_document
from connectors.edxml.settings import Settings
from connectors.edxml.signature import Proof
from gateway.errors import DeliveryError, Fault, Refused
from gateway.ports import Desk, Page, Submission
from gateway.xml import read_xml

_STRAY = re.compile(rb"\A[^<]{0,1024}(?=<\?xml\s)")
_NOTHING = "nothing"
FOR_A_PERSON = "for-a-person"
_PATIENCE = 3
_NO_NUMBER = Fault("", "list-row", "dòng danh sách thiếu docId", "the row has no docId")


class Mailbox:
    """Reads the mailbox in rounds. A document that cannot be fetched ends its round, for what follows may be about the same dossier and must not
    overtake it; after `_PATIENCE` rounds the others go on without it. The trouble is raised at the end of the round."""

    def __init__(self, client: Client, settings: Settings, desk: Desk, folder: Path = Path()) -> None:
        """Files that the settings name are relative to `folder`. Raises `Misconfigured` for a certificate that cannot be read."""
        self._client = client
        self._settings = settings
        self._desk = desk
        self._proof = Proof(settings, folder)
        table = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))
        self._statuses = {row["theirs"]: row["ours"] for row in table["status"]}
        self._seen: set[str] = set()  # in this round
        self._failed: dict[str, int] = {}  # how often in a row
        self._ended = False  # the round, before its time
        self._trouble: DeliveryError | None = None

    def poll(self, cursor: str | None) -> Page:
        """The next documents of this round; `more` until every row of both lists was looked at once."""
        stored: list[list[str]] = json.loads(cursor) if cursor else []
        left = [pair for pair in stored if not self._acknowledged(*pair)]
        rows = self._next_rows(skip=self._seen | {number for number, _ in left})
        items: list[Submission] = []
        for number, row in rows:
            self._seen.add(number)
            if "docId" not in row:
                items.append(self._unread(number, {"row": row}, [_NO_NUMBER]))
                continue
            try:
                raw = self._client.fetch(number)
            except DeliveryError as trouble:
                self._trouble = self._trouble or trouble
                if self._must_wait(number):
                    break
                continue
            self._failed.pop(number, None)
            found = self._submission(number, row, raw)
            items += found
            left.append([number, "fail" if any(map(_is_unreadable, found)) else "done"])
        if not rows:
            self._end_round(progress=left != stored)
        return Page(items, json.dumps(left), more=bool(rows))

    def _must_wait(self, number: str) -> bool:
        """Must the others wait for the one that has just failed?"""
        self._failed[number] = self._failed.get(number, 0) + 1
        self._ended = self._failed[number] <= _PATIENCE
        return self._ended

    def _end_round(self, *, progress: bool) -> None:
        trouble, self._trouble = self._trouble, None
        self._seen.clear()
        self._ended = False
        if trouble is not None and not progress:
            raise trouble

    def _acknowledged(self, number: str, status: str) -> bool:
        try:
            self._client.acknowledge(number, status)
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return False
        return True

    def _next_rows(self, skip: set[str]) -> Sequence[tuple[str, Mapping[str, Any]]]:
        if self._ended:
            return []
        rows = [row for kind in KINDS for row in self._client.received(kind, self._desk.now())]
        keyed = [(str(row["docId"]) if "docId" in row else _digest(row), row) for row in rows]
        return [(number, row) for number, row in keyed if number not in skip][: self._settings.page_size]

    def _submission(self, number: str, row: Mapping[str, Any], raw: bytes) -> Sequence[Submission]:
        """The one message that a document makes, or none when it says nothing new."""
        kept: dict[str, Any] = {"row": row, "document": self._desk.keep(raw, "application/xml")}
        try:
            document = self._read(raw)
            kept["said"] = document
            mapping, asked = self._asked(number, document)
            if asked is None:
                return []
            body = self._desk.translate(mapping, asked)
        except Refused as refused:
            return [self._unread(number, kept, refused.faults)]
        return [Submission(body["id"], body, _written(kept), mapping=mapping)]

    def _read(self, raw: bytes) -> dict[str, Any]:
        """What the document says, each of its files parked. Raises `Refused`."""
        if self._settings.stray_prolog:
            raw = _STRAY.sub(b"", raw)
        root = read_xml(raw, max_bytes=self._settings.document_bytes)
        signed = self._proof.proven(root, self._desk.now())
        document = read_document(signed, self._settings.file_bytes)
        document["Attachments"] = [self._parked(one) for one in document["Attachments"]]
        return document

    def _parked(self, attachment: Mapping[str, Any]) -> dict[str, Any]:
        content: bytes = attachment["content"]
        media_type = "application/pdf" if content.startswith(b"%PDF-") else "application/octet-stream"
        self._desk.keep(content, media_type)
        about = {name: value for name, value in attachment.items() if name != "content"}
        return {**about, "sha256": hashlib.sha256(content).hexdigest(), "media_type": media_type}

    def _asked(self, number: str, document: Mapping[str, Any]) -> tuple[str, dict[str, Any] | None]:
        """Which mapping reads it, and what of it; None for what says nothing new. Raises `Refused`, also for what a person must read."""
        header = document["MessageHeader"]
        if "StatusCode" in header:
            told = header["StatusCode"]
            ours = self._statuses.get(told)
            if ours == _NOTHING:
                return self._settings.status_mapping, None
            if not isinstance(ours, int):
                raise _for_a_person("/MessageHeader/StatusCode", f"mã trạng thái {told}", f"status code {told}")
            return self._settings.status_mapping, {"number": number, "header": header, "status": ours}
        kind = header.get("DocumentType", {}).get("TypeName", "")
        if "ResponseFor" not in header or kind not in self._settings.results:
            name = f"loại văn bản {kind}" if kind else "văn bản không rõ loại"
            raise _for_a_person("/MessageHeader/DocumentType", name, f"a document of type {kind or 'unknown'}")
        traces = document.get("Traces", [])
        return self._settings.result_mapping, {
            "number": number,
            "header": header,
            "sent_at": traces[-1].get("Timestamp", "") if traces else "",
            "files": document["Attachments"],
        }

    def _unread(self, number: str, kept: Mapping[str, Any], faults: Sequence[Fault]) -> Submission:
        name = f"edxml-{number}-unread-{_digest([kept, [f.code + f.pointer for f in faults]])}"
        return Submission(name, None, _written(kept), mapping=self._settings.status_mapping, problem=tuple(faults))


def _is_unreadable(submission: Submission) -> bool:
    return submission.body is None and all(fault.code != FOR_A_PERSON for fault in submission.problem)


def _for_a_person(pointer: str, what: str, what_en: str) -> Refused:
    words = f"{what} phải do người xem quyết định", f"{what_en}: a person decides"
    return Refused.of(pointer, FOR_A_PERSON, *words)


def _digest(kept: Any) -> str:
    return hashlib.sha256(_written(kept)).hexdigest()[:12]


def _written(kept: Any) -> bytes:
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
