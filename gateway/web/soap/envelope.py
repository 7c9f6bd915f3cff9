"""Envelopes: which version, which headers we must understand, what is asked; and those we answer with."""

from __future__ import annotations

import hashlib
import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from gateway.errors import BadRequest
from gateway.soap.names import SOAP11, SOAP12, TYPES, VERSIONS, WSA, WSSE, XML, Version
from gateway.web.soap.writing import write_text
from gateway.xml import write_xml

_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,199}")  # as an Idempotency-Key
_ANONYMOUS = {f"{WSA}/anonymous", f"{WSA}/none"}
_UNDERSTOOD = {WSA, WSSE}
_FINER = {TYPES: "lt", WSSE: "wsse"}  # prefixes of finer codes


class Unreadable(BadRequest):
    """No envelope of ours. `code` is the fault code of the field; None means the sender's."""

    code: str | None = None


class VersionMismatch(Unreadable):
    title = "Không phải SOAP 1.1 hay 1.2"
    title_en = "Neither SOAP 1.1 nor 1.2"
    kind = "version-mismatch"
    code = "VersionMismatch"


class NotUnderstood(Unreadable):
    """Headers that the sender insists on, and that we do not know."""

    title = "Có tiêu đề bắt buộc mà cổng không hiểu"
    title_en = "A header that must be understood is not"
    kind = "must-understand"
    code = "MustUnderstand"


@dataclass(frozen=True, slots=True)
class Envelope:
    """`headers` are those meant for us. `operation` is the one element of the body."""

    version: Version
    root: etree._Element
    headers: Sequence[etree._Element]
    body: etree._Element
    operation: etree._Element

    @property
    def name(self) -> str:
        return etree.QName(self.operation).localname

    @property
    def xpath(self) -> str:
        return f"/soap:Envelope/soap:Body/lt:{self.name}"

    def header(self, namespace: str, name: str) -> etree._Element | None:
        """The only header of this name. Raises `BadRequest` when it stands twice."""
        found = [header for header in self.headers if header.tag == f"{{{namespace}}}{name}"]
        if len(found) > 1:
            raise _unreadable("header-twice", f"tiêu đề {name} xuất hiện hai lần", f"the header {name} stands twice")
        return found[0] if found else None

    def address(self, name: str) -> str | None:
        """The value of a WS-Addressing header."""
        header = self.header(WSA, name)
        return None if header is None else (header.text or "").strip()


def open_envelope(root: etree._Element) -> Envelope:
    """Raises `Unreadable`, with the code that SOAP has for it."""
    name = etree.QName(root)
    version = VERSIONS.get(name.namespace or "")
    if version is None or name.localname != "Envelope":
        words = "phần tử gốc phải là Envelope của SOAP 1.1 hoặc 1.2", "the root must be an Envelope of SOAP 1.1 or 1.2"
        raise VersionMismatch.of("", "version-mismatch", *words)
    children = list(root)
    header = children.pop(0) if children and children[0].tag == version.tag("Header") else None
    if [child.tag for child in children] != [version.tag("Body")]:
        words = (
            "trong Envelope phải có Header (nếu có), rồi đúng một Body",
            "an Envelope holds a Header, if any, and one Body",
        )
        raise _unreadable("envelope", *words)
    (body,) = children
    headers = _headers(version, header)
    if len(body) != 1:
        raise _unreadable("body", "trong Body phải có đúng một phần tử", "the Body must hold one element")
    if any(element.get(version.tag("encodingStyle")) is not None for element in (body, body[0])):
        raise _unreadable("encoding-style", "chỉ nhận document/literal", "only document/literal is taken")
    return Envelope(version, root, headers, body, body[0])


def _headers(version: Version, header: etree._Element | None) -> list[etree._Element]:
    """The headers meant for us."""
    ours, unknown = [], []
    for one in header if header is not None else ():
        if one.get(version.tag(version.role), "").strip() not in version.roles:
            continue
        ours.append(one)
        must = one.get(version.tag("mustUnderstand"), "0").strip()
        if must in ("1", "true") and etree.QName(one).namespace not in _UNDERSTOOD:
            unknown.append(one.tag)
        elif must not in ("0", "1", "true", "false"):
            raise _unreadable("must-understand", "mustUnderstand phải là 0 hoặc 1", "mustUnderstand must be 0 or 1")
    if unknown:
        every = ", ".join(map(str, unknown))
        words = f"cổng không hiểu tiêu đề {every}", f"these headers are not understood: {every}"
        raise NotUnderstood.of("", "must-understand", *words)
    return ours


def check_addressing(envelope: Envelope) -> None:
    """The answer goes back on the same connection, and the action is that of the body. Raises `BadRequest`."""
    for name in ("ReplyTo", "FaultTo"):
        header = envelope.header(WSA, name)
        to = None if header is None else (header.findtext(f"{{{WSA}}}Address") or "").strip()
        if to is not None and to not in _ANONYMOUS:
            words = f"wsa:{name} phải là địa chỉ anonymous", f"wsa:{name} must be the anonymous address"
            raise _unreadable("only-anonymous-address", *words)
    check_action(envelope, envelope.address("Action"))


def check_action(envelope: Envelope, action: str | None) -> None:
    """What the transport calls the message must not be another thing than the message. Raises `BadRequest`."""
    if action and action != action_of(envelope.name):
        words = (
            f"action là {action[:200]}, nhưng thân là {envelope.name}",
            f"the action is {action[:200]}, the body {envelope.name}",
        )
        raise _unreadable("action-differs", *words)


def action_of(name: str) -> str:
    return f"{TYPES}/{name}"


def key_of(message_id: str | None) -> str | None:
    """A WS-Addressing MessageID as an idempotency key. It may be any IRI, a key may not."""
    if not message_id:
        return None
    return message_id if _KEY.fullmatch(message_id) else f"sha256:{hashlib.sha256(message_id.encode()).hexdigest()}"


def write_envelope(version: Version, content: etree._Element, action: str, relates_to: str | None) -> bytes:
    """An answer. With WS-Addressing headers when the request had a MessageID, as `relates_to`."""
    root = etree.Element(version.tag("Envelope"), nsmap={"soap": version.namespace})
    if relates_to is not None:
        header = etree.SubElement(root, version.tag("Header"), nsmap={"wsa": WSA})
        fields = {
            "Action": action,
            "MessageID": f"urn:uuid:{uuid.uuid4()}",
            "RelatesTo": relates_to,
            "To": f"{WSA}/anonymous",
        }
        for name, value in fields.items():
            etree.SubElement(header, f"{{{WSA}}}{name}").text = write_text(value)
    etree.SubElement(root, version.tag("Body")).append(content)
    return write_xml(root)


def write_fault(
    version: Version,
    *,
    sender: bool,
    code: str | None,
    subcode: tuple[str, str] | None,
    words: tuple[str, str],
    detail: etree._Element,
) -> etree._Element:
    """A SOAP fault. `subcode` is (namespace, name) of a finer code; `words` are Vietnamese and English."""
    made = etree.Element(
        version.tag("Fault"), nsmap={"soap": version.namespace, **({_FINER[subcode[0]]: subcode[0]} if subcode else {})}
    )
    plain = f"soap:{code or (version.sender if sender else version.receiver)}"
    if version is SOAP11:
        etree.SubElement(made, "faultcode").text = f"{_FINER[subcode[0]]}:{subcode[1]}" if subcode else plain
        etree.SubElement(made, "faultstring", {f"{{{XML}}}lang": "vi"}).text = write_text(f"{words[0]} · {words[1]}")
        # WS-I R1000 lets nothing else stand here; a fault of the header (R1027's) tells of no body, and has no detail.
        if code is None:
            etree.SubElement(made, "detail").append(detail)
        return made
    place = etree.SubElement(made, version.tag("Code"))
    etree.SubElement(place, version.tag("Value")).text = plain
    if subcode:
        finer = etree.SubElement(place, version.tag("Subcode"))
        etree.SubElement(finer, version.tag("Value")).text = f"{_FINER[subcode[0]]}:{subcode[1]}"
    reason = etree.SubElement(made, version.tag("Reason"))
    for language, text in zip(("vi", "en"), words, strict=True):
        etree.SubElement(reason, version.tag("Text"), {f"{{{XML}}}lang": language}).text = write_text(text)
    etree.SubElement(made, version.tag("Detail")).append(detail)
    return made


def version_of(media_type: str) -> Version:
    """The version to answer in when no envelope could be read."""
    return SOAP12 if SOAP12.media_type in media_type else SOAP11


def _unreadable(code: str, detail: str, detail_en: str) -> Unreadable:
    return Unreadable.of("", code, detail, detail_en)
