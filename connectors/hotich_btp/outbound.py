"""Registrations, to the register."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.hotich_btp import FOLDER
from connectors.hotich_btp.client import Client
from gateway.errors import DeliveryError
from gateway.meanings import read_meanings
from gateway.ports import Found, Heal, Health, Parcel, Receipt, Standing

MARK = "lt:"  # what of the facts is not the form's own
_FILE = "duLieuTepDinhKem"  # comes from the mapping as the file's sha256
_WAITS_FOR_PAPERS = "2"
_NOBODY = "000.00.00.H00-000101-0000"  # no dossier has this code
_MEANINGS = read_meanings(FOLDER)
_AGAIN = Heal(step=("registration",))  # it takes one only of a dossier that it does not have, or that waits for papers


class Register:
    """Delivers ``registration`` documents; one that its mapping left null is not for the register."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call, with the papers inline."""
        registration = parcel.documents["registration"]
        if registration is None:
            return Receipt("nothing-to-send", "Không phải việc đăng ký hộ tịch · nothing for the register")
        verdict, code, reply = self._client.register(_on_the_wire(registration, parcel), again=parcel.in_doubt)
        return Receipt(code, reply.excerpt(), duplicate=verdict.outcome == "duplicate")

    def find(self, parcel: Parcel) -> Found:
        """Ask LayKetQua. A dossier known before that waits for papers there has not been registered again."""
        registration = parcel.documents["registration"]
        if registration is None:
            return Found.ABSENT
        code = registration["maHoSoMCDT"]
        for row in self._client.results([code], registration["module"]):
            if row.get("maHoSoMCDT") == code:
                waits = parcel.known_there and str(row.get("trangThai")) == _WAITS_FOR_PAPERS
                return Found.ABSENT if waits else Found.ARRIVED
        return Found.ABSENT

    def state(self, told: Sequence[Parcel]) -> Standing | None:
        """Ask LayKetQua. Of a dossier that it does not have the last registration goes again: that one has all the papers."""
        took = [parcel for parcel in told if parcel.documents.get("registration") is not None]
        if not took:
            return None
        registration = took[-1].documents["registration"]
        code = registration["maHoSoMCDT"]
        for row in self._client.results([code], registration["module"]):
            if row.get("maHoSoMCDT") == code:
                word = str(row.get("trangThai"))
                words = f"{code}: trangThai {word}"  # not the row: it holds a person's certificate
                return Standing(True, word, _MEANINGS.get(word, ()), lacking=(), heal=_AGAIN, works=True, answer=words)
        return Standing(False, lacking=(took[-1].key,), heal=_AGAIN, works=True)

    def check(self) -> Sequence[Health]:
        """A token, and a question about no dossier. Registers nothing."""
        account = "Trục liên thông có nhận tài khoản của cổng không? · Does the axis know our account?"
        asking = "Hỏi kết quả được không? · Can results be asked for?"
        try:
            self._client.ask_for_token()
        except DeliveryError as fault:
            return [Health(account, False, fault.reason)]
        known = Health(account, True, "có, đã cấp token · yes, it gave a token")
        try:
            self._client.results([_NOBODY], "LTKS")
        except DeliveryError as fault:
            return [known, Health(asking, False, fault.reason)]
        return [known, Health(asking, True, "được · yes")]


def _on_the_wire(registration: Mapping[str, Any], parcel: Parcel) -> dict[str, Any]:
    form = {name: value for name, value in registration["data"].items() if not name.startswith(MARK)}
    papers = [
        {**paper, _FILE: b64encode(parcel.read_file(paper[_FILE])).decode()} for paper in registration["fileDinhKem"]
    ]
    return {**registration, "data": form, "fileDinhKem": papers}
