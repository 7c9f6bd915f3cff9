"""Our own dossiers to the Ministry's units, and the steps of theirs back to them."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from connectors.bttt_profile.client import Client
from connectors.bttt_profile.settings import Settings
from gateway.errors import DeliveryError, Rejected
from gateway.ports import Found, Health, Parcel, Receipt

_NAMES = UUID("c1b7f2d4-5c3e-5a8f-8f70-2d6f3f5b1a90")  # of the references that we give


class Profiles:
    """Delivers ``profile`` (a dossier of ours) or ``status`` (a step of one of theirs); one that its mapping left null is not sent."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. The receipt's reference is the profile's ref_code."""
        call = _call_of(parcel)
        if call is None:
            return Receipt(
                "nothing-to-send", "Ánh xạ không có gì gửi trục của Bộ · nothing for the Ministry's exchange"
            )
        document = self._complete(call, parcel)
        verdict, words = self._client.send(call, document, again=parcel.in_doubt)
        return Receipt("0", words, document["ref_code"], duplicate=verdict.outcome == "duplicate")

    def find(self, parcel: Parcel) -> Found:
        """There is no question to ask. A step said again is one step: ABSENT. A dossier sent again would lie there twice: UNKNOWN."""
        return Found.UNKNOWN if _call_of(parcel) == "profile" else Found.ABSENT

    def check(self) -> Sequence[Health]:
        """A token, and the mailbox. Acknowledges nothing."""
        account = "Trục của Bộ có nhận tài khoản của cổng không? · Does the exchange know our account?"
        mailbox = "Đọc được hộp thư không? · Can the mailbox be read?"
        try:
            self._client.ask_for_token()
        except DeliveryError as fault:
            return [Health(account, False, fault.reason)]
        known = Health(account, True, "có, đã cấp token · yes, it gave a token")
        try:
            rows = self._client.waiting()
        except DeliveryError as fault:
            return [known, Health(mailbox, False, fault.reason)]
        return [known, Health(mailbox, True, f"{len(rows)} hồ sơ chờ · waiting")]

    def _complete(self, call: str, parcel: Parcel) -> dict[str, Any]:
        """The document with who sends it to whom; a dossier of ours with a reference of ours, and its files inline."""
        document = {**parcel.documents[call], "from_unit_code": self._settings.unit_code}
        if call == "profile":
            document["ref_code"] = str(uuid5(_NAMES, parcel.message.dossier))
            document["to_unit_code"] = list(self._settings.to_units)
            document["profileAttachments"] = [self._inline(file, parcel) for file in document["profileAttachments"]]
        return document

    def _inline(self, file: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
        """A file parked with us goes as base64, one that lies elsewhere by its address."""
        about = {name: value for name, value in file.items() if name != "sha256"}
        if "sha256" not in file:
            return about
        content = parcel.read_file(file["sha256"])
        if len(content) > self._settings.file_bytes:
            raise Rejected(
                f"tệp {file['attachment_name']} lớn hơn {self._settings.file_bytes} byte: gửi tệp nhỏ hơn · the file is too large",
                code="file-too-large",
            )
        return {**about, "content_transfer_encoded": b64encode(content).decode()}


def _call_of(parcel: Parcel) -> str | None:
    return next((name for name in ("profile", "status") if parcel.documents.get(name) is not None), None)
