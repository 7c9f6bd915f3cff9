"""`POST /soap/v1/dossiers`, and its contract at `?wsdl` and `?xsd=dossiers`."""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask import Blueprint, Response, current_app, g, request
from flask.blueprints import BlueprintSetupState
from lxml import etree
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.http import parse_options_header

from gateway.errors import UnsupportedType
from gateway.soap.names import SOAP12, TOKEN, WSA, WSSE, XS, Version
from gateway.web.here import gateway, house, trace
from gateway.web.soap.contract import answers, write_xsd
from gateway.web.soap.envelope import (
    Envelope,
    action_of,
    check_action,
    check_addressing,
    key_of,
    open_envelope,
    version_of,
    write_envelope,
)
from gateway.web.soap.faults import answer_fault
from gateway.web.soap.operations import Desk, Request, read_request
from gateway.web.soap.package import Package
from gateway.web.soap.security import Guard
from gateway.web.soap.writing import write
from gateway.xml import read_xml, write_xml

soap = Blueprint("soap", __name__, url_prefix="/soap/v1")

STRANGERS = "?soap"  # no partner's id; shared by callers who prove only inside the envelope who they are
_GUARD = "lienthong.soap"
_PATH = "/soap/v1/dossiers"
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]{2,45}\](:[0-9]{1,5})?")


@dataclass
class Call:
    """What is known of the call so far, for whoever must answer it."""

    version: Version
    envelope: Envelope | None = None
    asked: Request | None = None

    def place(self, pointer: str) -> str:
        """The XPath of a JSON pointer into the message."""
        if self.asked is not None:
            return self.asked.place(pointer)
        return self.envelope.xpath if self.envelope is not None else "/"

    @property
    def message_id(self) -> str | None:
        found = [h for h in (self.envelope.headers if self.envelope else ()) if h.tag == f"{{{WSA}}}MessageID"]
        return (found[0].text or "").strip() if found else None


@soap.record
def _prepare(state: BlueprintSetupState) -> None:
    here = state.app.extensions["lienthong"]
    state.app.extensions[_GUARD] = Guard(here.gateway, here.keyring)


@soap.post("/dossiers")
def call() -> Response:
    """One message. Whoever has no key in the HTTP header proves inside the envelope who they are."""
    here, this = house(), _this_call()
    known = here.keyring.caller(request) if "Authorization" in request.headers else None
    with (
        here.places.hold(known.partner.id if known else STRANGERS),
        closing(Package(here.gateway, request, known)) as package,
    ):
        this.envelope = envelope = open_envelope(read_xml(package.raw, max_bytes=len(package.raw)))
        this.version = envelope.version
        _check_type(envelope.version)
        guard: Guard = current_app.extensions[_GUARD]
        proven = guard.prove(envelope, known)
        check_addressing(envelope)
        check_action(envelope, _given_action(envelope.version))
        this.asked = asked = read_request(envelope)
        package.keep(asked, proven.caller.partner.id)
        if proven.signature is not None:
            proven.signature.check(package.read)
    original = _without_password(envelope, package.raw)
    desk = Desk(here.gateway, proven.caller.partner)
    content = desk.answer(asked, original, envelope.version.media_type, key_of(proven.message_id), trace())
    name = f"{asked.name}Response"
    element = write(name, answers()[asked.name], content)
    made = Response(write_envelope(envelope.version, element, action_of(name), this.message_id))
    made.content_type = f"{envelope.version.media_type}; charset=utf-8"
    made.headers["Cache-Control"] = "no-store"
    return made


@soap.get("/dossiers")
def describe() -> Response:
    """The contract, with the address that callers reach us by."""
    asked = {name.lower(): value for name, value in request.args.items()}
    if asked == {"wsdl": ""}:
        text = write_wsdl(_address())
    elif asked == {"xsd": "dossiers"}:
        text = write_xsd()
    elif asked:
        raise NotFound
    else:
        raise MethodNotAllowed(valid_methods=["POST"])
    return Response(text, content_type="text/xml; charset=utf-8")


@cache
def write_wsdl(address: str) -> bytes:
    """The WSDL of the service at `address`."""
    root = etree.fromstring((Path(__file__).parent / "dossiers.wsdl").read_bytes())
    for element in root.iter("{*}address"):
        element.set("location", address)
    for element in root.iter(f"{{{XS}}}import"):
        element.set("schemaLocation", f"{address}?xsd=dossiers")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True)


def _address() -> str:
    """The configured one; behind a proxy that is trusted to say it, the one the caller used."""
    settings = gateway().config.settings
    proto, host = request.headers.get("X-Forwarded-Proto", ""), request.headers.get("X-Forwarded-Host", "")
    if settings.web.forwarded and proto in ("http", "https") and _HOST.fullmatch(host):
        return f"{proto}://{host}{_PATH}"
    return f"{settings.public_url.rstrip('/')}{_PATH}"


def _this_call() -> Call:
    """What is known of this request; the error handler asks too, perhaps before the view has begun."""
    if "call" not in g:
        g.call = Call(version_of(request.headers.get("Content-Type", "")))
    found: Call = g.call
    return found


def _on_error(error: Exception) -> Response:
    this = _this_call()
    return answer_fault(error, this.version, this.place, this.message_id)


soap.register_error_handler(Exception, _on_error)


def _check_type(version: Version) -> None:
    """An envelope of the version that its media type promised. The root part of a multipart message was looked at already."""
    if request.mimetype not in (version.media_type, "multipart/related"):
        words = (
            f"SOAP {version.name} phải gửi với Content-Type {version.media_type}",
            f"SOAP {version.name} goes as {version.media_type}",
        )
        raise UnsupportedType.of("", "unsupported-type", *words)


def _given_action(version: Version) -> str:
    if version is SOAP12:
        return parse_options_header(request.headers.get("Content-Type"))[1].get("action", "")
    return request.headers.get("SOAPAction", "").strip().strip('"')


def _without_password(envelope: Envelope, raw: bytes) -> bytes:
    """The envelope as it came; a password that it carries is not kept."""
    found = [p for p in envelope.root.iter(f"{{{WSSE}}}Password") if p.get("Type") != f"{TOKEN}PasswordDigest"]
    for password in found:
        password.text = ""
    return write_xml(envelope.root) if found else raw
