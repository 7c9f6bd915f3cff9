"""The mailbox: see `gateway.mailbox`. Two kinds come: status messages about what we sent, and official documents in answer to it."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from connectors.edxml import FOLDER
from connectors.edxml.client import KINDS, Client
from connectors.edxml.envelope import read_document
from connectors.edxml.settings import Settings
from connectors.edxml.signature import Proof
from gateway.canonical.scalars import HANOI
from gateway.errors import Fault, Refused
from gateway.mailbox import FOR_A_PERSON, Mailbox, Row, digest, written
from gateway.ports import Desk, Submission
from gateway.xml import read_xml

_STRAY = re.compile(rb"\A[^<]{0,1024}(?=<\?xml\s)")
_NOTHING = "nothing"
_NO_NUMBER = Fault("", "list-row", "dòng danh sách thiếu docId", "the row has no docId")


class DocumentBox(Mailbox):
    """Reads both lists of the mailbox."""

    def __init__(self, client: Client, settings: Settings, desk: Desk, folder: Path = Path()) -> None:
        """Files that the settings name are relative to `folder`. Raises `Misconfigured` for a certificate that cannot be read."""
        super().__init__(settings.page_size)
        self._client = client
        self._settings = settings
        self._desk = desk
        self._proof = Proof(settings, folder)
        self._listed: date | None = None
        table = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))
        self._statuses = {row["theirs"]: row["ours"] for row in table["status"]}

    def _waiting(self) -> Sequence[Row]:
        now = self._desk.now()
        since = date.fromisoformat(self._read_to) if self._read_to is not None else None
        rows = [row for kind in KINDS for row in self._client.received(kind, now, since)]
        self._listed = now.astimezone(HANOI).date()
        return [(str(row["docId"]) if "docId" in row else digest(row), row) for row in rows]

    def _day(self) -> str | None:
        return self._listed.isoformat() if self._listed is not None and self._client.lists_by_days else None

    def _take(self, number: str, row: Any) -> tuple[Sequence[Submission], bool]:
        if "docId" not in row:
            return [self._unread(number, {"row": row}, [_NO_NUMBER])], False
        return self._submission(number, row, self._client.fetch(number)), True

    def _acknowledge(self, number: str, how: str) -> None:
        self._client.acknowledge(number, how)

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
            self._check_sender(str(document["MessageHeader"]["From"].get("OrganId")), body["dossier"])
        except Refused as refused:
            return [self._unread(number, kept, refused.faults)]
        return [Submission(body["id"], body, written(kept), mapping=mapping)]

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

    def _check_sender(self, organ: str, code: str) -> None:
        """Only who handles a dossier tells how it stands: a signature proves who speaks, not of what. Raises `Refused`."""
        known = self._desk.dossier(code)
        if known is None:
            words = f"hồ sơ {code} chưa gửi qua trục", f"dossier {code}, never sent over this trunk"
            raise _for_a_person("/MessageHeader/ResponseFor/Code", *words)
        handler = known["dossier"]["handled_by"]["code"]
        units = self._settings.answers_for.get(organ, ())
        if organ != handler and not any(fnmatchcase(handler, pattern) for pattern in units):
            words = f"lời của {organ[:60]} về hồ sơ của {handler}", f"{organ[:60]} speaking of a dossier of {handler}"
            raise _for_a_person("/MessageHeader/From/OrganId", *words)

    def _unread(self, number: str, kept: Mapping[str, Any], faults: Sequence[Fault]) -> Submission:
        name = f"edxml-{number}-unread-{digest([kept, [f.code + f.pointer for f in faults]])}"
        return Submission(name, None, written(kept), mapping=self._settings.status_mapping, problem=tuple(faults))


def _for_a_person(pointer: str, what: str, what_en: str) -> Refused:
    words = f"{what} phải do người xem quyết định", f"{what_en}: a person decides"
    return Refused.of(pointer, FOR_A_PERSON, *words)
