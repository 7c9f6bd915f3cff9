"""Speaks OpenCPS' REST interface: dossiers, their files, their actions. Knows no message of ours."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID, uuid5

from connectors.opencps.settings import Settings
from gateway.errors import AskFirst, TryLater, Unclassified
from gateway.http import Http, Reply
from gateway.outcomes import Outcomes, Verdict

NOT_JSON = "not-json"
RESULT = "2"  # dossierPartType of a paper that the agency made
_NAMES = UUID("9d2c7a52-6c0b-5d0e-9c39-0f6a1c6f8b11")  # of the references that we give
_BOUNDARY = "lienthong-opencps-5e1f0a"


def reference_of(*names: str) -> str:
    """The referenceUid of a dossier, or of one of its files: the same for the same, on every host and after every restart."""
    return str(uuid5(_NAMES, "\0".join(names)))


def mark_of(row: Mapping[str, Any]) -> str:
    """How a dossier stands: its dossierStatus, and twelve characters that stand for what the officer wrote, by which one request for papers
    is told from the next."""
    note = str(row.get("dossierNote") or "")
    return f"{row['dossierStatus']} {hashlib.sha256(note.encode()).hexdigest()[:12]}"


class Client:
    """One account. Used by several threads at once. Every call raises what outcomes.toml says."""

    def __init__(self, settings: Settings, outcomes: Outcomes) -> None:
        self._outcomes = outcomes
        account = f"{settings.username}:{settings.password.get_secret_value()}"
        self._http = Http(
            base_url=settings.url,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=settings.file_bytes + (1 << 20),
            ca_file=settings.ca_file,
            headers={
                "Authorization": f"Basic {b64encode(account.encode()).decode()}",
                "groupId": settings.group_id,
                "Accept": "application/json",
            },
        )

    def put_dossier(self, dossier: Mapping[str, str], *, again: bool = False) -> Reply:
        """POST /dossiers: it replaces the one of the same referenceUid."""
        reply = self._http.call("POST", "dossiers", form=dossier)
        self._settle("dossier", reply, again=again)
        return reply

    def put_file(self, reference: str, about: Mapping[str, str], content: bytes, *, again: bool = False) -> Reply:
        """POST /dossiers/{reference}/files: it replaces the one of the same referenceUid."""
        form = b"".join(_part(name, value.encode()) for name, value in about.items())
        form += _part("file", content, about["displayName"]) + f"--{_BOUNDARY}--\r\n".encode()
        headers = {"Content-Type": f"multipart/form-data; boundary={_BOUNDARY}"}
        reply = self._http.call("POST", _path(reference, "files"), body=form, headers=headers)
        self._settle("file", reply, again=again)
        return reply

    def act(self, reference: str, action: Mapping[str, str], *, again: bool = False) -> Reply:
        """POST /dossiers/{reference}/actions."""
        reply = self._http.call("POST", _path(reference, "actions"), form=action)
        self._settle("action", reply, again=again)
        return reply

    def inform(self, reference: str, change: Mapping[str, str], *, again: bool = False) -> Reply:
        """PUT /dossiers/inform/{reference}. It always says that all is well: look afterwards."""
        reply = self._http.call("PUT", f"dossiers/inform/{quote(reference, safe='')}", form=change)
        self._settle("inform", reply, again=again)
        return reply

    def standing(self, reference: str) -> Mapping[str, Any] | None:
        """How a dossier stands; None when they have no such dossier. Changes nothing there."""
        reply = self._asked("look", _path(reference))
        if self._settle("look", reply).then == "none":
            return None
        found = read_object(reply)
        if found is None or not isinstance(found.get("dossierStatus"), str):
            raise Unclassified("look: no dossierStatus", code="dossier-shape")
        return found

    def results(self, reference: str) -> Sequence[Mapping[str, Any]]:
        """The papers that the agency made for a dossier."""
        reply = self._asked("look", _path(reference, "files"))
        if self._settle("look", reply).then == "none":
            return []
        rows = (read_object(reply) or {}).get("data")
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise Unclassified("look: no list of files", code="files-shape")
        found = [row for row in rows if str(row.get("dossierPartType")) == RESULT and not row.get("removed")]
        if not all(isinstance(row.get("referenceUid"), str) and row["referenceUid"] for row in found):
            raise Unclassified("look: a result without referenceUid", code="files-shape")
        return found

    def fetch(self, reference: str, file: str) -> bytes:
        """A file's content."""
        reply = self._asked("fetch", _path(reference, "files", file))
        kind = reply.headers.get("content-type", "")
        code = "page" if "html" in kind or not reply.body else ""
        self._outcomes.settle("fetch", http=reply.status, code=code, retry_after=reply.retry_after())
        return reply.body

    def _asked(self, call: str, path: str) -> Reply:
        try:
            return self._http.call("GET", path)
        except AskFirst as fault:  # asking changes nothing: no doubt to clear up
            raise TryLater(f"{call}: {fault.reason}", code=fault.code) from fault

    def _settle(self, call: str, reply: Reply, *, again: bool = False) -> Verdict:
        answer = read_object(reply)
        if answer is None and reply.status == 404 and not reply.body.strip():
            answer = {}  # its own 404 may have no body; a page is some proxy's
        words = [(answer or {}).get(name) for name in ("message", "description")]
        return self._outcomes.settle(
            call,
            http=reply.status,
            code=NOT_JSON if answer is None else str(answer.get("code") or ""),
            text=" ".join(word for word in words if isinstance(word, str)),
            answer="" if call == "look" else reply.excerpt(),  # a dossier names people: it is kept with its message
            again=again,
            retry_after=reply.retry_after(),
        )


def read_object(reply: Reply) -> dict[str, Any] | None:
    """The answer when it is a JSON object, else None."""
    try:
        answer = reply.json()
    except Unclassified:
        return None
    return answer if isinstance(answer, dict) else None


def _path(*names: str) -> str:
    return "/".join(["dossiers", *(quote(name, safe="") for name in names)])


def _part(name: str, content: bytes, file: str = "") -> bytes:
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"'
    if file:
        told = file.replace("\\", "_").replace('"', "'").replace("\r", " ").replace("\n", " ")
        head += f'; filename="{told}"\r\nContent-Type: application/octet-stream'
    return f"{head}\r\n\r\n".encode() + content + b"\r\n"
