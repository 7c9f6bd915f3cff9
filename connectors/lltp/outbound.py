"""Dossiers to the Ministry, statuses and slips to VNeID."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from connectors.lltp import FOLDER
from connectors.lltp.client import MinistryClient, VneidClient
from connectors.lltp.files import fetched
from gateway.errors import DeliveryError
from gateway.meanings import read_meanings
from gateway.ports import Found, Heal, Health, Parcel, Receipt, Standing

_NOTHING = Receipt("nothing-to-send", "Không phải việc lý lịch tư pháp · nothing about a criminal record")
_NOBODY = "000.00.00.H00-000101-0000"  # no dossier has this code
_WAITS_FOR_PAPERS = "5"
_MEANINGS = read_meanings(FOLDER)
_AGAIN = Heal(step=("lltp",))  # it takes a dossier only that it does not have, or that waits for papers


class Vneid:
    """Delivers ``lltp`` documents to VNeID; one that its mapping left null is not for VNeID."""

    def __init__(self, client: VneidClient) -> None:
        self._client = client

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call, with the slip inline."""
        result = parcel.documents["lltp"]
        if result is None:
            return _NOTHING
        verdict, reply = self._client.result(fetched(result, parcel.read_file), again=parcel.in_doubt)
        return Receipt(result["trangThaiXuLy"], reply.excerpt(), duplicate=verdict.outcome == "duplicate")

    def find(self, parcel: Parcel) -> Found:
        """ABSENT, always: there is no question to ask, and a status said again leaves the dossier where the first left it."""
        return Found.ABSENT

    def check(self) -> Sequence[Health]:
        """Is there an answer at all? The service has no call that changes nothing."""
        return [_ask("VNeID có trả lời không? · Does VNeID answer?", self._client.reach)]


class Ministry:
    """Delivers ``lltp`` documents to the Ministry; one that its mapping left null is not for it."""

    def __init__(self, client: MinistryClient) -> None:
        self._client = client

    def deliver(self, parcel: Parcel) -> Receipt:
        """One call. `toKhai`, JSON text from the mapping, goes as an object with its files inline."""
        dossier = parcel.documents["lltp"]
        if dossier is None:
            return _NOTHING
        form = fetched(json.loads(dossier["toKhai"]), parcel.read_file)
        verdict, reply = self._client.register({**dossier, "toKhai": form}, again=parcel.in_doubt)
        return Receipt(verdict.outcome, reply.excerpt(), duplicate=verdict.outcome == "duplicate")

    def find(self, parcel: Parcel) -> Found:
        """Ask how it stands. A dossier known before that waits for papers there has not been handed in again."""
        dossier = parcel.documents["lltp"]
        row = self._client.standing(dossier["maHoSoMCDT"]) if dossier is not None else None
        if row is None or (parcel.known_there and str(row["trangThaiXuLy"]) == _WAITS_FOR_PAPERS):
            return Found.ABSENT
        return Found.ARRIVED

    def state(self, told: Sequence[Parcel]) -> Standing | None:
        """Ask how it stands. A dossier that it does not have goes again as it was handed in last: that one has all the papers."""
        took = [parcel for parcel in told if parcel.documents.get("lltp") is not None]
        if not took:
            return None
        code = took[-1].documents["lltp"]["maHoSoMCDT"]
        row = self._client.standing(code)
        if row is None:
            return Standing(False, lacking=(took[-1].key,), heal=_AGAIN, works=True)
        word = str(row["trangThaiXuLy"])
        words = f"{code}: trangThaiXuLy {word}"  # not the row: it holds a person's slip
        return Standing(True, word, _MEANINGS.get(word, ()), lacking=(), heal=_AGAIN, works=True, answer=words)

    def check(self) -> Sequence[Health]:
        """A question about no dossier. Hands in nothing."""
        return [_ask("Hệ thống của Bộ có nhận khóa của cổng không? · Does the Ministry know our key?", self._nobody)]

    def _nobody(self) -> str:
        self._client.standing(_NOBODY)
        return "có · yes"


def _ask(question: str, ask: Callable[[], Any]) -> Health:
    try:
        return Health(question, True, ask())
    except DeliveryError as fault:
        return Health(question, False, fault.reason)
