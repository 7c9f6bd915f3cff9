"""Deliveries to the land office: one document, one call. Files go inline, so they are read before the call is made."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors.vbdlis.client import Client
from connectors.vbdlis.settings import Settings
from connectors.vbdlis.times import write_time
from gateway.errors import DeliveryError, Misconfigured, Rejected
from gateway.outcomes import Outcomes
from gateway.ports import Found, Health, Parcel, Receipt

OUTCOMES = Outcomes.load(Path(__file__).parent / "outcomes.toml")
FILES = ("DanhSachGiayToDinhKem", "DanhSachGiayToBoSung")
PAPERS = "GiayToBanGiay"  # the mapping's own list: papers handed in without a file, which stand behind the files
TIMES = ("NgayTiepNhan", "NgayHenTra", "NgayHenTraMoi", "NgayTra")
HARMLESS = ("receive", "return")


class LandOffice:
    """Delivers the documents ``receive``, ``supplement``, ``return`` and ``wrong_result``; a message has one of them or none."""

    def __init__(self, settings: Settings, client: Client | None = None, outcomes: Outcomes = OUTCOMES) -> None:
        self._settings = settings
        self._client = client or Client(settings)
        self._outcomes = outcomes

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. The land office's own number for the dossier is our dossier code, so the receipt has no reference."""
        call = _call_of(parcel)
        if call is None:
            return Receipt("nothing-to-send", "Ánh xạ không có gì gửi văn phòng đất đai · nothing for the land office")
        said = self._client.send(call, self._complete(call, parcel))
        verdict = self._outcomes.settle(
            _judged_as(call, parcel),
            http=said.http,
            code=said.code,
            text=said.text,
            answer=said.excerpt,
            again=parcel.in_doubt,
            retry_after=said.retry_after,
        )
        return Receipt(said.code, said.excerpt, duplicate=verdict.outcome == "duplicate")

    def find(self, parcel: Parcel) -> Found:
        """The land office has no question to ask. A reception or a return sent again doubles nothing there: ABSENT.

        A supplement or a complaint would stand there twice, so of those only a person can tell: UNKNOWN.
        """
        return Found.ABSENT if _call_of(parcel) in (*HARMLESS, None) else Found.UNKNOWN

    def check(self) -> Sequence[Health]:
        question = "Văn phòng đất đai có ở địa chỉ này không? · Is the land office at this address?"
        try:
            status = self._client.knock()
        except DeliveryError as fault:
            return [Health(question, False, fault.reason)]
        # Only POST is served there, so a live service answers a GET with 405, or 400, or a page of its own.
        return [Health(question, status in (200, 400, 405, 415), f"HTTP {status}")]

    def _complete(self, call: str, parcel: Parcel) -> dict[str, Any]:
        """The document as it goes: the operator's own constant, their times, the files inline."""
        document = dict(parcel.documents[call])
        if call == "receive":
            document["LaQuyTrinhCapTinh"] = self._settings.provincial
        papers = document.pop(PAPERS, [])
        for name in FILES:
            if name in document:
                document[name] = [*(self._inline(paper, parcel) for paper in document[name]), *papers]
        return {name: write_time(value) if name in TIMES else value for name, value in document.items()}

    def _inline(self, paper: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
        file = paper.get("TapTin")
        if file is None:
            return dict(paper)
        content = parcel.read_file(file["sha256"]) if "sha256" in file else self._fetch(file["url"])
        if len(content) > self._settings.file_bytes:
            raise Rejected(
                f"tệp {file['name']} lớn hơn {self._settings.file_bytes} byte: gửi tệp nhỏ hơn · the file is too large",
                code="file-too-large",
            )
        return {**paper, "TapTin": {"name": file["name"], "data": b64encode(content).decode()}}

    def _fetch(self, url: str) -> bytes:
        try:
            reply = self._client.fetch(url)
        except Misconfigured as fault:
            raise Rejected(
                f"không được lấy tệp từ nơi này: thêm vào file_hosts hoặc tải tệp lên cổng · {fault}", code="file-host"
            ) from fault
        self._outcomes.settle("file", http=reply.status, answer=url[:500], retry_after=reply.retry_after())
        return reply.body


def _call_of(parcel: Parcel) -> str | None:
    return next((name for name, document in parcel.documents.items() if document is not None), None)


def _judged_as(call: str, parcel: Parcel) -> str:
    """A dossier amended by its owner is another matter than one sent again: "already there" means it was not changed."""
    amended = call == "receive" and parcel.known_there and parcel.message.type == "DossierSubmitted"
    return "receive.amended" if amended else call
