"""Dossiers, supplements and recalls, to an agency over the document trunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.edxml.client import Client
from connectors.edxml.envelope import write_document
from connectors.edxml.settings import Settings
from connectors.edxml.signature import Signer
from gateway.errors import DeliveryError, Rejected
from gateway.ports import Found, Heal, Health, Parcel, Receipt, Standing
from gateway.xml import write_xml

_NOTHING = Receipt("nothing-to-send", "Ánh xạ không có gì gửi lên trục văn bản · nothing for the document trunk")
_AGAIN = Heal(step=("document",))


class Documents:
    """Delivers ``document`` (an official document with the dossier's files) or ``recall`` (a status message that asks it back)."""

    def __init__(self, settings: Settings, client: Client, folder: Path = Path()) -> None:
        """Files that the settings name are relative to `folder`. Raises `Misconfigured` for a key that cannot be read."""
        self._settings = settings
        self._client = client
        self._signer = Signer(settings.sign, folder) if settings.sign is not None else None

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. The receipt's reference is the trunk's number of the document."""
        wanted = _wanted(parcel)
        if wanted is None:
            return _NOTHING
        kind, document = wanted
        whole = self._complete(document, parcel)
        try:
            root = write_document(whole)
        except ValueError as fault:  # a name or a character that edXML does not have
            raise Rejected(
                f"không viết được thành edXML · cannot be written as edXML: {fault}", code="not-edxml"
            ) from fault
        if self._signer is not None:
            root = self._signer.signed(root)
        verdict, number, reply = self._client.send(kind, write_xml(root), again=parcel.in_doubt)
        return Receipt(verdict.outcome, reply.excerpt(), number or None, duplicate=verdict.outcome == "duplicate")

    def find(self, parcel: Parcel) -> Found:
        """Ask what was sent, by DocumentId. A recall said again is one recall: ABSENT. A trunk that does not tell: UNKNOWN."""
        wanted = _wanted(parcel)
        if wanted is None or wanted[0] == "status":
            return Found.ABSENT
        sent = self._client.is_sent(self._own_id(wanted[1]["MessageHeader"]))
        if sent is None:
            self._client.agencies()  # a trunk that is away is another matter: the question stays open
            return Found.UNKNOWN
        return Found.ARRIVED if sent else Found.ABSENT

    def check(self) -> Sequence[Health]:
        """The list of agencies. Sends nothing."""
        question = "Trục văn bản có nhận hệ thống của cổng không? · Does the trunk know our system?"
        try:
            count = self._client.agencies()
        except DeliveryError as fault:
            return [Health(question, False, fault.reason)]
        return [Health(question, True, f"có, {count} cơ quan trên trục · yes, organisations on the trunk")]

    def _complete(self, document: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
        """The mapping's document with what only the trunk's own rules make of it: From, the ids, the trace, the files."""
        organ = self._settings.organ
        header = dict(document["MessageHeader"])
        header["From"] = {"OrganId": organ.code, "OrganName": organ.name}
        whole: dict[str, Any] = {"MessageHeader": header}
        if "StatusCode" in header:
            answered = header["ResponseFor"]
            number = answered["Code"]
            told = f"{organ.code},{answered['PromulgationDate']},{number}"
            header["ResponseFor"] = {**answered, "OrganId": organ.code, "DocumentId": told}
            return whole
        header["DocumentId"] = self._own_id(header)
        bussiness = {"DocumentId": header["DocumentId"], **document["Bussiness"]}
        if "updates" in document:  # BussinessDocType 2 names the document that it amends
            first = document["updates"]
            bussiness["DocumentId"] = f"{organ.code},{first['day']},{first['number']}"
        whole["Bussiness"] = bussiness
        whole["Traces"] = [{"OrganId": organ.code, "Timestamp": document["Timestamp"]}]
        whole["Attachments"] = [self._inline(one, parcel) for one in document["Attachments"]]
        return whole

    def _own_id(self, header: Mapping[str, Any]) -> str:
        """Organisation, day, number/sign: how the standard names a document."""
        code = header["Code"]
        day = header["PromulgationInfo"]["PromulgationDate"]
        return f"{self._settings.organ.code},{day},{code['CodeNumber']}/{code['CodeNotation']}"

    def _inline(self, file: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
        if "sha256" not in file:
            raise Rejected(
                f"tệp {file['AttachmentName']} không nằm trong cổng: tải lên cổng rồi gửi lại · the file is not parked with us",
                code="file-elsewhere",
            )
        content = parcel.read_file(file["sha256"])
        most = self._settings.file_bytes
        if len(content) > most:
            raise Rejected(
                f"tệp {file['AttachmentName']} lớn hơn {most} byte: gửi tệp nhỏ hơn · the file is too large",
                code="file-too-large",
            )
        return {"AttachmentName": file["AttachmentName"], "ContentType": file["ContentType"], "content": content}


class ListedDocuments(Documents):
    """Over a trunk that lists what was sent."""

    def state(self, told: Sequence[Parcel]) -> Standing | None:
        """Ask what was sent, by DocumentId. That tells of documents, neither of recalls nor of a status."""
        wanted = [(parcel.key, _wanted(parcel)) for parcel in told]
        took = {key: self._own_id(one[1]["MessageHeader"]) for key, one in wanted if one and one[0] == "edoc"}
        if not took:
            return None
        sent, whole = self._client.sent()
        lacking = [key for key, name in took.items() if name not in sent]
        if lacking and not whole:
            return None
        return Standing(len(lacking) < len(took), lacking=lacking, heal=_AGAIN, works=True)


def _wanted(parcel: Parcel) -> tuple[str, Mapping[str, Any]] | None:
    """What goes, and of which kind. A reception that is not the dossier's first was sent before."""
    for name, kind in (("document", "edoc"), ("recall", "status")):
        document = parcel.documents.get(name)
        if document is not None and document.get("FirstReceived", document.get("Timestamp")) == document.get(
            "Timestamp"
        ):
            return kind, document
    return None
