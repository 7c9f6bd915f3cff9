"""The twin of any partner that speaks SOAP, made from its own file and WSDL: it refuses whatever the contract and the file do not allow.

What it answers it takes from the file: the codes of `rule` and of `find`, where `answer` says that they stand; `[settings.twin]` says the rest.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit

from lxml import etree

from connectors.soap.client import Contract, Operation
from connectors.soap.client.envelope import Answered, write_envelope
from connectors.soap.client.security import Signer, check_answer, read_certificates, write_security, write_timestamp
from connectors.soap.client.shapes import read, write
from connectors.soap.inventing import invent, invent_page
from connectors.soap.settings import Ask, Call, Find, Poll, Settings
from gateway.dialect.auth import reveal
from gateway.dialect.doorkeeper import Doorkeeper
from gateway.dialect.pointers import text_at
from gateway.dialect.template import Template
from gateway.errors import Refused
from gateway.message import utc_now
from gateway.simulation import Request, Response, Twin
from gateway.soap.names import SOAP11, TOKEN, VERSIONS, WSA, WSSE, WSU, Version
from gateway.xml import read_xml, write_xml

_CLOCK = 300.0  # seconds that a token's moment may be away


class _Fault(Exception):
    """A fault that the twin answers. `code`: Client, Server, MustUnderstand …; in SOAP 1.2 it is said in that version's words."""

    def __init__(self, code: str, words: str, http: int = 500) -> None:
        super().__init__(words)
        self.code, self.words, self.http = code, words, http


@dataclass(frozen=True, slots=True)
class _Asked:
    """A question that passed: `document` is what its element holds, `key` the message's id, if it tells one."""

    operation: Operation
    document: Any
    key: str | None
    message_id: str | None


class SoapTwin(Twin):
    """`file`: a partner file as a table, its secrets in it, with `folder`, the configuration's, where its WSDL lies; or bare settings.

    Acts: ``{"publish": {"feed": NAME, "item": …}}`` puts something into a feed; ``{"forget": KEY}`` loses what it took under a key.
    """

    name = "soap"

    def __init__(self, file: Mapping[str, Any], now: Callable[[], datetime] = utc_now) -> None:
        """Raises `Misconfigured`, and pydantic's `ValidationError`."""
        super().__init__()
        raw = dict(file)
        folder = Path(raw.pop("folder", "."))
        self._settings = conf = Settings.model_validate(raw.get("settings", raw))
        self._folder, self._now = folder, now
        self._contract = Contract(folder / conf.wsdl, folder)
        self._calls = _calls_of(conf)
        self._operations = [self._contract.operation(call.operation, call.port or conf.port) for call, _ in self._calls]
        self._paths = {urlsplit(call.url or conf.url).path or "/" for call, _ in self._calls} | {
            urlsplit(conf.url).path or "/"
        }
        self._certificates = (
            read_certificates(folder / conf.security.certificate) if conf.security.certificate is not None else ()
        )
        self._doorkeeper = Doorkeeper(conf.auth)
        told = conf.twin
        self._signer = (
            Signer(folder / told.certificate, folder / (told.key_file or told.certificate))
            if told.certificate
            else None
        )
        self._taken: dict[str, Any] = {}
        self._effects: list[dict[str, Any]] = []
        self._repeats: list[str] = []
        self._nonces: set[str] = set()
        self._feeds: dict[str, list[Any]] = {feed.name: [] for feed in conf.poll}
        self._questions = 0

    # ── the door ────────────────────────────────────────────────────────────────────────────────────────────────

    def answer(self, request: Request) -> Response:
        if (signed_in := self._doorkeeper.sign_in(request)) is not None:
            return signed_in
        if request.path not in self._paths:
            return Response(404, "404 Not Found", {"Content-Type": "text/html"})
        if not self._doorkeeper.knows(request):
            return Response(401, "", {"WWW-Authenticate": "Basic"})
        if request.method != "POST":
            return Response(200, "<html><h1>Dịch vụ SOAP</h1></html>", {"Content-Type": "text/html; charset=utf-8"})
        version = _version_of(request)
        return Response(415, "") if version is None else self._spoken(request, version)

    def _spoken(self, request: Request, version: Version) -> Response:
        try:
            asked = self._asked(request, version)
            return self._written(version, asked, self._reply(asked))
        except _Fault as fault:
            return self._failed(version, fault)

    def _asked(self, request: Request, version: Version) -> _Asked:
        try:
            root = read_xml(request.body)
        except Refused as refused:
            raise _Fault("Client", f"Không đọc được XML: {refused.faults[0].detail}") from refused
        if root.tag != version.tag("Envelope"):
            raise _Fault("VersionMismatch", "Sai phiên bản SOAP")
        header, bodies = root.find(version.tag("Header")), root.findall(version.tag("Body"))
        if len(bodies) != 1 or len(bodies[0]) > 1:
            raise _Fault("Client", "Phải có đúng một Body với một phần tử")
        answered = Answered(version, root, list(header) if header is not None else [], bodies[0])
        self._check_headers(answered)
        operation = self._operation(answered, version)
        _check_action(request, operation)
        self._check_security(answered)
        message_id = answered.header(f"{{{WSA}}}MessageID")
        if self._settings.addressing and message_id is None:
            raise _Fault("Client", "Thiếu wsa:MessageID")
        document = self._document(operation, answered.content)
        told = (message_id.text or "").strip() if message_id is not None else None
        return _Asked(operation, document, self._key(operation, document, told), told)

    def _operation(self, answered: Answered, version: Version) -> Operation:
        tag = str(answered.content.tag) if answered.content is not None else None
        for operation in self._operations:
            if operation.version is version and (operation.question.tag if operation.question else None) == tag:
                return operation
        raise _Fault("Client", f"Không có thao tác nào nhận {tag}")

    def _document(self, operation: Operation, content: etree._Element | None) -> Any:
        if content is None or operation.question is None:
            return None
        bare = etree.fromstring(etree.tostring(content))
        bare.attrib.pop(f"{{{WSU}}}Id", None)
        try:
            if operation.schema is not None:
                operation.schema.check(bare)
        except Refused as refused:
            words = "; ".join(fault.detail_en for fault in refused.faults)
            raise _Fault("Client", f"Không đúng lược đồ: {words}") from refused
        return read(bare, operation.question.shape)

    # ── headers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _check_headers(self, answered: Answered) -> None:
        known = {row.element for row in self._settings.header}
        for one in answered.headers:
            must = one.get(answered.version.tag("mustUnderstand"), "0") in ("1", "true")
            if must and etree.QName(one).namespace not in (WSA, WSSE) and one.tag not in known:
                raise _Fault("MustUnderstand", f"Không hiểu {etree.QName(one).localname}")
        for row in self._settings.header:
            found = answered.header(row.element)
            if found is None:
                raise _Fault("Client", f"Thiếu header {row.element}")
            texts = {etree.QName(child).localname: child.text or "" for child in found}
            wrong = [name for name, secret in row.secrets.items() if texts.get(name) != secret.get_secret_value()]
            if wrong or any(name not in texts for name in row.fields):
                raise _Fault("Client", f"Header {row.element} thiếu hoặc sai: {', '.join(wrong)}")

    def _check_security(self, answered: Answered) -> None:
        told = self._settings.security
        if told.username is None and not self._certificates and not told.timestamp:
            return
        found = answered.header(f"{{{WSSE}}}Security")
        if found is None:
            _unproven("Thiếu wsse:Security")
        if told.timestamp:
            self._check_moment(found.findtext(f"{{{WSU}}}Timestamp/{{{WSU}}}Created") or "")
        if told.username is not None:
            self._check_token(found.find(f"{{{WSSE}}}UsernameToken"))
        if self._certificates:
            try:
                check_answer(answered, self._certificates, self._now(), _CLOCK)
            except Refused as refused:
                _unproven(refused.faults[0].detail)

    def _check_token(self, token: etree._Element | None) -> None:
        told = self._settings.security
        given = token.find(f"{{{WSSE}}}Password") if token is not None else None
        if token is None or given is None or (token.findtext(f"{{{WSSE}}}Username") or "") != told.username:
            _unproven("Sai tài khoản")
        password = told.password.get_secret_value() if told.password is not None else ""
        if given.get("Type", "").removeprefix(TOKEN) == "PasswordDigest":
            nonce = token.findtext(f"{{{WSSE}}}Nonce") or ""
            created = token.findtext(f"{{{WSU}}}Created") or ""
            self._check_moment(created)
            text = base64.b64decode(nonce) + created.encode() + password.encode()
            password = base64.b64encode(hashlib.sha1(text).digest()).decode()  # noqa: S324 - the token profile's
            if nonce in self._nonces:
                _unproven("Nonce đã dùng")
            self._nonces.add(nonce)
        elif told.digest:
            _unproven("Phải dùng PasswordDigest")
        if given.text != password:
            _unproven("Sai mật khẩu")

    def _check_moment(self, created: str) -> None:
        try:
            apart = abs((self._now() - datetime.fromisoformat(created)).total_seconds())
        except (ValueError, TypeError):
            _unproven("Thời điểm sai dạng")
        if apart > _CLOCK:
            _unproven("Bản tin quá cũ")

    # ── what it does ────────────────────────────────────────────────────────────────────────────────────────────

    def _reply(self, asked: _Asked) -> Any:
        """What the answer's element holds."""
        call, feed = next(row for row in self._calls if row[0].operation == asked.operation.name)
        self._questions += 1
        if feed is not None:
            return self._page(feed, asked)
        if isinstance(call, Find):
            return self._found(call, asked)
        if isinstance(call, Ask):
            return self._said(call, asked.operation, "delivered")
        return self._took(call, asked)

    def _took(self, call: Call, asked: _Asked) -> Any:
        told = self._settings.twin
        content = json.dumps(asked.document, sort_keys=True)
        if asked.key is not None and asked.key in self._taken:
            self._repeats.append(asked.key)
            if self._taken[asked.key] != content:
                raise _Fault("Client", "Mã bản tin đã dùng cho nội dung khác")
            if call.operation in told.repeats:
                return self._filled(told.repeats[call.operation])
            return self._said(call, asked.operation, "duplicate")
        if asked.key is not None:
            self._taken[asked.key] = content
        self._effects.append({"operation": call.operation, "key": asked.key, "document": asked.document})
        return self._said(call, asked.operation, "delivered")

    def _found(self, call: Find, asked: _Asked) -> Any:
        """By the key, where the question has one; else by all that it asks with."""
        wanted = set(_leaves(asked.document)) - set(_leaves(reveal(call.secrets)))
        known = [effect for effect in self._effects if wanted <= {*_leaves(effect["document"]), effect["key"]}]
        there = asked.key in self._taken if asked.key is not None else bool(known)
        for row in call.rows:
            if row.found == ("arrived" if there else "absent"):
                if row.http is not None and 200 not in row.http:
                    raise _Fault("Server", row.text or "Không có", http=_status(row.http))
                return self._coded(call, asked.operation, row.code, row.text)
        raise _Fault("Server", "Không cho biết")

    def _said(self, call: Call, operation: Operation, outcome: str) -> Any:
        """The answer by the first row of `rule` with this outcome; of a duplicate without a row, as of what is new."""
        told = self._settings.twin
        if outcome == "delivered" and call.operation in told.answers:
            return self._filled(told.answers[call.operation])
        place = "check" if isinstance(call, Ask) else "send"
        for row in self._settings.rule:
            if (
                row["outcome"] == outcome
                and place in row.get("call", [place])
                and row.get("http") in (None, [200], ["2xx"])
            ):
                return self._coded(call, operation, row.get("code"), row.get("text"))
        return (
            self._coded(call, operation, None, None)
            if outcome == "delivered"
            else self._said(call, operation, "delivered")
        )

    def _coded(self, call: Call, operation: Operation, code: Sequence[int | str] | None, text: str | None) -> Any:
        reading = call.answer or self._settings.answer
        told = str(code[0]) if code else "0"
        return invent(reading, operation, told, text or "Thành công", f"TN-{len(self._effects)}")

    def _filled(self, document: Any) -> Any:
        return json.loads(json.dumps(document).replace("{$number}", str(len(self._effects))))

    def _page(self, feed: Poll, asked: _Asked) -> Any:
        items = self._feeds[feed.name]
        after = next((text for text in _leaves(asked.document) if text.isdecimal()), None)
        if feed.last is not None and after is not None:
            items = [item for item in items if int(text_at(item, feed.last) or 0) > int(after)]
        return invent_page(feed, feed.ask.answer or self._settings.answer, asked.operation, items)

    def _key(self, operation: Operation, document: Any, message_id: str | None) -> str | None:
        for call, _ in self._calls:
            if call.operation == operation.name:
                for pointer in (*_keys_in(call.beside), *self._settings.twin.key):
                    if (found := text_at(document, pointer)) is not None:
                        return found
        return message_id

    # ── answers ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _written(self, version: Version, asked: _Asked, document: Any) -> Response:
        one = asked.operation.answer
        content = write(one, document, asked.operation.prefixes) if one is not None else None
        headers: list[etree._Element] = []
        if self._settings.addressing and asked.message_id is not None:
            relates_to = etree.Element(f"{{{WSA}}}RelatesTo", nsmap={"wsa": WSA})
            relates_to.text = asked.message_id
            headers.append(relates_to)
        if self._signer is not None:
            headers.append(write_security(version, [write_timestamp(self._now(), _CLOCK)]))
        root = write_envelope(version, headers, content)
        if self._signer is not None:
            self._signer.sign(headers[-1], [root[-1], headers[-1][0], *headers[:-1]])
        return Response(200, write_xml(root), {"Content-Type": f"{version.media_type}; charset=utf-8"})

    def _failed(self, version: Version, fault: _Fault) -> Response:
        made = etree.Element(version.tag("Fault"), nsmap={"soap": version.namespace, "wsse": WSSE})
        if version is SOAP11:
            prefix = "wsse" if fault.code == "FailedAuthentication" else "soap"
            etree.SubElement(made, "faultcode").text = f"{prefix}:{fault.code}"
            etree.SubElement(made, "faultstring").text = fault.words
        else:
            code = etree.SubElement(made, version.tag("Code"))
            known = {"Client": "Sender", "FailedAuthentication": "Sender", "Server": "Receiver"}
            etree.SubElement(code, version.tag("Value")).text = f"soap:{known.get(fault.code, fault.code)}"
            if fault.code == "FailedAuthentication":
                finer = etree.SubElement(code, version.tag("Subcode"))
                etree.SubElement(finer, version.tag("Value")).text = "wsse:FailedAuthentication"
            reason = etree.SubElement(made, version.tag("Reason"))
            etree.SubElement(reason, version.tag("Text")).text = fault.words
        body = write_xml(write_envelope(version, [], made))
        return Response(fault.http, body, {"Content-Type": f"{version.media_type}; charset=utf-8"})

    # ── the control door ────────────────────────────────────────────────────────────────────────────────────────

    def act(self, order: Mapping[str, Any]) -> Any:
        match dict(order):
            case {"publish": {"feed": str(name), "item": item}} if name in self._feeds:
                self._feeds[name].append(item)
                return len(self._feeds[name])
            case {"expire": True}:
                return self.expire()
            case {"forget": str(key)} if key in self._taken:
                del self._taken[key]
                self._effects = [effect for effect in self._effects if effect["key"] != key]
                return len(self._effects)
        return super().act(order)

    def expire(self) -> None:
        self._doorkeeper.expire()

    def book(self) -> dict[str, Any]:
        """`effects`: what it took, in order, `keys`: the key of each; `repeats`: keys that came again; `questions`: how many calls it answered."""
        return {
            "keys": [effect["key"] for effect in self._effects],
            "effects": list(self._effects),
            "repeats": list(self._repeats),
            "questions": self._questions,
            "feeds": {name: len(items) for name, items in self._feeds.items()},
        }


def _calls_of(conf: Settings) -> list[tuple[Call, Poll | None]]:
    """Every declared call, and the feed that it reads."""
    finds = [find for find in (conf.find, *(row.find for row in conf.call)) if find is not None]
    calls = [*conf.call, *finds, *([conf.check] if conf.check else [])]
    return [*((call, None) for call in calls), *((feed.ask, feed) for feed in conf.poll)]


def _version_of(request: Request) -> Version | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return next((version for version in VERSIONS.values() if version.media_type == kind), None)


def _check_action(request: Request, operation: Operation) -> None:
    if operation.version is SOAP11:
        if request.headers.get("soapaction") != f'"{operation.action}"':
            raise _Fault("Client", f"SOAPAction phải là {operation.action}")
    elif operation.action and f'action="{operation.action}"' not in request.headers.get("content-type", ""):
        raise _Fault("Client", f"action phải là {operation.action}")


def _unproven(words: str) -> NoReturn:
    raise _Fault("FailedAuthentication", words)


def _status(http: Sequence[int | str]) -> int:
    return next((status for status in http if isinstance(status, int)), 500)


def _keys_in(beside: Any, pointer: str = "") -> Iterator[str]:
    """The places of a `with` that hold the message's id alone."""
    if isinstance(beside, dict):
        for name, inner in beside.items():
            yield from _keys_in(inner, f"{pointer}/{name}")
    elif isinstance(beside, Template) and beside.text == "{$key}":
        yield pointer


def _leaves(document: Any) -> Iterator[str]:
    if isinstance(document, dict | list):
        for inner in document.values() if isinstance(document, dict) else document:
            yield from _leaves(inner)
    elif document is not None:
        yield str(document)
