"""Dossiers, supplements and withdrawals, to an OpenCPS server: several calls a delivery, each remembered before the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.opencps import FOLDER
from connectors.opencps.client import Client, mark_of, reference_of
from connectors.opencps.settings import Settings
from connectors.opencps.times import write_time
from gateway.errors import DeliveryError, Rejected, Unclassified
from gateway.meanings import read_meanings
from gateway.ports import Found, Heal, Health, Parcel, Receipt, Standing

TIMES = ("submitDate", "receiveDate", "dueDate")
_FILES = "files"  # of a document: what goes by calls of its own
_STOOD = (
    "stood"  # a step of ours: how the dossier stood before the delivery's calls, as `mark_of`; "" when it was not there
)
_NOBODY = reference_of("")  # no dossier has this reference
_WITHDRAWN = 7
_ENDED = {_WITHDRAWN, 8, 9}
_MEANINGS = read_meanings(FOLDER)
_AGAIN = Heal(step=("dossier", "step"))


class Dossiers:
    """Delivers ``dossier`` (the dossier and its files) or ``step`` (files, then an action of their process, or an information)."""

    def __init__(self, settings: Settings, client: Client) -> None:
        self._settings = settings
        self._client = client

    def deliver(self, parcel: Parcel) -> Receipt:
        """The calls that are still to be made. The receipt's reference is the dossier's referenceUid."""
        dossier, step = parcel.documents.get("dossier"), _step_of(parcel)
        if dossier is None and step is None:
            return Receipt("nothing-to-send", "Ánh xạ không có gì gửi OpenCPS · nothing for OpenCPS")
        reference = reference_of(parcel.message.dossier)
        words = "đã nhận · taken"
        if step is not None and self._goal(step["occasion"]) is not None:
            parcel.remember(_STOOD, self._standing(reference)[1])
        if dossier is not None:
            words = self._put_dossier(reference, dossier, parcel)
        if step is not None:
            self._put_files(reference, step[_FILES], parcel)
            words = self._take_step(reference, step, parcel)
        return Receipt("200", words, reference)

    def find(self, parcel: Parcel) -> Found:
        """A dossier and its files replace themselves, so they may go again: ABSENT.

        Whether a step was taken the status tells: not, while the dossier stands where it stood before; when it stands neither there nor at
        the goal, it may have been taken and the officer have gone on.
        """
        step = _step_of(parcel)
        goal = self._goal(step["occasion"]) if step is not None else None
        if goal is None:
            return Found.ABSENT
        status, mark = self._standing(reference_of(parcel.message.dossier))
        if status == goal:
            return Found.ARRIVED
        return Found.ABSENT if parcel.steps.get(_STOOD) == mark else Found.UNKNOWN

    def state(self, told: Sequence[Parcel]) -> Standing | None:
        """Look at the dossier. One that is not there goes again as it was received last, with what came after that.

        A withdrawal is lacking while the dossier goes on there; one that ended otherwise nobody sets back. What is asked back there, and nobody
        withdrew here, they never tell by themselves.
        """
        received = [place for place, parcel in enumerate(told) if parcel.documents.get("dossier") is not None]
        if not received:
            return None
        found = self._client.standing(reference_of(told[0].message.dossier))
        if found is None:
            return Standing(False, lacking=[one.key for one in told[received[-1] :]], heal=_AGAIN, works=True)
        word = str(found["dossierStatus"])
        withdrawn = [one.key for one in told if (_step_of(one) or {}).get("occasion") == "withdrawn"]
        taken = bool(withdrawn) and word == self._goal("withdrawn")
        statuses = (_WITHDRAWN,) if taken else _MEANINGS.get(word, ())
        return Standing(
            True, word, statuses, lacking=withdrawn[-1:] if not _ENDED & set(statuses) else (), heal=_AGAIN,
            works=_WITHDRAWN not in statuses, answer=f"{told[0].message.dossier}: dossierStatus {word}",
        )  # fmt: skip

    def check(self) -> Sequence[Health]:
        """Look for a dossier that does not exist. Changes nothing."""
        question = "OpenCPS có nhận tài khoản của cổng không? · Does OpenCPS know our account?"
        try:
            self._client.standing(_NOBODY)
        except DeliveryError as fault:
            return [Health(question, False, fault.reason)]
        return [Health(question, True, "có · yes")]

    def _standing(self, reference: str) -> tuple[str, str]:
        """The dossierStatus, and the mark of how it stands; both "" when they have no such dossier."""
        found = self._client.standing(reference)
        return ("", "") if found is None else (str(found["dossierStatus"]), mark_of(found))

    def _put_dossier(self, reference: str, dossier: Mapping[str, Any], parcel: Parcel) -> str:
        form = {
            name: write_time(value) if name in TIMES else value for name, value in dossier.items() if name != _FILES
        }
        words = ""
        if "dossier" not in parcel.steps:
            words = self._client.put_dossier({"referenceUid": reference, **form}, again=parcel.in_doubt).excerpt(500)
            if dossier[_FILES]:
                parcel.remember("dossier", "done")
        self._put_files(reference, dossier[_FILES], parcel)
        return words

    def _put_files(self, reference: str, files: Sequence[Mapping[str, Any]], parcel: Parcel) -> None:
        for file in files:
            about = {name: value for name, value in file.items() if name not in ("id", "sha256")}
            about["referenceUid"] = reference_of(parcel.message.dossier, file["id"])
            name = f"file {about['referenceUid']}"
            if name not in parcel.steps:
                self._client.put_file(reference, about, self._content(file, parcel), again=parcel.in_doubt)
                parcel.remember(name, "done")

    def _content(self, file: Mapping[str, Any], parcel: Parcel) -> bytes:
        if "sha256" not in file:
            raise Rejected(
                f"tệp {file['displayName']} không nằm trong cổng: tải lên cổng rồi gửi lại · the file is not parked with us",
                code="file-elsewhere",
            )
        content = parcel.read_file(file["sha256"])
        if len(content) > self._settings.file_bytes:
            raise Rejected(
                f"tệp {file['displayName']} lớn hơn {self._settings.file_bytes} byte: gửi tệp nhỏ hơn · the file is too large",
                code="file-too-large",
            )
        return content

    def _take_step(self, reference: str, step: Mapping[str, Any], parcel: Parcel) -> str:
        """An action; else, for a withdrawal, an information that is looked after, for it always claims success."""
        action = self._settings.actions.get(step["occasion"])
        if action is not None:
            told = {"actionCode": action.code, "actionUser": step["actionUser"], "actionNote": step["actionNote"]}
            return self._client.act(reference, told, again=parcel.in_doubt).excerpt(500)
        goal = self._goal(step["occasion"])
        if goal is None:
            return "đã gửi giấy tờ bổ sung · the papers are there"
        change = {"dossierStatus": goal, "dossierNote": step["actionNote"]}
        words = self._client.inform(reference, change, again=parcel.in_doubt).excerpt(500)
        status, _ = self._standing(reference)
        if status != goal:
            where = status or "không có hồ sơ · no such dossier"
            raise Unclassified(
                f"inform: báo thành công nhưng hồ sơ đang ở {where}; cán bộ hỏi cơ quan · success was claimed, and nothing changed",
                code="inform-without-effect",
                answer=words,
            )
        return words

    def _goal(self, occasion: str) -> str | None:
        """The dossierStatus that a step leads to; None where files alone go."""
        action = self._settings.actions.get(occasion)  # type: ignore[call-overload]
        if action is not None:
            return str(action.leads_to)
        return "cancelling" if occasion == "withdrawn" else None


def _step_of(parcel: Parcel) -> Mapping[str, Any] | None:
    """The step, where there is an occasion for one."""
    step: Mapping[str, Any] | None = parcel.documents.get("step")
    return step if step is not None and "occasion" in step else None
