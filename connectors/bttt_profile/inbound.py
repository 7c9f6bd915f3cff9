"""The mailbox: list → detail → commit → only then acknowledge.

The cursor is the list of what was committed with it; the next poll acknowledges that first: `done` for what was read, `fail` for what was
kept but could not be read, so that its sender hears of it and the exchange does not count one attempt after the other. A process that dies
in between fetches or acknowledges once more, which changes nothing.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.bttt_profile import FOLDER
from connectors.bttt_profile.client import Client
from connectors.bttt_profile.settings import Settings
from gateway.errors import DeliveryError, Fault, Refused, Rejected
from gateway.ports import Desk, Page, Submission

FOR_A_PERSON = "for-a-person"
_PATIENCE = 3
_NO_NUMBER = Fault("", "list-row", "dòng danh sách thiếu profileId", "the row has no profileId")
_NOTHING = "nothing"
_AMENDED, _RESULT = "CAPNHAT", "KETQUA"
_WAITS_FOR_PAPERS = 5
_CONTENT, _EFORM = "content_transfer_encoded", "data_eform"
_LONGEST_FACT = 2000


class Mailbox:
    """Reads the mailbox in rounds. A profile that cannot be fetched ends its round, for what follows may be about the same dossier and must not
    overtake it; after `_PATIENCE` rounds the others go on without it. The trouble is raised at the end of the round."""

    def __init__(self, client: Client, settings: Settings, desk: Desk) -> None:
        self._client = client
        self._settings = settings
        self._desk = desk
        table = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))
        self._statuses = {(row["field"], row["theirs"]): row["ours"] for row in table["status"]}
        self._seen: set[str] = set()  # in this round
        self._failed: dict[str, int] = {}  # how often in a row
        self._ended = False  # the round, before its time
        self._trouble: DeliveryError | None = None

    def poll(self, cursor: str | None) -> Page:
        """The next profiles of this round; `more` until every row of the list was looked at once."""
        stored: list[list[str]] = json.loads(cursor) if cursor else []
        left = [pair for pair in stored if not self._acknowledged(*pair)]
        rows = self._next_rows(skip=self._seen | {number for number, _ in left})
        items: list[Submission] = []
        for number, row in rows:
            self._seen.add(number)
            if not _is_whole(row):
                items.append(self._unread(number, {"row": row}, [_NO_NUMBER]))
                continue
            try:
                found = self._submissions(number, row, self._client.detail(number))
            except Rejected as refusal:  # they give it no more: its sender must send it again
                words = (
                    f"trục không đưa hồ sơ này ra: mã {refusal.code}",
                    f"the exchange does not give it: code {refusal.code}",
                )
                found = [self._unread(number, {"row": row}, [Fault("", "not-given", *words)])]
            except DeliveryError as trouble:
                self._trouble = self._trouble or trouble
                if self._must_wait(number):
                    break
                continue
            self._failed.pop(number, None)
            items += found
            left.append([number, "fail" if any(map(_is_unreadable, found)) else "done"])
        if not rows:
            self._end_round(progress=left != stored)
        return Page(items, json.dumps(left), more=bool(rows))

    def _must_wait(self, number: str) -> bool:
        """Must the others wait for the one that has just failed?"""
        self._failed[number] = self._failed.get(number, 0) + 1
        self._ended = self._failed[number] <= _PATIENCE
        return self._ended

    def _end_round(self, *, progress: bool) -> None:
        trouble, self._trouble = self._trouble, None
        self._seen.clear()
        self._ended = False
        if trouble is not None and not progress:
            raise trouble

    def _acknowledged(self, number: str, status: str) -> bool:
        try:
            self._client.acknowledge(number, status)
        except DeliveryError as trouble:
            self._trouble = self._trouble or trouble
            return False
        return True

    def _next_rows(self, skip: set[str]) -> Sequence[tuple[str, Any]]:
        if self._ended:
            return []
        keyed = [(str(row["profileId"]) if _is_whole(row) else _digest(row), row) for row in self._client.waiting()]
        return [(number, row) for number, row in keyed if number not in skip][: self._settings.page_size]

    def _submissions(self, number: str, row: Mapping[str, Any], profile: dict[str, Any]) -> Sequence[Submission]:
        """The messages that a profile makes, in order; one without a body for what no table or mapping reads."""
        kept: dict[str, Any] = {"row": row}
        try:
            files, kept["profile"] = self._parked(profile)
            document = {**self._document(number, kept["profile"], files), "sent_at": str(row.get("createTime") or "")}
            return [
                Submission(body["id"], body, _written(kept), mapping=mapping)
                for mapping, asked in self._asked(kept["profile"], document)
                for body in [self._desk.translate(mapping, asked)]
            ]
        except Refused as refused:
            kept.setdefault("profile", profile)
            return [self._unread(number, kept, refused.faults)]

    def _document(self, number: str, profile: Mapping[str, Any], files: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What every mapping reads. Raises `Refused` for an agency nobody has named."""
        told = str(profile.get("org_impl_code") or "")
        agency = self._settings.agencies.get(told) if told else self._settings.unit
        if agency is None:
            words = f"chưa khai cơ quan {told} trong agencies", f"no agency {told} among the settings' agencies"
            raise Refused.of("/org_impl_code", "unknown-agency", *words)
        facts = {
            f"bttt:{name}": value
            for name, value in profile.items()
            if isinstance(value, str) and 0 < len(value) <= _LONGEST_FACT
        }
        return {
            "number": number,
            "profile": profile,
            "files": list(files),
            "unit": self._settings.unit.model_dump(),
            "agency": agency.model_dump(),
            "facts": facts,
        }

    def _asked(self, profile: Mapping[str, Any], document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
        """Which mappings read it, and what of it. Raises `Refused`, also for what a person must read."""
        field = "status_profile" if profile.get("type") == "status" else "status"
        told = str(profile.get(field) or "")
        ours = self._statuses.get((field, told))
        if ours == _NOTHING:
            return []
        if ours == "dossier":
            known = self._desk.dossier(str(profile.get("source_id")))
            return [(self._settings.dossier_mapping, {**document, **self._beginning(told, known)})]
        if not isinstance(ours, int):
            words = (
                f"{field} {told or 'trống'} phải do người xem quyết định",
                f"{field} {told or 'empty'}: a person decides",
            )
            raise Refused.of(f"/{field}", FOR_A_PERSON, *words)
        step = (self._settings.step_mapping, {**document, "status": ours})
        papers = [file for file in document["files"] if file["id"] != _EFORM] if told == _RESULT else []
        results = [(self._settings.result_mapping, {**document, "files": papers})] if papers else []
        return [*results, step]

    def _beginning(self, told: str, known: Mapping[str, Any] | None) -> dict[str, Any]:
        """Where the dossier starts. Amended it may be only while it waits for papers. Raises `Refused`."""
        waits = known is not None and known["status"] == _WAITS_FOR_PAPERS
        if told == _AMENDED and not waits:
            words = "CAPNHAT của hồ sơ không chờ bổ sung", "CAPNHAT of a dossier that waits for no papers"
            raise Refused.of("/status", FOR_A_PERSON, *words)
        received_at = known["received_at"] if known is not None and waits else None
        return {"status": _WAITS_FOR_PAPERS if waits else 1, "received_at": received_at}

    def _parked(self, profile: Mapping[str, Any]) -> tuple[list[dict[str, Any]], dict[str, Any]]:
        """Its files, and the profile without their content. Raises `Refused`."""
        rows = profile.get("profileAttachments") or []
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Refused.of("/profileAttachments", "files", "phải là danh sách tệp", "must be a list of files")
        files = [self._claimed(row, number) for number, row in enumerate(rows) if str(row.get("is_deleted", 0)) != "1"]
        kept = {name: value for name, value in profile.items() if value is not None and name != _EFORM}
        if profile.get(_EFORM):
            form = {"id": _EFORM, "attachment_name": "Tờ khai điện tử (data_eform)"}
            files.append({**form, **self._kept(profile[_EFORM], f"/{_EFORM}")})
        if rows:
            kept["profileAttachments"] = [
                {k: v for k, v in row.items() if k != _CONTENT and v is not None} for row in rows
            ]
        return files, kept

    def _claimed(self, row: Mapping[str, Any], number: int) -> dict[str, Any]:
        about = {
            name: value for name, value in row.items() if name not in (_CONTENT, "profile_id") and value is not None
        }
        about["id"] = str(row.get("id") or number + 1)
        if row.get(_CONTENT):
            about.pop("attachment_file_url", None)
            about |= self._kept(row[_CONTENT], f"/profileAttachments/{number}/{_CONTENT}")
        return about

    def _kept(self, text: Any, place: str) -> dict[str, str]:
        try:
            content = base64.b64decode(text, validate=True)
        except (binascii.Error, TypeError, ValueError):
            raise Refused.of(place, "base64", "không phải base64", "not base64") from None
        most = self._settings.file_bytes
        if not content or len(content) > most:
            raise Refused.of(place, "size", f"tệp rỗng hoặc lớn hơn {most} byte", f"empty, or larger than {most} bytes")
        media_type = "application/pdf" if content.startswith(b"%PDF-") else "application/octet-stream"
        return {"sha256": self._desk.keep(content, media_type), "media_type": media_type}

    def _unread(self, number: str, kept: Mapping[str, Any], faults: Sequence[Fault]) -> Submission:
        name = f"bttt-{number}-unread-{_digest([kept, [f.code + f.pointer for f in faults]])}"
        return Submission(name, None, _written(kept), mapping=self._settings.dossier_mapping, problem=tuple(faults))


def _is_unreadable(submission: Submission) -> bool:
    return submission.body is None and all(fault.code != FOR_A_PERSON for fault in submission.problem)


def _is_whole(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("profileId"), int | str)


def _digest(kept: Any) -> str:
    return hashlib.sha256(_written(kept)).hexdigest()[:12]


def _written(kept: Any) -> bytes:
    return json.dumps(kept, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()
