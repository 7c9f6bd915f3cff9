"""The trunk's twin, both trunks in one: VXP under /vxp (each call signed), a province's under /v1 (token, system id, key).

It reads edXML with its own eyes: what an envelope must hold stands here once more, not in the connector's reader.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from datetime import datetime
from email.parser import BytesParser
from email.policy import HTTP
from html import escape
from time import monotonic, time
from typing import Any

from gateway.errors import Refused
from gateway.simulation import Request, Response, Twin
from gateway.xml import read_xml

_NS = {"e": "http://www.mic.gov.vn/TBT/QCVN_102_2016"}
_HEADER = "e:edXMLEnvelope/e:edXMLHeader"
_AGENCY = "000.00.07.H99"
_WINDOW_SECONDS = 300
_CODES = ("01", "02", "03", "04", "05", "06", "13", "15", "16")
_MOMENT = r"\d{4}/\d\d/\d\d \d\d:\d\d:\d\d"
BAD_FILE, BAD_KEY, NO_RECEIVER, NO_SENDER, BAD_EDXML = "10", "15", "18", "19", "22"
WORDS = {
    BAD_FILE: "Tệp không hợp lệ",
    BAD_KEY: "Sai systemId hoặc secret",
    NO_RECEIVER: "Đơn vị nhận không tồn tại",
    NO_SENDER: "Đơn vị gửi chưa đăng ký",
    BAD_EDXML: "edXML không đúng QĐ 28",
}


class EdxmlTwin(Twin):
    """`settings`: system_id, secret, organ (ours, registered), agencies (receivers it knows), token_life in seconds.

    Acts: ``{"status": {"dossier", "code", "at"?, "words"?}}`` puts a status message about a dossier of ours into our mailbox,
    ``{"answer": {"dossier", "type", "file"?}}`` an official document in answer to it, ``{"raw": {"kind", "xml"}}`` any bytes (base64),
    ``{"forget": documentId}`` loses a document that we sent.
    """

    name = "edxml"

    def __init__(self, settings: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        settings = settings or {}
        self._system = settings.get("system_id", "MCDT-H99")
        self._secret = settings.get("secret", "mat-thu")
        self._organ = settings.get("organ", "000.00.01.H99")
        self._agencies = settings.get("agencies", ["000.00.01.H99", _AGENCY])
        self._token_life = settings.get("token_life", 1800)
        self._tokens: dict[str, float] = {}
        self._tokens_given = 0
        self._sent: list[dict[str, str]] = []
        self._inbox: dict[str, dict[str, Any]] = {}
        self._acknowledged: list[list[str]] = []

    # ── who calls ───────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, request: Request) -> Response:
        if request.path.startswith("/vxp/"):
            return self._answer_signed(request)
        if request.path == "/v1/auth/login":
            return self._log_in(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self._tokens.get(token, 0) <= monotonic():
            return Response(401, "Invalid token")  # as its gateway says it: no JSON
        return self._answer_known(request) if self._is_known(request) else _failed(BAD_KEY)

    def _answer_signed(self, request: Request) -> Response:
        if not self._signed(request):
            return _failed(BAD_KEY)
        message = json.loads(request.headers.get("x-message", "{}"))
        if message and (message.get("servicetype") != "eDoc" or message.get("from") != self._organ):
            return _failed(NO_SENDER)
        return self._do(request, request.path.removeprefix("/vxp/"), message.get("messagetype", ""), request.body)

    def _answer_known(self, request: Request) -> Response:
        operation = request.path.removeprefix("/v1/").replace("syncReceivedEdocList", "getReceivedEdocList")
        kind, document = request.query.get("messageType", ""), request.body
        if operation == "sendEdoc":
            kind, document = _form(request)
        return self._do(request, operation, kind, document)

    def _signed(self, request: Request) -> bool:
        headers = request.headers
        moment = headers.get("x-timestamp", "")
        if headers.get("x-system-id") != self._system or not moment.isdecimal():
            return False
        if abs(int(moment) / 1000 - time()) > _WINDOW_SECONDS:
            return False
        text = (self._system + moment + headers.get("content-type", "")).encode() + request.body
        right = hmac.new(self._secret.encode(), text, hashlib.sha256).hexdigest()
        return hmac.compare_digest(right, headers.get("x-signature", ""))

    def _is_known(self, request: Request) -> bool:
        return (request.headers.get("x-systemid"), request.headers.get("x-secretkey")) == (self._system, self._secret)

    def _log_in(self, request: Request) -> Response:
        if request.query != {"allow_anonymous": "true"} or not self._is_known(request):
            return Response(401, "Unauthorized")
        self._tokens_given += 1
        token = f"token-{self._tokens_given}"
        self._tokens[token] = monotonic() + self._token_life
        return Response(body={"data": {"token": token}})

    # ── what it does ────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, request: Request, operation: str, kind: str, document: bytes) -> Response:
        match (request.method, operation):
            case "POST", "sendEdoc":
                return self._take(kind, document)
            case "POST", "updateStatus":
                return self._update(request)
            case "GET", "getEdoc" if request.query.get("docId") in self._inbox:
                xml = self._inbox[request.query["docId"]]["xml"]
                return Response(200, xml, {"Content-Type": "application/xml"})
            case "GET", "getReceivedEdocList" | "getSentEdocList" | "getAgenciesList":
                return _done(data=self._list(operation, kind))
        return Response(404, "404 page not found")

    def _list(self, operation: str, kind: str) -> list[dict[str, str]]:
        if operation == "getReceivedEdocList":
            rows = [row for row in self._inbox.values() if row["messageType"] == kind]
            return [{k: v for k, v in row.items() if k != "xml"} for row in rows]
        if operation == "getSentEdocList":
            return [{k: row[k] for k in ("docId", "documentId")} for row in self._sent if row["kind"] == kind]
        return [{"code": code, "name": f"Cơ quan {code}"} for code in self._agencies]

    def _take(self, kind: str, document: bytes) -> Response:
        try:
            root = read_xml(document, max_bytes=64 << 20)
        except Refused:
            return _failed(BAD_FILE)
        fault = _fault_of(root, kind)
        if fault:
            return _failed(BAD_EDXML, fault)
        message: Any = root.find(f"{_HEADER}/e:MessageHeader", _NS)
        if _text(message, "e:From/e:OrganId") != self._organ:
            return _failed(NO_SENDER)
        to = {_text(one, "e:OrganId") for one in message.findall("e:To", _NS)}
        if not to or not to <= set(self._agencies):
            return _failed(NO_RECEIVER)
        return _done(docId=self._keep(kind, root, message))

    def _keep(self, kind: str, root: Any, message: Any) -> str:
        """Its number. A status said again changes nothing."""
        row = {
            "documentId": _text(message, "e:DocumentId" if kind == "edoc" else "e:ResponseFor/e:DocumentId"),
            "kind": kind,
            "number": _text(message, "e:Code/e:CodeNumber"),
            "to": _text(message, "e:To/e:OrganId"),
            "code": _text(message, "e:StatusCode"),
            "signed": str(root.find(f"{_HEADER}/{{http://www.w3.org/2000/09/xmldsig#}}Signature", _NS) is not None),
            "files": str(len(root.findall("e:AttachmentEncoded/e:Attachment", _NS))),
        }
        for old in self._sent:
            if kind == "status" and row.items() <= old.items():
                return old["docId"]
        number = f"ST-{len(self._sent) + 1:06d}"
        self._sent.append({"docId": number, **row})
        return number

    def _update(self, request: Request) -> Response:
        body = request.json()
        if (
            body.keys() != {"docId", "status"}
            or body["status"] not in ("done", "fail")
            or body["docId"] not in self._inbox
        ):
            return _failed("21", "Văn bản không tồn tại")
        self._inbox[body["docId"]]["status"] = body["status"]
        self._acknowledged.append([body["docId"], body["status"]])
        return _done()

    # ── what others do ──────────────────────────────────────────────────────────────────────────────────────

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"status": dict(said)}:
                return self._deliver("status", status_message(self._organ, **{**self._handler(said), **said}))
            case {"answer": dict(said)}:
                return self._deliver("edoc", answer_document(self._organ, **{**self._handler(said), **said}))
            case {"raw": {"kind": str(kind), "xml": str(xml)}}:
                return self._deliver(kind, b64decode(xml))
            case {"forget": str(name)}:
                self._sent = [row for row in self._sent if row["documentId"] != name]
                return len(self._sent)
            case {"expire": True}:
                return self.expire()
        return super().act(order)

    def _handler(self, said: Mapping[str, Any]) -> dict[str, str]:
        """The agency that the dossier went to speaks of it."""
        to = [row["to"] for row in self._sent if row["number"] == said.get("dossier")]
        return {"agency": to[0]} if to else {}

    def expire(self) -> None:
        self._tokens.clear()

    def _deliver(self, kind: str, xml: bytes) -> str:
        number = f"DEN-{len(self._inbox) + 1:06d}"
        row = {"docId": number, "messageType": kind, "serviceType": "eDoc", "status": "inbox", "xml": xml}
        self._inbox[number] = row
        return number

    def book(self) -> dict[str, Any]:
        return {
            "sent": [dict(row) for row in self._sent],
            "inbox": {number: row["status"] for number, row in self._inbox.items()},
            "acknowledged": list(self._acknowledged),
            "tokens_given": self._tokens_given,
        }


# ── documents of an agency, for tests and the demo ──────────────────────────────────────────────────────────


def status_message(
    to: str,
    dossier: str,
    code: str,
    at: str = "2026/01/06 09:30:00",
    words: str = "Đang xử lý",
    staff: str = "Trần Thị Ví Dụ",
    agency: str = _AGENCY,
) -> bytes:
    """A status message of the agency about a dossier that was sent to it."""
    return _edxml(
        f"<From><OrganId>{agency}</OrganId><OrganName>Sở Nông nghiệp và Môi trường</OrganName></From>"
        f"<ResponseFor><OrganId>{to}</OrganId><Code>{escape(dossier)}/MCDT</Code>"
        f"<DocumentId>{to},2026/01/05,{escape(dossier)}/MCDT</DocumentId><PromulgationDate>2026/01/05</PromulgationDate></ResponseFor>"
        f"<StaffInfo><Department>Phòng Đất đai</Department><Staff>{escape(staff)}</Staff></StaffInfo>"
        f"<StatusCode>{escape(code)}</StatusCode><Description>{escape(words)}</Description><Timestamp>{escape(at)}</Timestamp>"
    )


def answer_document(
    to: str, dossier: str, type: str = "Quyết định", file: str = "quyet-dinh.pdf", agency: str = _AGENCY
) -> bytes:
    """An official document of the agency in answer to a dossier."""
    content = b64encode(f"%PDF-1.4 {file} {dossier}".encode()).decode()
    return _edxml(
        f"<From><OrganId>{agency}</OrganId><OrganName>Sở Nông nghiệp và Môi trường</OrganName></From>"
        f"<To><OrganId>{to}</OrganId><OrganName>Trung tâm Phục vụ hành chính công</OrganName></To>"
        f"<DocumentId>{agency},2026/01/08,15/QĐ-SNNMT</DocumentId><Code><CodeNumber>15</CodeNumber>"
        f"<CodeNotation>QĐ-SNNMT</CodeNotation></Code><PromulgationInfo><Place>Tỉnh Mẫu</Place><PromulgationDate>2026/01/08"
        f"</PromulgationDate></PromulgationInfo><DocumentType><Type>2</Type><TypeName>{escape(type)}</TypeName></DocumentType>"
        f"<Subject>Về việc giải quyết hồ sơ</Subject><SignerInfo><FullName>Lê Văn Minh Họa</FullName></SignerInfo>"
        f"<ResponseFor><OrganId>{to}</OrganId><Code>{escape(dossier)}</Code></ResponseFor>",
        f"<TraceHeaderList><TraceHeader><OrganId>{agency}</OrganId><Timestamp>2026/01/08 15:00:00</Timestamp></TraceHeader>"
        f"<Bussiness><DocumentId>{agency},2026/01/08,15/QĐ-SNNMT</DocumentId><BussinessDocType>0</BussinessDocType></Bussiness>"
        "</TraceHeaderList>",
        '<edXMLBody><edXMLManifest version="1.0"><Reference><ContentId>cid:1</ContentId><ContentType>application/pdf</ContentType>'
        f"<AttachmentName>{escape(file)}</AttachmentName></Reference></edXMLManifest></edXMLBody>",
        f"<AttachmentEncoded><Attachment><ContentId>cid:1</ContentId><AttachmentName>{escape(file)}</AttachmentName>"
        f"<ContentType>application/pdf</ContentType><ContentTransferEncoded>{content}</ContentTransferEncoded></Attachment>"
        "</AttachmentEncoded>",
    )


def _edxml(header: str, traces: str = "", body: str = "", attachments: str = "") -> bytes:
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<edXML xmlns="{_NS["e"]}"><edXMLEnvelope><edXMLHeader><MessageHeader>'
        f"{header}</MessageHeader>{traces}</edXMLHeader>{body}</edXMLEnvelope>{attachments}</edXML>"
    ).encode()


# ── what it looks at ────────────────────────────────────────────────────────────────────────────────────────

_WANTED = {
    "edoc": {
        "e:DocumentId": r"[^,]+,\d{4}/\d\d/\d\d,[^,/]+/\S+",
        "e:Code/e:CodeNumber": r"\S+",
        "e:Code/e:CodeNotation": r"\S+",
        "e:PromulgationInfo/e:PromulgationDate": r"\d{4}/\d\d/\d\d",
        "e:DocumentType/e:TypeName": r".+",
        "e:Subject": r".{1,500}",
        "../e:TraceHeaderList/e:TraceHeader/e:Timestamp": _MOMENT,
        "../e:TraceHeaderList/e:Bussiness/e:DocumentId": r".+",
        "../e:TraceHeaderList/e:Bussiness/e:BussinessDocType": r"[0-3]",
    },
    "status": {
        "e:ResponseFor/e:OrganId": r".+",
        "e:ResponseFor/e:Code": r".+",
        "e:ResponseFor/e:DocumentId": r".+",
        "e:StatusCode": "|".join(_CODES),
        "e:Timestamp": _MOMENT,
    },
}


def _fault_of(root: Any, kind: str) -> str:
    """The first fault of a document; "" when it is right."""
    message = root.find(f"{_HEADER}/e:MessageHeader", _NS)
    if kind not in _WANTED or root.tag != f"{{{_NS['e']}}}edXML" or message is None:
        return "cấu trúc"
    for path, pattern in _WANTED[kind].items():
        value = _text(message, path)
        if not re.fullmatch(pattern, value):
            return path
        if pattern == _MOMENT and not _exists(value):
            return path
    named = [
        one.text for one in root.findall("e:edXMLEnvelope/e:edXMLBody/e:edXMLManifest/e:Reference/e:ContentId", _NS)
    ]
    inside = root.findall("e:AttachmentEncoded/e:Attachment", _NS)
    if named != [_text(one, "e:ContentId") for one in inside]:
        return "edXMLManifest"
    try:
        empty = [one for one in inside if not b64decode(_text(one, "e:ContentTransferEncoded"), validate=True)]
    except ValueError:
        return "ContentTransferEncoded"
    return "ContentTransferEncoded" if empty else ""


def _exists(moment: str) -> bool:
    try:
        datetime.strptime(moment, "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - only whether it exists
    except ValueError:
        return False
    return True


def _form(request: Request) -> tuple[str, bytes]:
    """messageType and edocFile of a multipart form."""
    head = f"Content-Type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    fields: dict[str, bytes] = {}
    for part in BytesParser(policy=HTTP).parsebytes(head + request.body).iter_parts():
        content = part.get_payload(decode=True)
        name = part.get_param("name", header="content-disposition")
        if isinstance(content, bytes) and isinstance(name, str):
            fields[name] = content
    return fields.get("messageType", b"").decode(), fields.get("edocFile", b"")


def _text(element: Any, path: str) -> str:
    return (element.findtext(path, "", _NS) or "").strip()


def _done(**more: Any) -> Response:
    return Response(body={"success": True, "status": "OK", "message": "Thành công", **more})


def _failed(code: str, words: str = "") -> Response:
    told = ": ".join(part for part in (WORDS.get(code, ""), words) if part)
    return Response(body={"success": False, "status": "FAIL", "data": {"errorCode": code, "errorDesc": told}})
