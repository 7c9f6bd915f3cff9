"""The mailbox of profiles: see `gateway.mailbox`. What is answered `fail` is not counted by the exchange as one attempt after the other."""

from __future__ import annotations

import base64
import binascii
import tomllib
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.bttt_profile import FOLDER
from connectors.bttt_profile.client import Client
from connectors.bttt_profile.settings import Settings
from gateway.errors import Fault, Refused, Rejected
from gateway.mailbox import FOR_A_PERSON, Mailbox, Row, digest, written
from gateway.ports import Desk, Submission

_NO_NUMBER = Fault("", "list-row", "dòng danh sách thiếu profileId", "the row has no profileId")
_NOTHING = "nothing"
_AMENDED, _RESULT = "CAPNHAT", "KETQUA"
_WAITS_FOR_PAPERS = 5
_CONTENT, _EFORM = "content_transfer_encoded", "data_eform"
_LONGEST_FACT = 2000


class ProfileBox(Mailbox):
    """Reads the mailbox of profiles."""

    def __init__(self, client: Client, settings: Settings, desk: Desk) -> None:
        super().__init__(settings.page_size)
        self._client = client
        self._settings = settings
        self._desk = desk
        table = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))
        self._statuses = {(row["field"], row["theirs"]): row["ours"] for row in table["status"]}

    def _waiting(self) -> Sequence[Row]:
        return [(str(row["profileId"]) if _is_whole(row) else digest(row), row) for row in self._client.waiting()]

    def _take(self, number: str, row: Any) -> tuple[Sequence[Submission], bool]:
        if not _is_whole(row):
            return [self._unread(number, {"row": row}, [_NO_NUMBER])], False
        try:
            return self._submissions(number, row, self._client.detail(number)), True
        except Rejected as refusal:  # they give it no more: its sender must send it again
            words = (
                f"trục không đưa hồ sơ này ra: mã {refusal.code}",
                f"the exchange does not give it: code {refusal.code}",
            )
            return [self._unread(number, {"row": row}, [Fault("", "not-given", *words)])], True

    def _acknowledge(self, number: str, how: str) -> None:
        self._client.acknowledge(number, how)

    def _submissions(self, number: str, row: Mapping[str, Any], profile: dict[str, Any]) -> Sequence[Submission]:
        """The messages that a profile makes, in order; one without a body for what no table or mapping reads."""
        kept: dict[str, Any] = {"row": row}
        try:
            files, kept["profile"] = self._parked(profile)
            document = {**self._document(number, kept["profile"], files), "sent_at": str(row.get("createTime") or "")}
            return [
                Submission(body["id"], body, written(kept), mapping=mapping)
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
        name = f"bttt-{number}-unread-{digest([kept, [f.code + f.pointer for f in faults]])}"
        return Submission(name, None, written(kept), mapping=self._settings.dossier_mapping, problem=tuple(faults))


def _is_whole(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("profileId"), int | str)
