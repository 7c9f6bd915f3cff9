"""OpenCPS' twin: dossiers, files, actions, inform. As strict about forms as we believe it to be, and as careless about inform as it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any
from urllib.parse import parse_qsl, unquote
from uuid import UUID

from gateway.simulation import Request, Response, Twin

STATUSES = (
    "new", "receiving", "waiting", "processing", "pausing", "posting", "correcting", "cancelling", "releasing", "denied",
    "unresolved", "cancelled", "done", "interoperating", "paying",
)  # fmt: skip
_FILLED = r"(?s).*\S.*"
_DOSSIER = {
    "referenceUid": r"[0-9a-f-]{36}",
    "dossierNo": _FILLED,
    "serviceCode": _FILLED,
    "serviceName": _FILLED,
    "govAgencyCode": _FILLED,
    "govAgencyName": _FILLED,
    "applicantName": _FILLED,
    "applicantIdType": "citizen|business|organization",
    "applicantIdNo": _FILLED,
    "originality": "2",
    "submitDate": r"\d{12,13}",
    "receiveDate": r"\d{12,13}",
    "dueDate": r"(\d{12,13})?",
}
_MORE = {
    "address", "contactName", "contactTelNo", "contactEmail", "applicantNote", "cityCode", "wardCode",
    "delegateName", "delegateIdNo", "delegateTelNo", "delegateEmail", "viaPostal",
}  # fmt: skip
_ROOT = "/o/rest/v2/dossiers"


class OpenCpsTwin(Twin):
    """`settings`: account (the Authorization header), group_id, actions (actionCode → dossierStatus), deaf (inform changes nothing).

    Acts: ``{"move": {"code", "to", "note"?}}`` moves a dossier by its dossierNo, ``{"issue": {"code", "file"}}`` makes a result paper,
    ``{"forget": code}`` loses a dossier.
    """

    name = "opencps"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        settings = settings or {}
        self._account = settings.get("account", "Basic bW90LWN1YTptYXQtdGh1")  # mot-cua:mat-thu
        self._group = settings.get("group_id", "35166")
        self._actions = settings.get("actions", {"1300": "cancelled", "1500": "processing"})
        self._deaf = settings.get("deaf", False)
        self._dossiers: dict[str, dict[str, Any]] = {}
        self._files: dict[str, dict[str, dict[str, Any]]] = {}
        self._effects: list[str] = []

    def answer(self, request: Request) -> Response:
        headers = request.headers
        if headers.get("authorization") != self._account or headers.get("groupid") != self._group:
            return Response(403, {"code": "403", "message": "Permission denied"})
        if not request.path.startswith(_ROOT):
            return Response(404, "404 page not found")
        names = [unquote(name) for name in request.path.removeprefix(_ROOT).split("/")[1:]]
        return self._look(names) if request.method == "GET" else self._change(request, names)

    def _look(self, names: list[str]) -> Response:
        match names:
            case [reference] if reference in self._dossiers:
                return Response(body=self._dossiers[reference])
            case [reference, "files"] if reference in self._dossiers:
                rows = self._files[reference].values()
                return Response(body={"total": len(rows), "data": [_without_content(row) for row in rows]})
            case [reference, "files", file] if file in self._files.get(reference, {}):
                content = self._files[reference][file]["content"]
                return Response(200, content, {"Content-Type": "application/octet-stream"})
        return Response(404, {"code": "404", "message": "Not found"})

    def _change(self, request: Request, names: list[str]) -> Response:
        match (request.method, names):
            case "POST", []:
                return self._put_dossier(_form(request))
            case "POST", [reference, "files"] if reference in self._dossiers:
                return self._put_file(reference, request)
            case "POST", [reference, "actions"] if reference in self._dossiers:
                return self._act(reference, _form(request))
            case "PUT", ["inform", reference]:
                return self._inform(reference, _form(request))
        return Response(404, {"code": "404", "message": "Not found"})

    def _put_dossier(self, form: dict[str, str]) -> Response:
        wrong = [name for name, pattern in _DOSSIER.items() if not re.fullmatch(pattern, form.get(name, ""))]
        wrong += sorted(form.keys() - _DOSSIER.keys() - _MORE)
        if wrong:
            return Response(400, {"code": "400", "message": f"Invalid {', '.join(wrong)}"})
        reference = str(UUID(form["referenceUid"]))
        known = self._dossiers.get(reference)
        row = {**form, "dossierId": len(self._dossiers) + 1, "dossierStatus": "receiving", "dossierNote": ""}
        if known is not None:
            row |= {name: known[name] for name in ("dossierId", "dossierStatus", "dossierNote")}
        self._dossiers[reference] = row
        self._files.setdefault(reference, {})
        self._effects.append(f"{'update' if known else 'create'} {form['dossierNo']}")
        return Response(body=row)

    def _put_file(self, reference: str, request: Request) -> Response:
        fields, content = _multipart(request)
        wanted = {"referenceUid", "displayName", "fileType", "dossierPartNo"}
        if (
            not content
            or not wanted - {"dossierPartNo"} <= fields.keys() <= wanted
            or not fields["displayName"].strip()
        ):
            return Response(400, {"code": "400", "message": "Invalid file"})
        row = {**fields, "dossierPartType": 1, "removed": False, "content": content}
        self._files[reference][fields["referenceUid"]] = row
        return Response(body=_without_content(row))

    def _act(self, reference: str, form: dict[str, str]) -> Response:
        if form.keys() != {"actionCode", "actionUser", "actionNote"} or not form["actionUser"].strip():
            return Response(400, {"code": "400", "message": "Invalid action"})
        goal = self._actions.get(form["actionCode"])
        if goal is None or self._dossiers[reference]["dossierStatus"] == goal:
            return Response(409, {"code": "409", "message": "Action is not enabled at this step"})
        self._move(reference, goal, form["actionNote"])
        return Response(body={"dossierActionId": len(self._effects), "actionCode": form["actionCode"]})

    def _inform(self, reference: str, form: dict[str, str]) -> Response:
        if reference in self._dossiers and not self._deaf and form.get("dossierStatus") in STATUSES:
            self._move(reference, form["dossierStatus"], form.get("dossierNote", ""))
        return Response(body={"message": "success"})  # whatever happened

    def _move(self, reference: str, status: str, note: str) -> None:
        self._dossiers[reference] |= {"dossierStatus": status, "dossierNote": note}
        self._effects.append(f"{status} {self._dossiers[reference]['dossierNo']}")

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"move": {"code": str(code), "to": str(to), **more}}:
                self._move(self._named(code), to, str(more.get("note", "")))
                return code
            case {"issue": {"code": str(code), "file": str(file)}}:
                files = self._files[self._named(code)]
                name = f"kq-{len(files) + 1}"
                row = {
                    "referenceUid": name,
                    "displayName": file,
                    "fileType": "pdf",
                    "dossierPartType": 2,
                    "removed": False,
                }
                files[name] = {**row, "content": f"%PDF-1.4 {file}".encode()}
                return name
            case {"forget": str(code)}:
                reference = self._named(code)
                self._effects = [effect for effect in self._effects if not effect.endswith(f" {code}")]
                del self._dossiers[reference], self._files[reference]
                return code
        return super().act(order)

    def _named(self, code: str) -> str:
        for reference, row in self._dossiers.items():
            if row["dossierNo"] == code:
                return reference
        raise ValueError(f"no dossier {code}")

    def book(self) -> dict[str, Any]:
        return {
            "dossiers": {row["dossierNo"]: dict(row) for row in self._dossiers.values()},
            "files": {
                self._dossiers[reference]["dossierNo"]: [_without_content(row) for row in files.values()]
                for reference, files in self._files.items()
            },
            "effects": list(self._effects),
        }


def _without_content(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "content"}


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode(), keep_blank_values=True))


def _multipart(request: Request) -> tuple[dict[str, str], bytes]:
    """The fields of a form, and the content of its file."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    fields: dict[str, str] = {}
    content = b""
    for part in BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts():
        payload = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(payload, bytes) and name == "file":
            content = payload
        elif isinstance(payload, bytes):
            fields[str(name)] = payload.decode()
    return fields, content
