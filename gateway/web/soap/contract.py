"""The contract: which elements travel, their shapes, and the XSD made from them (committed as `docs/schemas/dossiers.xsd`)."""

from __future__ import annotations

import re
from datetime import datetime
from functools import cache
from typing import Any, Literal

from lxml import etree
from pydantic import BaseModel, ConfigDict

from gateway.canonical import TYPES as MESSAGES
from gateway.canonical.base import Part
from gateway.canonical.scalars import DossierCode
from gateway.soap.names import TYPES, XMIME, XS
from gateway.web.shapes import Belief, HeldEvent, Receipt, Stand
from gateway.web.soap.shapes import Entries, Field, Record, Scalar, Shapes

# ── the models that only SOAP has ───────────────────────────────────────────────────────────────────────────────


class AskStatus(Part):
    """Where does the dossier stand?"""

    dossier: DossierCode


class FetchResults(Part):
    """What was issued for the dossier?"""

    dossier: DossierCode


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid")


class DossierStatus(Answer):
    """Where the dossier stands, and what each system believes. `agreed`: all believe the same, and nothing is under way."""

    dossier: str
    owner: str
    origin: Literal["local", "portal"]
    status: Stand
    agreed: bool
    beliefs: list[Belief]
    held: list[HeldEvent]


class IssuedResult(Answer):
    """One paper that was issued. `url` is where it can be fetched, without a key, until it expires."""

    id: str
    name: str
    code: str | None
    component: str | None
    symbol: str | None
    media_type: str | None
    sha256: str | None
    url: str
    issued_at: datetime
    message: str
    source: str


class Results(Answer):
    dossier: str
    status: Stand
    results: list[IssuedResult]


class SoapFault(Answer):
    """One thing wrong: where in canonical JSON (`pointer`), where in what was sent (`xpath`), what, in both languages."""

    pointer: str
    xpath: str
    code: str
    detail: str
    detail_en: str


class Problem(Answer):
    """Why nothing was accepted, with every fault found. `type` and `faults` are those of the REST interface."""

    type: str
    title: str
    title_en: str
    status: int
    detail: str
    detail_en: str
    instance: str
    faults: list[SoapFault]


SUBMITTED = ("DossierSubmitted",)
REPORTED = tuple(name for name in MESSAGES if name not in SUBMITTED)
CARRIES = {"SubmitDossier": SUBMITTED, "ReportStatus": REPORTED}
"""Operation → the messages that its element may hold, one of them."""
ASKS: dict[str, type[Part]] = {"AskStatus": AskStatus, "FetchResults": FetchResults}
ANSWERS: dict[str, type[BaseModel]] = {
    "SubmitDossier": Receipt,
    "ReportStatus": Receipt,
    "AskStatus": DossierStatus,
    "FetchResults": Results,
}
OPERATIONS = tuple(ANSWERS)


@cache
def messages() -> dict[str, Record]:
    """Each message type's shape. The element's name is the type, which is therefore no field."""
    return {name: _shapes().of(model.model_json_schema(), leave_out="type") for name, model in MESSAGES.items()}


@cache
def questions() -> dict[str, Record]:
    return {name: _shapes().of(model.model_json_schema()) for name, model in ASKS.items()}


@cache
def answers() -> dict[str, Record]:
    """Operation → its answer's shape."""
    return {name: _shapes().of(model.model_json_schema(mode="serialization")) for name, model in ANSWERS.items()}


@cache
def problem() -> Record:
    return _shapes().of(Problem.model_json_schema(mode="serialization"))


@cache
def _shapes() -> Shapes:
    return Shapes()


# ── the XSD ─────────────────────────────────────────────────────────────────────────────────────────────────────

_HEAD = (
    "Hợp đồng dữ liệu của /soap/v1/dossiers. Tệp này được sinh từ mô hình dữ liệu chung; đừng sửa tay. / "
    "The data contract of /soap/v1/dossiers, generated from the canonical model: `lienthong check --schemas docs/schemas`."
)
_AWARE = r".+(Z|[+\-][0-9]{2}:[0-9]{2})"


@cache
def write_xsd() -> bytes:
    """The XSD, in UTF-8."""
    for make in (messages, questions, answers, problem):
        make()
    root = etree.Element(
        _xs("schema"), {"targetNamespace": TYPES, "elementFormDefault": "qualified"},
        nsmap={"xs": XS, "lt": TYPES, "xmime": XMIME},
    )  # fmt: skip
    _note(root, _HEAD)
    for name, members in CARRIES.items():
        inside = _sub(_complex(_sub(root, "element", name=name)), "choice")
        for member in members:
            _sub(inside, "element", ref=f"lt:{member}")
    for name in MESSAGES:
        _sub(root, "element", name=name, type=f"lt:{name}")
    for name in ASKS:
        _sub(root, "element", name=name, type=f"lt:{name}")
    for name, shape in answers().items():
        _sub(root, "element", name=f"{name}Response", type=f"lt:{shape.name}")
    _sub(root, "element", name="Problem", type="lt:Problem")
    for record in _shapes().records.values():
        _write_record(root, record)
    etree.indent(root, "  ")
    return etree.tostring(root, encoding="UTF-8", xml_declaration=True) + b"\n"


def _write_record(root: etree._Element, record: Record) -> None:
    made = _sub(root, "complexType", name=record.name)
    _note(made, record.words)
    inside = _sub(made, "sequence")
    for name, field in record.fields.items():
        most = {} if field.most == 1 else {"maxOccurs": str(field.most) if field.most else "unbounded"}
        least = {} if field.least == 1 else {"minOccurs": str(field.least)}
        element = _sub(inside, "element", name=name, **least, **most)
        _write_node(element, field)


def _write_node(element: etree._Element, field: Field) -> None:
    _note(element, field.words)
    node = field.node
    if isinstance(node, Record):
        element.set("type", f"lt:{node.name}")
    elif isinstance(node, Entries):
        entry = _sub(_sub(_complex(element), "sequence"), "element", name="entry", minOccurs="0")
        entry.set("maxOccurs", str(node.most or "unbounded"))
        pair = _sub(_complex(entry), "sequence")
        for name, scalar in (("name", node.name), ("value", node.value)):
            _write_scalar(_sub(pair, "element", name=name), scalar)
    else:
        _write_scalar(element, node)
        if node.kind == "bytes":
            element.set(f"{{{XMIME}}}expectedContentTypes", "application/octet-stream")


def _write_scalar(element: etree._Element, scalar: Scalar) -> None:
    base, facets = _base(scalar), [facet for rule in scalar.rules for facet in _facets(rule)]
    if not facets:
        element.set("type", base)
        return
    inside = _sub(_sub(element, "simpleType"), "restriction", base=base)
    for name, value in dict.fromkeys(facets):
        _sub(inside, name, value=value)


def _base(scalar: Scalar) -> str:
    rule = scalar.rules[0]
    if scalar.kind == "string":
        return {"date-time": "xs:dateTime", "date": "xs:date"}.get(rule.get("format", ""), "xs:string")
    if scalar.kind == "integer":
        return "xs:long" if rule.get("maximum", 0) > 2**31 - 1 else "xs:int"
    return {"boolean": "xs:boolean", "number": "xs:double", "bytes": "xs:base64Binary"}[scalar.kind]


def _facets(rule: Any) -> list[tuple[str, str]]:
    """A JSON Schema's limits as facets of XML Schema. Patterns are anchored there; two of them are alternatives."""
    found: list[tuple[str, str]] = []
    if rule.get("format") == "date-time":
        found.append(("pattern", _AWARE))
    if "pattern" in rule:
        found.append(("pattern", re.sub(r"^\^|\$$", "", rule["pattern"])))
    for value in rule.get("enum", [rule["const"]] if "const" in rule else []):
        found.append(("enumeration", str(value)))
    names = {"minLength": "minLength", "maxLength": "maxLength", "minimum": "minInclusive", "maximum": "maxInclusive"}
    return found + [(facet, str(rule[name])) for name, facet in names.items() if name in rule]


def _xs(local: str) -> str:
    return f"{{{XS}}}{local}"


def _sub(parent: etree._Element, local: str, **attributes: str) -> etree._Element:
    return etree.SubElement(parent, _xs(local), attributes)


def _complex(element: etree._Element) -> etree._Element:
    return _sub(element, "complexType")


def _note(element: etree._Element, words: str) -> None:
    if words:
        _sub(_sub(element, "annotation"), "documentation").text = " ".join(words.split())
