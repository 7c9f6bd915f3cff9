"""One stylesheet, compiled: XML in, XML or JSON out. It knows of no limits: `sandbox` runs it under them.

It is made of the files of its folder, as bytes, so that what runs is what was checked, whatever becomes of the folder.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from gateway.errors import Fault, Misconfigured, Refused
from gateway.ports import Codes, Line
from gateway.xml import read_xml
from mappings.engine.functions import FUNCTIONS, OPEN, SHUT, Functions, Notes, path_of
from mappings.engine.gate import OURS, check_stylesheet, expressions
from mappings.engine.placing import Placing, read_calls
from mappings.engine.schemas import Schema
from mappings.engine.steps import Materials
from mappings.engine.tables import Table, parse_tables
from mappings.engine.xmljson import Reading, read_message

SHEET = "map.xsl"
MOST_BYTES = 1 << 20  # of a stylesheet or a schema
MOST_OUT = 16 << 20
_TOKEN = re.compile(f"{OPEN}([0-9]+){SHUT}")
_VALUE = re.compile(r"(?:The value )?'.*' is not (?=a valid|an element|accepted|allowed)", re.DOTALL)


@dataclass(slots=True)
class Declared:
    """What the stylesheet says of itself in its `lt:` elements."""

    about: str
    source: str
    target: str
    only_when: str | None
    dropped: dict[str, str]


@dataclass(slots=True)
class Made:
    """What came of one document: a text (XML) or a JSON value, or None with or without faults."""

    value: Any
    faults: list[Fault] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)


class Stylesheet:
    """Raises `Misconfigured` with file, line and cure. Not for several threads at once."""

    def __init__(self, files: Mapping[str, bytes], name: str, codes: Codes) -> None:
        self.name = name
        self._files = files
        self._place = f"{name}/{SHEET}"
        root = self._read(SHEET)
        check_stylesheet(root, self._place, FUNCTIONS)
        self.declared = _declared(root, self._place)
        self.tables = _tables(files.get("codes.csv"), f"{name}/codes.csv")
        self._materials = Materials(self.tables, codes, None)
        self.lists = _lists(root)
        self._only_when = self._condition(root)
        self._plain = self._compiled(marks=False)
        self._marked: tuple[Functions, etree.XSLT] | None = None
        self._in, self._out = self._schema("in.xsd"), self._schema("out.xsd")
        self._json = self._json_schema()

    def run(self, document: bytes, *, checked: bool = True) -> Made:
        """Every fault of the document, or what it becomes. Unchecked: no XSD is asked."""
        try:
            source = read_xml(document)
            faults = _invalid(self._in, source) if checked and self._in is not None else []
            if faults:
                return Made(None, faults)
            if self._only_when is not None and not self._only_when(source):
                return Made(None)
            return self._finished(source, *self._transformed(self._plain, source), checked=checked)
        except Refused as refused:
            return Made(None, list(refused.faults))
        except etree.XPathError as error:
            return Made(
                None, [Fault("", "map-wrong", f"lt:only-when viết sai: {error}", f"lt:only-when is wrong: {error}")]
            )

    def explain(self, document: bytes) -> Made:
        """The same, with a line for each value put out. What XSLT does not tell is said so, never guessed."""
        made = self.run(document)
        if made.faults:
            return made
        source = read_xml(document)
        if made.value is None:
            made.lines = [Line("", "", f"only when {self.declared.only_when}", None)]
            return made
        self._marked = self._marked or self._compiled(marks=True)
        root, notes = self._transformed(self._marked, source)
        told = _unmarked(root, notes)
        plain, _ = self._transformed(self._plain, source)
        if etree.tostring(root, method="c14n") != etree.tostring(plain, method="c14n"):
            root, told = plain, {}  # a mark came into a comparison: then nothing it says can be leant on
        made.lines = list(self._lines(root, told))
        return made

    # ── running ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _transformed(
        self, compiled: tuple[Functions, etree.XSLT], source: etree._Element
    ) -> tuple[etree._Element, Notes]:
        functions, sheet = compiled
        functions.notes = notes = Notes()
        try:
            root: etree._Element | None = sheet(source).getroot()
        except etree.XSLTError as error:
            words = " ".join(str(error).split())[:300]
            raise Refused.of(
                "", "stylesheet-failed", f"bảng ánh xạ dừng lại: {words}", f"the stylesheet stopped: {words}"
            ) from error
        if notes.faults:
            raise Refused(notes.faults)
        if root is None:
            raise Refused.of("", "nothing-made", "bảng ánh xạ không tạo ra gì", "the stylesheet made nothing")
        return root, notes

    def _finished(self, source: etree._Element, root: etree._Element, notes: Notes, *, checked: bool) -> Made:
        if self.declared.target == "xml":
            faults = _invalid(self._out, root) if checked and self._out is not None else []
            text = etree.tostring(root, encoding="unicode", with_tail=False)
            if len(text) > MOST_OUT:
                raise Refused.of(
                    "", "too-large", f"kết quả dài {len(text)} ký tự", f"the result has {len(text)} characters"
                )
            return Made(None if faults else text, faults)
        reading = self._reading(root)
        return Made(None if reading.faults else reading.value, reading.faults)

    def _reading(self, root: etree._Element) -> Reading:
        return read_message(root) if self.declared.target == "canonical" else Reading(root, self._json)

    def _lines(self, root: etree._Element, told: Mapping[tuple[etree._Element, str], list[Any]]) -> list[Line]:
        pointers = self._reading(root).pointers if self.declared.target != "xml" else {}
        literals = {str(text).strip() for text in self._read(SHEET).xpath("//text() | //@*")}
        lines = []
        for element in root.iter(etree.Element):
            target = pointers.get(element, "") if pointers else path_of(element)
            values = [
                (str(key), target + "/@" + etree.QName(key).localname, str(v)) for key, v in element.attrib.items()
            ]
            if not len(element) and (element.text or "").strip():
                values.append(("", target, element.text or ""))
            for key, place, value in [v for v in values if not (pointers and v[0])]:
                marks = told.get((element, key), [])
                sources = ", ".join(dict.fromkeys(path for mark in marks for path in mark.sources))
                rule = " + ".join(mark.rule for mark in marks)
                if not marks:
                    rule = (
                        "hằng · constant" if value.strip() in literals else "XSLT không cho biết · XSLT does not tell"
                    )
                lines.append(Line(place, sources, rule, value))
        return lines

    # ── loading ─────────────────────────────────────────────────────────────────────────────────────────────────

    def _read(self, name: str) -> etree._Element:
        try:
            return read_xml(self._files[name], max_bytes=MOST_BYTES)
        except Refused as refused:
            raise Misconfigured(f"{self.name}/{name}: {refused}") from refused

    def _compiled(self, *, marks: bool) -> tuple[Functions, etree.XSLT]:
        root = self._read(SHEET)
        placing = Placing(root, self._place, marks)
        functions = Functions(self._materials, placing.places, marks)
        try:
            deny = etree.XSLTAccessControl.DENY_ALL
            # The stubs speak of extension elements only, which `gate` refuses; these are functions.
            return functions, etree.XSLT(root, extensions=functions.extensions(), access_control=deny)  # type: ignore[arg-type]
        except etree.XSLTParseError as error:
            entry = error.error_log.last_error
            raise Misconfigured(
                f"{self._place}:{entry.line if entry else 1}: {entry.message if entry else error}"
            ) from error

    def _condition(self, root: etree._Element) -> etree.XPath | None:
        if self.declared.only_when is None:
            return None
        try:
            names = {prefix: space for prefix, space in root.nsmap.items() if prefix}
            return etree.XPath(f"boolean({self.declared.only_when})", namespaces=names)
        except etree.XPathError as error:
            raise Misconfigured(f"{self._place}: lt:only-when: {error}") from error

    def _schema(self, name: str) -> etree.XMLSchema | None:
        if name not in self._files:
            return None
        for other in (n for n in self._files if n.endswith(".xsd")):
            self._read(other)  # libxml2 reads the others itself, and must not meet a DTD there
        parser = etree.XMLParser(no_network=True, resolve_entities=False, load_dtd=False)
        parser.resolvers.add(_Beside(self._files))
        try:
            return etree.XMLSchema(etree.fromstring(self._files[name], parser, base_url=f"mapping:/{name}"))
        except etree.XMLSchemaParseError as error:
            raise Misconfigured(f"{self.name}/{name}: {error} (what it includes must lie beside it)") from error

    def _json_schema(self) -> Schema:
        if self.declared.target != "json":
            return {}
        try:
            schema: Schema = json.loads(self._files["out.schema.json"])
        except KeyError:
            raise Misconfigured(
                f"{self._place}: the target json wants out.schema.json beside it: it says what is a number or a list"
            ) from None
        except ValueError as error:
            raise Misconfigured(f"{self.name}/out.schema.json: not valid JSON: {error}") from error
        return schema


class _Beside(etree.Resolver):
    """What a schema includes is a file of the folder, or nothing."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        name = (system_url or "").removeprefix("mapping:/")
        if name not in self._files:
            return self.resolve_empty(context)
        return self.resolve_string(self._files[name], context)


def _tables(data: bytes | None, file: str) -> dict[str, Table]:
    if data is None:
        return {}
    try:
        return parse_tables(data.decode("utf-8-sig"), file)
    except UnicodeDecodeError as error:
        raise Misconfigured(f"{file}: cannot be read: {error}") from error


def _lists(root: etree._Element) -> tuple[str, ...]:
    """The code lists that its look-ups name."""
    calls = [call for element in root.iter(etree.Element) for text in expressions(element) for call in read_calls(text)]
    return tuple(
        sorted({c.arguments[1].strip("'\"") for c in calls if c.name.endswith(":lookup") and len(c.arguments) > 1})
    )


def _declared(root: etree._Element, place: str) -> Declared:
    def one(name: str, otherwise: str | None = None) -> str:
        found = root.findall(f"{{{OURS}}}{name}")
        text = (found[0].text or "").strip() if len(found) == 1 else otherwise
        if not text:
            raise Misconfigured(f"{place}:{root.sourceline}: one <lt:{name}> with a text must stand at the top")
        return text

    target = one("target", "xml")
    if target not in ("xml", "json", "canonical"):
        raise Misconfigured(f"{place}: lt:target is xml, json or canonical")
    conditions = root.findall(f"{{{OURS}}}only-when")
    if len(conditions) > 1 or any(not c.get("test") for c in conditions):
        raise Misconfigured(f'{place}: <lt:only-when test="…"/> stands once at most')
    dropped = {str(d.get("path")): (d.text or "").strip() for d in root.findall(f"{{{OURS}}}dropped")}
    for path, reason in dropped.items():
        if path == "None" or not reason:
            raise Misconfigured(f'{place}: <lt:dropped path="a.b">says why</lt:dropped>')
    return Declared(
        one("about"), one("source", "xml"), target, str(conditions[0].get("test")) if conditions else None, dropped
    )


def _invalid(schema: etree.XMLSchema | None, root: etree._Element) -> list[Fault]:
    """What the XSD finds, without the values it quotes: they may be personal."""
    if schema is None or schema.validate(root):
        return []
    found = []
    for entry in schema.error_log:
        words = _VALUE.sub("the value is not ", str(entry.message).partition(": ")[2] or str(entry.message))
        found.append(
            Fault(_place(root, entry.path), "not-by-schema", f"trái lược đồ: {words}", f"against the schema: {words}")
        )
    return found


def _place(root: etree._Element, path: str | None) -> str:
    """libxml2's path in our words; of one it cannot say, the root."""
    try:
        names = {p: s for e in root.iter(etree.Element) for p, s in e.nsmap.items() if p}
        [element] = root.getroottree().xpath(path or "/*", namespaces=names)
        return path_of(element)
    except (etree.XPathError, ValueError):
        return path_of(root)


def _unmarked(root: etree._Element, notes: Notes) -> dict[tuple[etree._Element, str], list[Any]]:
    """Takes the marks out of the result; tells which stood in which text ("") and attribute."""
    told = {}
    for element in root.iter(etree.Element):
        for key, raw in [("", element.text or ""), *element.attrib.items()]:
            numbers = [int(n) for n in _TOKEN.findall(str(raw))]
            if not numbers:
                continue
            told[element, str(key)] = [notes.marks[n] for n in numbers]
            clean = _TOKEN.sub("", str(raw))
            if key:
                element.set(str(key), clean)
            else:
                element.text = clean
    return told
