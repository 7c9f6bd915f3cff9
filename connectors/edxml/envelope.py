"""The edXML envelope as JSON and back: names as on the wire, "Bussiness" with its two s included. Knows no dossier.

A document is ``{"MessageHeader": {…}, "Traces": [{OrganId, Timestamp}], "Bussiness": {…}, "Attachments": [{…}]}``. Texts are texts; what is
blank is absent. An attachment's content is bytes under ``content``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from lxml import etree

from gateway.errors import BadRequest

NS = "http://www.mic.gov.vn/TBT/QCVN_102_2016"
DS = "http://www.w3.org/2000/09/xmldsig#"
MANIFEST_VERSION = "1.0"
_LISTS = {"To", "Appendix", "Place", "TraceHeader", "Receiver", "ReplacementInfo"}
_PARTY = ("OrganId", "OrganizationInCharge", "OrganName", "OrganAdd", "Email", "Telephone", "Fax", "Website")
_ORDER: Mapping[str, Sequence[str]] = {
    "MessageHeader": (
        "From", "To", "DocumentId", "Code", "PromulgationInfo", "DocumentType", "Subject", "Content", "SignerInfo", "DueDate",
        "OtherInfo", "ResponseFor", "SteeringType", "ToPlaces", "StaffInfo", "StatusCode", "Description", "Timestamp",
    ),
    "From": _PARTY,
    "To": _PARTY,
    "Code": ("CodeNumber", "CodeNotation"),
    "PromulgationInfo": ("Place", "PromulgationDate"),
    "DocumentType": ("Type", "TypeDetail", "TypeName"),
    "SignerInfo": ("Competence", "Position", "FullName"),
    "OtherInfo": (
        "Priority", "SphereOfPromulgation", "TyperNotation", "PromulgationAmount", "PageAmount", "Direction", "Appendixes",
    ),
    "Appendixes": ("Appendix",),
    "ResponseFor": ("OrganId", "Code", "DocumentId", "PromulgationDate"),
    "ToPlaces": ("Place",),
    "StaffInfo": ("Department", "Staff", "Email", "Mobile"),
    "TraceHeader": ("OrganId", "Timestamp"),
    "Bussiness": (
        "DocumentId", "BussinessDocType", "BussinessDocReason", "Paper", "ReplacementInfoList", "BussinessDocumentInfo", "StaffInfo",
    ),
}  # fmt: skip


# ── to the wire ─────────────────────────────────────────────────────────────────────────────────────────────


def write_document(document: Mapping[str, Any]) -> etree._Element:
    """The edXML element. A name the standard does not have raises `ValueError`: our own mapping is wrong."""
    root = etree.Element(_name("edXML"), nsmap={None: NS})
    envelope = _add(root, "edXMLEnvelope")
    header = _add(envelope, "edXMLHeader")
    _put(header, "MessageHeader", document["MessageHeader"])
    if "Bussiness" in document or document.get("Traces"):
        traces = _add(header, "TraceHeaderList")
        for trace in document.get("Traces", ()):
            _put(traces, "TraceHeader", trace)
        if "Bussiness" in document:
            _put(traces, "Bussiness", document["Bussiness"])
    attachments = document.get("Attachments", ())
    if attachments:
        manifest = _add(_add(envelope, "edXMLBody"), "edXMLManifest")
        manifest.set("version", MANIFEST_VERSION)
        encoded = _add(root, "AttachmentEncoded")
        for number, attachment in enumerate(attachments, start=1):
            _attach(manifest, encoded, number, attachment)
    return root


def _attach(manifest: etree._Element, encoded: etree._Element, number: int, attachment: Mapping[str, Any]) -> None:
    about = {"AttachmentName": attachment["AttachmentName"], "ContentType": attachment["ContentType"]}
    reference = _add(manifest, "Reference")
    _leaf(reference, "ContentId", f"cid:{number}")
    _leaf(reference, "ContentType", about["ContentType"])
    _leaf(reference, "AttachmentName", about["AttachmentName"])
    one = _add(encoded, "Attachment")
    _leaf(one, "ContentId", f"cid:{number}")
    _leaf(one, "AttachmentName", about["AttachmentName"])
    _leaf(one, "ContentType", about["ContentType"])
    _leaf(one, "ContentTransferEncoded", base64.b64encode(attachment["content"]).decode())


def _put(parent: etree._Element, name: str, value: Any) -> None:
    if isinstance(value, list):
        for one in value:
            _put(parent, name, one)
    elif isinstance(value, Mapping):
        order = _ORDER.get(name, ())
        unknown = value.keys() - set(order)
        if unknown:
            raise ValueError(f"edXML: {name} has no {', '.join(sorted(unknown))}")
        element = _add(parent, name)
        for child in order:
            if child in value:
                _put(element, child, value[child])
    else:
        _leaf(parent, name, value)


def _add(parent: etree._Element, name: str) -> etree._Element:
    return etree.SubElement(parent, _name(name))


def _leaf(parent: etree._Element, name: str, text: str) -> None:
    _add(parent, name).text = text


def _name(name: str) -> str:
    return f"{{{NS}}}{name}"


# ── from the wire ───────────────────────────────────────────────────────────────────────────────────────────


def read_document(root: etree._Element, most: int) -> dict[str, Any]:
    """What the edXML element says. No attachment may be larger than `most` bytes. Raises `BadRequest`."""
    header = _only(_only(_only(root, "edXML", root), "edXMLEnvelope"), "edXMLHeader")
    message = _told(_only(header, "MessageHeader"))
    if not isinstance(message, dict) or not isinstance(message.get("From"), dict):
        _refuse("header", "thiếu MessageHeader hoặc From", "MessageHeader or From is missing")
    found: dict[str, Any] = {"MessageHeader": message}
    traces = header.find(_name("TraceHeaderList"))
    if traces is not None:
        found["Traces"] = [told for one in traces.findall(_name("TraceHeader")) if (told := _told(one))]
        bussiness = _told(_only(traces, "Bussiness")) if traces.find(_name("Bussiness")) is not None else None
        if bussiness:
            found["Bussiness"] = bussiness
    found["Attachments"] = _attachments(root, most)
    return found


def _attachments(root: etree._Element, most: int) -> list[dict[str, Any]]:
    """Every attachment, in order; the manifest must name exactly those that are there."""
    encoded = root.findall(f"{_name('AttachmentEncoded')}/{_name('Attachment')}")
    names = f"{_name('edXMLEnvelope')}/{_name('edXMLBody')}/{_name('edXMLManifest')}/{_name('Reference')}/{_name('ContentId')}"
    told = sorted(_text(one) for one in root.findall(names))
    found = [_attachment(one, number, most) for number, one in enumerate(encoded)]
    if told != sorted(one["ContentId"] for one in found):
        _refuse("manifest", "edXMLManifest và AttachmentEncoded không khớp", "manifest and attachments do not agree")
    return found


def _attachment(element: etree._Element, number: int, most: int) -> dict[str, Any]:
    place = f"/AttachmentEncoded/{number}"
    about = {
        name: text
        for name in ("ContentId", "AttachmentName", "ContentType", "Description")
        if (text := (element.findtext(_name(name)) or "").strip())
    }
    if not {"ContentId", "AttachmentName"} <= about.keys():
        _refuse("attachment", "tệp thiếu ContentId hoặc AttachmentName", "an attachment without id or name", place)
    try:
        content = base64.b64decode(
            "".join((element.findtext(_name("ContentTransferEncoded")) or "").split()), validate=True
        )
    except (binascii.Error, ValueError):
        _refuse("base64", "không phải base64", "not base64", place)
    if not content or len(content) > most:
        _refuse("size", f"tệp rỗng hoặc lớn hơn {most} byte", f"empty, or larger than {most} bytes", place)
    return {**about, "content": content}


def _told(element: etree._Element) -> Any:
    """A leaf is its text, None when blank; anything else an object without what is blank."""
    children = [child for child in element if child.tag != f"{{{DS}}}Signature"]
    if not children:
        return _text(element) or None
    found: dict[str, Any] = {}
    for child in children:
        name = etree.QName(child)
        if name.namespace != NS:
            _refuse("namespace", f"phần tử lạ {name.localname[:60]}", f"a strange element {name.localname[:60]}")
        value = _told(child)
        if value is None:
            continue
        if name.localname in _LISTS:
            found.setdefault(name.localname, []).append(value)
        elif name.localname in found:
            _refuse("twice", f"{name.localname[:60]} lặp lại", f"{name.localname[:60]} stands twice")
        else:
            found[name.localname] = value
    return found or None


def _only(parent: etree._Element, name: str, itself: etree._Element | None = None) -> etree._Element:
    found = parent.findall(_name(name)) if itself is None else [itself] * (itself.tag == _name(name))
    if len(found) != 1:
        _refuse("shape", f"phải có đúng một {name} (QCVN 102:2016)", f"not exactly one {name} (QCVN 102:2016)")
    return found[0]


def _text(element: etree._Element) -> str:
    return (element.text or "").strip()


def _refuse(code: str, detail: str, detail_en: str, place: str = "") -> NoReturn:
    raise BadRequest.of(place, code, detail, detail_en)
