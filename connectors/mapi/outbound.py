"""Deliveries to the portal: which calls make one delivery, in which order, what is remembered between."""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from connectors.mapi.client import Client, Done
from connectors.mapi.settings import Settings
from gateway.errors import AskFirst, DeliveryError, Rejected
from gateway.ports import RESTORED, Found, Heal, Health, Parcel, Receipt, Standing

STATUSES: Mapping[str, Sequence[int]] = {
    row["theirs"]: (row["ours"],)
    for row in tomllib.loads((Path(__file__).parent / "statuses.toml").read_text(encoding="utf-8"))["status"]
}

# The order of the calls. The dossier first: the portal refuses progress of a dossier it does not have.
STEPS = ("dossier", "progress", "portal_status")

# Where each row that cannot be repeated keeps its moment, its status and its words; TraCuuHoSo shows them
# under the first names.
_ROW = ("ThoiDiemXuLy", "TrangThai", "NoiDungXuLy")
_ROW_OF = {"progress": _ROW, "portal_status": ("NgayXuLy", "TrangThai", "NoiDung")}

# An update sets the dossier as it stands and may be repeated; a row is added each time. A dossier born on the portal is founded by nobody
# else, and its status goes with a row.
_OURS = Heal(status=("dossier",), step=("progress",), anew=True)
_PORTAL_BORN = Heal(step=("portal_status",))


class MapiOutbound:
    """Delivers dossiers, progress rows and statuses.

    A document that its mapping left null does not apply and is not sent. Used by several threads at once.
    """

    def __init__(self, settings: Settings, client: Client | None = None) -> None:
        self._client = client or Client(settings)
        self.together = settings.batch
        self._progress_key = settings.progress_in_lookup
        self._send = {
            "dossier": self._send_dossier,
            "progress": self._send_progress,
            "portal_status": self._send_status,
        }

    def deliver(self, parcel: Parcel) -> Receipt:
        """Make the calls that are still to be made. Raises as the outcome table has it."""
        return self._finish(parcel, dict(parcel.steps))

    def deliver_together(self, parcels: Sequence[Parcel]) -> Sequence[Receipt | DeliveryError]:
        """As `deliver` for the heads of several lanes; one result each, in order.

        Dossiers share calls of at most `batch`; with a batch of 1 this is `deliver` for each.
        Nobody has seen a result per dossier, so a batch counts as all or nothing: when it is refused each
        goes alone, which finds the bad one and doubles nothing, because an update may be repeated. Progress
        rows may not, and so never share a call.
        """
        shared: dict[int, Mapping[str, Any] | DeliveryError] = {}
        for updating in (False, True):
            fit = [
                p for p in parcels if p.known_there is updating and not p.in_doubt and _pending(p)[:1] == ["dossier"]
            ]
            for start in range(0, len(fit), self.together):
                group = fit[start : start + self.together]
                if len(group) > 1:
                    shared |= self._sync_together(group, updating)
        return [self._conclude(parcel, shared.get(parcel.delivery)) for parcel in parcels]

    def find(self, parcel: Parcel) -> Found:
        """Ask TraCuuHoSo. An answer without progress rows is UNKNOWN; a question that failed raises.

        A dossier that may have arrived is ABSENT: it goes again, as an update if it is there, which doubles
        nothing. Nor can it overwrite anything newer, since its lane sends nothing newer before this delivery
        is settled.
        """
        pending = _pending(parcel)
        if not pending:
            return Found.ARRIVED
        document = parcel.documents[pending[0]]
        held = self._client.look_up(document["MaHoSo"])
        if RESTORED in parcel.steps:
            return self._find_restored(parcel, pending, held)
        return Found.ABSENT if pending[0] == "dossier" else self._find_row(pending[0], document, held)

    def state(self, told: Sequence[Parcel]) -> Standing:
        """Ask TraCuuHoSo. A row counts as lacking when fewer are there than were sent with its moment and status.

        A dossier born on the portal shows the reduced codes: what one means is what it was told with. Where a row
        lacks and another is there that nobody told, the one may be the other, changed there or made otherwise by
        today's mapping: no row is to be sent then, it would stand there twice.
        """
        born_there = told[0].message.type != "DossierSubmitted" or told[0].documents.get("dossier") is None
        held = [
            item
            for item in self._client.look_up(told[0].message.dossier)
            if item.get("MaHoSo") == told[0].message.dossier
        ]
        heal = _PORTAL_BORN if born_there else _OURS
        if not held:
            return Standing(there=False, heal=heal)
        theirs = held[0].get("TrangThaiHoSo")
        word = theirs if isinstance(theirs, str) else None
        statuses = _meanings(word, told) if born_there else STATUSES.get(word or "", ())
        rows = held[0].get(self._progress_key)
        lacking, strange = _compare_rows(told, rows) if isinstance(rows, list) else (None, False)
        return Standing(
            there=True,
            theirs=_words(word, statuses),
            statuses=statuses,
            lacking=lacking,
            heal=replace(heal, step=()) if lacking and strange else heal,
            answer=json.dumps(held[0], ensure_ascii=False)[:2000],
        )

    def check(self) -> Sequence[Health]:
        """Log in anew, and read the shared catalogue."""
        return [
            _ask("Đăng nhập được vào Cổng không? · Can we log in?", self._log_in),
            _ask("Đọc được danh mục thủ tục không? · Can we read the catalogue?", self._count_procedures),
        ]

    def _finish(self, parcel: Parcel, done: dict[str, Any]) -> Receipt:
        wanted = _wanted(parcel)
        for name in wanted:
            if name not in done:
                done[name] = self._send[name](parcel)
                if name != wanted[-1]:
                    parcel.remember(name, done[name])
        if not wanted:
            return Receipt(
                "nothing-to-send", "Ánh xạ không có gì gửi lên Cổng · the mappings have nothing for the portal"
            )
        said = [done[name] for name in wanted]
        words = "; ".join(f"{step['call']}: {step['text'] or step['code']}" for step in said)
        return Receipt(said[-1]["code"], words, duplicate=any(step["duplicate"] for step in said))

    def _send_dossier(self, parcel: Parcel) -> dict[str, Any]:
        items = [parcel.documents["dossier"]]
        done = self._client.sync(items, updating=self._is_there(parcel))
        if done.then == "update":
            done = self._client.sync(items, updating=True)
        return _step("DongBoHoSoMC", done)

    def _send_progress(self, parcel: Parcel) -> dict[str, Any]:
        return _step("CapNhatTienDoHoSoMC", self._client.report([parcel.documents["progress"]]))

    def _send_status(self, parcel: Parcel) -> dict[str, Any]:
        return _step("DongBoTrangThaiHoSo", self._client.tell_status(parcel.documents["portal_status"]))

    def _is_there(self, parcel: Parcel) -> bool:
        """Does the portal have the dossier? Yes, no, or `AskFirst`: a failed question is never a no."""
        if parcel.known_there or not parcel.in_doubt:
            return parcel.known_there
        try:
            return bool(self._client.look_up(parcel.documents["dossier"]["MaHoSo"]))
        except DeliveryError as error:
            reason = f"whether the portal has the dossier is not known: {error.reason}"
            raise AskFirst(reason, code=error.code, answer=error.answer, retry_after=error.retry_after) from error

    def _find_row(self, name: str, document: Mapping[str, Any], held: Iterable[Mapping[str, Any]]) -> Found:
        wanted = [document[field] for field in _ROW_OF[name]]
        for dossier in held:
            rows = dossier.get(self._progress_key)
            if dossier.get("MaHoSo") == document["MaHoSo"] and isinstance(rows, list):
                there = any(isinstance(row, dict) and [row.get(field) for field in _ROW] == wanted for row in rows)
                return Found.ARRIVED if there else Found.ABSENT
        return Found.UNKNOWN

    def _find_restored(self, parcel: Parcel, pending: Sequence[str], held: Sequence[Mapping[str, Any]]) -> Found:
        """Any of the calls may have been made, by a ledger that is lost. A row tells of itself, and of the dossier sent before it.

        A submission changes no status and a lane keeps its order: a portal at another status than the
        submission's has had it, and more.
        """
        rows = [name for name in pending if name in _ROW_OF]
        if not held:
            return Found.ABSENT
        if rows:
            return self._find_row(rows[-1], parcel.documents[rows[-1]], held)
        status = parcel.documents["dossier"]["TrangThaiHoSo"]
        moved_on = any(dossier.get("TrangThaiHoSo") not in (None, status) for dossier in held)
        return Found.ARRIVED if moved_on else Found.ABSENT

    def _sync_together(self, group: Sequence[Parcel], updating: bool) -> dict[int, Mapping[str, Any] | DeliveryError]:
        try:
            done = self._client.sync([parcel.documents["dossier"] for parcel in group], updating=updating)
        except Rejected:
            return {}
        except DeliveryError as error:
            return {parcel.delivery: error for parcel in group}
        return {} if done.then else {parcel.delivery: _step("DongBoHoSoMC", done) for parcel in group}

    def _conclude(self, parcel: Parcel, shared: Mapping[str, Any] | DeliveryError | None) -> Receipt | DeliveryError:
        if isinstance(shared, DeliveryError):
            return shared
        done = dict(parcel.steps)
        if shared is not None:
            done["dossier"] = shared
            if _wanted(parcel) != ["dossier"]:
                parcel.remember("dossier", shared)
        try:
            return self._finish(parcel, done)
        except DeliveryError as error:
            return error

    def _log_in(self) -> str:
        self._client.log_in_again()
        return "có phiên mới · a fresh session"

    def _count_procedures(self) -> str:
        return f"{len(self._client.procedures())} thủ tục · procedures"


def _meanings(word: str | None, told: Sequence[Parcel]) -> Sequence[int]:
    """The statuses that were told by this reduced code."""
    documents = [(parcel.documents.get("portal_status"), parcel.message.body) for parcel in told]
    found = [body["status"] for document, body in documents if document is not None and document["TrangThai"] == word]
    return list(dict.fromkeys(found)) or STATUSES.get(word or "", ())


def _words(word: str | None, statuses: Sequence[int]) -> str | None:
    """The portal's own code, and which statuses it does not tell apart where it stands for several."""
    if len(statuses) < 2:
        return word
    codes = ", ".join(str(code) for code in sorted(statuses))
    return f"{word} (bộ mã rút gọn: không phân biệt {codes})"


def _compare_rows(told: Sequence[Parcel], rows: Sequence[Any]) -> tuple[list[str], bool]:
    """The keys of those whose row is not there, and whether rows are there that nobody told.

    Of two alike that were sent, two must be there; its words may have been put otherwise.
    """
    there = Counter(tuple(str(row.get(field)) for field in _ROW[:2]) for row in rows if isinstance(row, dict))
    found = []
    for parcel in told:
        for name in _ROW_OF:
            document = parcel.documents.get(name)
            if document is None:
                continue
            row = tuple(document[field] for field in _ROW_OF[name][:2])
            if there[row] <= 0:
                found.append(parcel.key)
            there[row] -= 1
    return found, any(count > 0 for count in there.values())


def _wanted(parcel: Parcel) -> list[str]:
    return [name for name in STEPS if parcel.documents.get(name) is not None]


def _pending(parcel: Parcel) -> list[str]:
    return [name for name in _wanted(parcel) if name not in parcel.steps]


def _step(call: str, done: Done) -> dict[str, Any]:
    return {"call": call, "code": done.code, "text": done.text, "duplicate": done.duplicate}


def _ask(question: str, ask: Any) -> Health:
    try:
        return Health(question, True, ask())
    except DeliveryError as error:
        return Health(question, False, error.reason)
