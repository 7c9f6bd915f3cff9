"""Dossiers and the trace of their steps, to the axis."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.msync.client import Client
from connectors.msync.settings import Settings
from connectors.msync.times import write_time
from gateway.errors import DeliveryError, Rejected
from gateway.ports import Found, Health, Parcel, Receipt

_CALLS = {"document": "SyncDocument", "trace": "UpdateDocumentTraces"}  # in this order: a trace wants its dossier there
TIMES = {
    "DateReceived", "DateAppointed", "SuccessDate", "ReturnedDate", "FinishedDate", "DateCreated", "SendDate", "ReceivedDate",
    "OldDateAppointed", "NewDateAppointed",
}  # fmt: skip


class Axis:
    """Delivers ``document`` (the whole dossier, each time) and ``trace`` (one step); one that its mapping left null is not sent."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call for each document, each answer remembered before the next."""
        wanted = [name for name in _CALLS if parcel.documents.get(name) is not None]
        if not wanted:
            return Receipt("nothing-to-send", "Ánh xạ không có gì gửi lên trục · nothing for the axis")
        duplicate, words = False, ""
        for name in wanted:
            if name in parcel.steps:
                continue
            verdict, words = self._client.tell(_CALLS[name], self._on_the_wire(name, parcel), again=parcel.in_doubt)
            duplicate |= verdict.outcome == "duplicate"
            if name != wanted[-1]:
                parcel.remember(name, verdict.outcome)
        return Receipt("200", words, duplicate=duplicate)

    def find(self, parcel: Parcel) -> Found:
        """ABSENT, always: there is no question to ask, the whole dossier replaces itself, and a step said again is one step."""
        return Found.ABSENT

    def check(self) -> Sequence[Health]:
        """A token asked for anew. Sends nothing."""
        question = "Trục có nhận tài khoản của cổng không? · Does the axis know our account?"
        try:
            self._client.ask_for_token()
        except DeliveryError as fault:
            return [Health(question, False, fault.reason)]
        return [Health(question, True, "có, đã cấp token · yes, it gave a token")]

    def _on_the_wire(self, name: str, parcel: Parcel) -> dict[str, Any]:
        """Their times, their whole numbers for ids in the order of the lists, the files inline."""
        document = dict(_timed(parcel.documents[name]))
        if name == "document":
            files = enumerate(document["Attachments"], start=1)
            document["Attachments"] = [{"Attachmentld": i, **self._inline(file, parcel)} for i, file in files]
            document["Supplementaries"] = [
                {"SupplementaryId": i, **one} for i, one in enumerate(document["Supplementaries"], start=1)
            ]
        return document

    def _inline(self, file: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
        if "sha256" not in file:
            raise Rejected(
                f"tệp {file['AttachmentName']} không nằm trong cổng: tải lên cổng rồi gửi lại · the file is not parked with us",
                code="file-elsewhere",
            )
        content = parcel.read_file(file["sha256"])
        if len(content) > self._settings.file_bytes:
            raise Rejected(
                f"tệp {file['AttachmentName']} lớn hơn {self._settings.file_bytes} byte: gửi tệp nhỏ hơn · the file is too large",
                code="file-too-large",
            )
        about = {key: value for key, value in file.items() if key != "sha256"}
        return {**about, "Base64": b64encode(content).decode()}


def _timed(value: Any, name: str = "") -> Any:
    if isinstance(value, Mapping):
        return {key: _timed(one, key) for key, one in value.items()}
    if isinstance(value, list):
        return [_timed(one) for one in value]
    return write_time(value) if name in TIMES else value
