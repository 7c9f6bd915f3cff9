"""Envelopes: those we send, and what an answer says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lxml import etree

from connectors.soap.client.contract import Operation
from connectors.soap.client.shapes import read
from gateway.errors import Refused
from gateway.http import Reply
from gateway.soap.names import VERSIONS, WSA, Version
from gateway.xml import read_xml

_MUST = "mustUnderstand"


@dataclass(frozen=True, slots=True)
class Answered:
    """An answer's envelope, taken apart; it satisfies what `gateway.soap.signature` reads."""

    version: Version
    root: etree._Element
    headers: Sequence[etree._Element]
    body: etree._Element

    @property
    def content(self) -> etree._Element | None:
        """The element in the Body."""
        return self.body[0] if len(self.body) else None

    @property
    def fault(self) -> bool:
        return self.content is not None and self.content.tag == self.version.tag("Fault")

    def header(self, tag: str) -> etree._Element | None:
        return next((header for header in self.headers if header.tag == tag), None)

    def document(self, operation: Operation) -> Any:
        """What the Body's one element holds, as JSON; of a fault: faultcode, faultstring, subcode, detail, in either version. It was checked."""
        content = self.content
        if content is None:
            return None
        if self.fault:
            return _fault(content, self.version)
        return read(content, operation.answer.shape) if operation.answer is not None else read(content)

    def check(self, operation: Operation) -> None:
        """A fault, or what the contract declares as this operation's answer. Raises `Refused`.

        By its local name, as everything in it is read: services are careless with namespaces.
        """
        content = self.content
        if self.fault or operation.answer is None:
            return
        if content is None or etree.QName(content).localname not in operation.answers:
            found = "không có gì · nothing" if content is None else str(content.tag)[:200]
            wanted = operation.answer.tag
            words = f"cần {wanted}, gặp {found}", f"{wanted} belongs in the answer's Body, not {found}"
            raise Refused.of("", "not-the-answer", *words)


def write_envelope(
    version: Version, headers: Sequence[etree._Element], content: etree._Element | None
) -> etree._Element:
    """Header only where there is something in it: some servers want none else."""
    root = etree.Element(version.tag("Envelope"), nsmap={"soap": version.namespace})
    if headers:
        etree.SubElement(root, version.tag("Header")).extend(headers)
    body = etree.SubElement(root, version.tag("Body"))
    if content is not None:
        body.append(content)
    return root


def write_addressing(version: Version, action: str, to: str, message_id: str) -> list[etree._Element]:
    """WS-Addressing 1.0 headers of a question whose answer comes back on the same connection."""
    made = []
    for name, value in {"Action": action, "MessageID": f"urn:uuid:{message_id}", "To": to}.items():
        one = etree.Element(f"{{{WSA}}}{name}", nsmap={"wsa": WSA})
        one.text = value
        made.append(one)
    reply_to = etree.Element(f"{{{WSA}}}ReplyTo", nsmap={"wsa": WSA})
    etree.SubElement(reply_to, f"{{{WSA}}}Address").text = f"{WSA}/anonymous"
    for one in (made[0], made[2]):
        one.set(version.tag(_MUST), "1")
    return [*made, reply_to]


def http_headers(operation: Operation) -> Mapping[str, str]:
    kind = operation.version.media_type
    if operation.version.name == "1.2":
        action = f'; action="{operation.action}"' if operation.action else ""
        return {"Content-Type": f"{kind}; charset=utf-8{action}", "Accept": kind}
    return {"Content-Type": f"{kind}; charset=utf-8", "SOAPAction": f'"{operation.action}"', "Accept": kind}


def open_answer(reply: Reply) -> Answered | None:
    """The envelope in an answer, of whichever version; None when there is none."""
    try:
        root = read_xml(reply.body, max_bytes=max(1, len(reply.body)))
    except Refused:
        return None
    name = etree.QName(root)
    version = VERSIONS.get(name.namespace or "")
    if version is None or name.localname != "Envelope":
        return None
    header, bodies = root.find(version.tag("Header")), root.findall(version.tag("Body"))
    if len(bodies) != 1 or len(bodies[0]) > 1:
        return None
    return Answered(version, root, list(header) if header is not None else [], bodies[0])


def _fault(element: etree._Element, version: Version) -> dict[str, Any]:
    if version.name == "1.1":
        code, words = element.findtext("faultcode") or "", element.findtext("faultstring") or ""
        detail, subcodes = element.find("detail"), []
    else:
        code = element.findtext(f"{version.tag('Code')}/{version.tag('Value')}") or ""
        words = " ".join(one.text or "" for one in element.iterfind(f"{version.tag('Reason')}/{version.tag('Text')}"))
        subcodes = [
            _local(one.findtext(version.tag("Value")) or "") for one in element.iterfind(f".//{version.tag('Subcode')}")
        ]
        detail = element.find(version.tag("Detail"))
    found: dict[str, Any] = {"faultcode": _local(code), "faultstring": words.strip()}
    if subcodes:
        found["subcode"] = subcodes[-1]
    if detail is not None:
        found["detail"] = read(detail)
    return found


def _local(name: str) -> str:
    """The local name of a QName as it is written."""
    return name.strip().rpartition(":")[2]
