"""How dossiers stand on an OpenCPS server: it calls nobody who is not OpenCPS, so it is asked about each dossier that has not ended.

What it answers says when a dossier was last changed, not when it came to its status. An event's time is therefore when the server told us,
and no earlier than what it follows on. An answer says something new only when it differs from where the dossier stands; and a pause (for
papers, for money) only once: the citizen may have answered it here while their officer has not looked yet. The cursor names those pauses, each with
a digest of what the officer wrote: by other words one knows the next request, though nobody looked while the dossier stood elsewhere in between.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from tomllib import loads
from typing import Any

from connectors.opencps import FOLDER
from connectors.opencps.client import Client, mark_of, reference_of
from connectors.opencps.settings import Settings
from gateway.canonical.scalars import write_instant
from gateway.errors import DeliveryError, Fault, Refused
from gateway.ports import Desk, Page, Submission

ASKED = (2, 4, 5, 6, 8)  # after 9 the agency has nothing more to say
_IN_PROCESS, _SUPPLEMENT, _DONE = 4, 5, 9
_PAUSES = (5, 6)
_NOTHING = "nothing"


class Standings:
    """Asks in rounds over all dossiers there, a page at a time. What goes wrong with one question holds up no other; it is raised at the
    end of the round."""

    def __init__(self, client: Client, settings: Settings, desk: Desk) -> None:
        self._client = client
        self._settings = settings
        self._desk = desk
        table = loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))
        self._statuses = {row["theirs"]: row["ours"] for row in table["status"]}
        self._after = ""  # the last dossier asked about in this round
        self._pauses: dict[
            str, str
        ] = {}  # dossier → the pause that was told of it, as `mark_of`; older cursors have its word alone
        self._round: set[str] = set()  # dossiers asked about
        self._trouble: DeliveryError | None = None

    def poll(self, cursor: str | None) -> Page:
        """What is new of the next dossiers. The place in the round is kept here: after a restart a round begins anew, and doubles nothing."""
        self._pauses = json.loads(cursor) if cursor else {}
        rows = self._desk.waiting(ASKED, self._after, self._settings.page_size)
        items = [item for row in rows for item in self._asked(row)]
        self._round.update(row["dossier"]["dossier"] for row in rows)
        more = len(rows) == self._settings.page_size
        self._after = rows[-1]["dossier"]["dossier"] if more else ""
        if not more:
            self._end_round(told=bool(items))
        return Page(items, json.dumps(self._pauses, sort_keys=True), more)

    def _end_round(self, *, told: bool) -> None:
        """Dossiers that have ended are forgotten. Raises the round's trouble, unless there is something to commit first."""
        self._pauses = {code: pause for code, pause in self._pauses.items() if code in self._round}
        self._round.clear()
        if self._trouble is not None and not told:
            trouble, self._trouble = self._trouble, None
            raise trouble

    def _asked(self, known: Mapping[str, Any]) -> Sequence[Submission]:
        code = known["dossier"]["dossier"]
        reference = reference_of(code)
        try:
            row = self._client.standing(reference)
            if row is None or not self._is_news(code, row, known["status"]):
                return ()
            return list(self._moved(reference, row, self._statuses.get(row["dossierStatus"]), known))
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return ()

    def _is_news(self, code: str, row: Mapping[str, Any], standing: int) -> bool:
        told = row["dossierStatus"]
        ours = self._statuses.get(told)
        before = self._pauses.pop(code, None)
        if ours not in _PAUSES:
            return ours not in (_NOTHING, standing)
        pause = mark_of(row)
        if ours == standing and before is not None and before.startswith(f"{told} "):
            self._pauses[code] = (
                before  # other words while the first ones are still to be answered here: told afterwards
            )
            return False
        self._pauses[code] = pause
        return ours != standing and before not in (pause, told)

    def _moved(
        self, reference: str, row: Mapping[str, Any], ours: Any, known: Mapping[str, Any]
    ) -> Iterator[Submission]:
        """The messages of one move, in order; what no table or mapping can read, with its faults."""
        told = row["dossierStatus"]
        if not isinstance(ours, int):
            words = f"dossierStatus {told} phải do người xem quyết định", f"dossierStatus {told}: a person decides"
            yield self._unread(row, known, [Fault("/dossierStatus", "for-a-person", *words)])
            return
        document = {
            "row": row,
            "dossier": known["dossier"]["dossier"],
            "since": known["status_time"],
            "at": write_instant(max(self._desk.now(), datetime.fromisoformat(known["status_time"]))),
            "status": ours,
        }
        try:
            made = []
            if ours == _DONE:
                made += self._results(reference, document)
                if known["status"] != _IN_PROCESS:  # between two questions it went through "in process"
                    made.append(self._submission(self._settings.status_mapping, {**document, "status": _IN_PROCESS}))
            elif ours == _SUPPLEMENT:
                made.append(self._submission(self._settings.supplement_mapping, document))
            yield from [*made, self._submission(self._settings.status_mapping, document)]
        except Refused as refused:
            yield self._unread(row, known, refused.faults)

    def _results(self, reference: str, document: Mapping[str, Any]) -> list[Submission]:
        """The papers that the agency made, parked, as one message; none where it made none. Raises `Refused`."""
        files = [self._parked(reference, row) for row in self._client.results(reference)]
        return [self._submission(self._settings.result_mapping, {**document, "files": files})] if files else []

    def _parked(self, reference: str, row: Mapping[str, Any]) -> dict[str, Any]:
        content = self._client.fetch(reference, row["referenceUid"])
        media_type = "application/pdf" if content.startswith(b"%PDF-") else "application/octet-stream"
        self._desk.keep(content, media_type)
        return {**row, "sha256": hashlib.sha256(content).hexdigest(), "media_type": media_type}

    def _submission(self, mapping: str, document: Mapping[str, Any]) -> Submission:
        body = self._desk.translate(mapping, document)
        return Submission(body["id"], body, _written(document["row"]), mapping=mapping)

    def _unread(self, row: Mapping[str, Any], known: Mapping[str, Any], faults: Sequence[Fault]) -> Submission:
        said = [row["dossierStatus"], known["status_time"], [fault.pointer + fault.code for fault in faults]]
        digest = hashlib.sha256(_written(said)).hexdigest()[:12]
        name = f"opencps-{known['dossier']['dossier']}-unread-{digest}"
        return Submission(name, None, _written(row), mapping=self._settings.status_mapping, problem=tuple(faults))


def _written(kept: Any) -> bytes:
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
