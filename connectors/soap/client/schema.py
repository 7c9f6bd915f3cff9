"""The schemas of a contract, compiled once: what goes out is checked before it goes.

The schemas stand inside the WSDL or in files beside it. They are handed to libxml2 under names of our own, one a namespace, so that it
opens no file and no connection by itself.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lxml import etree

from gateway.errors import Fault, Refused
from gateway.soap.names import XS

_PREFIX = "lienthong:"
_VALUE = re.compile(
    r"^(Element '[^']*'(?:, attribute '[^']*')?: (?:\[facet '[^']*'\] )?)(?:The value )?'.*' is not (?=a valid|an element|accepted)"
)
_NAMESPACE = re.compile(r"\{[^}']*\}")
_MOST_FAULTS = 20
_SCHEMA, _IMPORT, _INCLUDE, _REDEFINE = (f"{{{XS}}}{name}" for name in ("schema", "import", "include", "redefine"))

Wrapper = tuple[str, str, Sequence[tuple[str, str]]]
"""An element around typed parts, which no schema declares: its namespace, its name, and the name and type of each part."""


class SchemaWrong(Exception):
    """The schemas do not compile. The text says why."""


class Schema:
    """Thread-safe."""

    def __init__(self, compiled: etree.XMLSchema) -> None:
        self._compiled = compiled
        self._lock = threading.Lock()  # its list of errors is one for all threads

    def check(self, element: etree._Element) -> None:
        """Raises `Refused` with every fault, without the values: they may be somebody's."""
        with self._lock:
            if self._compiled.validate(element):
                return
            faults = [_fault(entry) for entry in list(self._compiled.error_log)[:_MOST_FAULTS]]
        raise Refused(faults)


def compile_schema(documents: Mapping[str, etree._Element], wrappers: Sequence[Wrapper] = ()) -> Schema:
    """From the files of a contract, WSDLs and schemas, by path. Raises `SchemaWrong`."""
    found = [*_schemas(documents), *(("", _wrapped(*wrapper)) for wrapper in wrappers)]
    names = [f"{_PREFIX}schema-{number}" for number in range(len(found))]
    files = {path: name for name, (path, schema) in zip(names, found, strict=True) if schema.getparent() is None}
    spaces: dict[str, list[str]] = {}
    for name, (_, schema) in zip(names, found, strict=True):
        spaces.setdefault(schema.get("targetNamespace", ""), []).append(name)
    places = {space: f"{_PREFIX}namespace-{number}" for number, space in enumerate(spaces)}
    texts = {
        name: etree.tostring(_pointed(schema, path, files, places))
        for name, (path, schema) in zip(names, found, strict=True)
    }
    for space, parts in spaces.items():
        texts[places[space]] = etree.tostring(_collected(space, parts))
    parser = etree.XMLParser(no_network=True, resolve_entities=False)
    parser.resolvers.add(_Shipped(texts))
    entrance = etree.Element(_SCHEMA, nsmap={"xs": XS})
    if "" in places:
        etree.SubElement(entrance, _INCLUDE, schemaLocation=places[""])
    for space, place in places.items():
        if space:
            etree.SubElement(entrance, _IMPORT, namespace=space, schemaLocation=place)
    try:
        return Schema(etree.XMLSchema(etree.fromstring(etree.tostring(entrance), parser)))
    except etree.XMLSchemaParseError as error:
        raise SchemaWrong(" ".join(str(error).split())[:500]) from error


class _Shipped(etree.Resolver):
    def __init__(self, texts: Mapping[str, bytes]) -> None:
        super().__init__()
        self._texts = texts

    def resolve(self, system_url: str | None, public_id: str | None, context: Any) -> Any:
        """One of our own names. Whatever else is asked for is empty: nothing is opened."""
        text = self._texts.get(system_url or "")
        return self.resolve_empty(context) if text is None else self.resolve_string(text, context, base_url=system_url)


def _schemas(documents: Mapping[str, etree._Element]) -> Iterator[tuple[str, etree._Element]]:
    """Every schema with the file that it stands in."""
    for path, root in documents.items():
        for schema in root.iter(_SCHEMA):
            yield path, schema


def _pointed(schema: etree._Element, path: str, files: Mapping[str, str], places: Mapping[str, str]) -> etree._Element:
    """A copy whose imports and includes name what we hand out."""
    copied = etree.fromstring(etree.tostring(schema, with_tail=False))  # with the namespaces that stand above it
    for one in list(copied.iterchildren(_IMPORT, _INCLUDE, _REDEFINE)):
        location = one.attrib.pop("schemaLocation", None)
        if one.tag == _IMPORT:
            space = one.get("namespace", "")
            if space == copied.get("targetNamespace", ""):
                copied.remove(one)  # some tools import a namespace into itself
            elif space in places:
                one.set("schemaLocation", places[space])
        elif location is not None:
            file = str((Path(path).parent / location).resolve())
            if file not in files:
                raise SchemaWrong(f"{path}: không có · there is no {location}")
            one.set("schemaLocation", files[file])
    return copied


def _collected(space: str, names: Sequence[str]) -> etree._Element:
    """A schema of everything that stands in a namespace."""
    made = etree.Element(_SCHEMA, {"targetNamespace": space} if space else {}, nsmap={"xs": XS})
    for name in names:
        etree.SubElement(made, _INCLUDE, schemaLocation=name)
    return made


def _wrapped(space: str, name: str, parts: Sequence[tuple[str, str]]) -> etree._Element:
    made = etree.Element(_SCHEMA, {"targetNamespace": space} if space else {}, nsmap={"xs": XS})
    kinds = {etree.QName(kind).namespace or "" for _, kind in parts} - {"", space}
    for kind in sorted(kinds - {XS}):
        etree.SubElement(made, _IMPORT, namespace=kind)
    element = etree.SubElement(made, f"{{{XS}}}element", name=name)
    inside = etree.SubElement(etree.SubElement(element, f"{{{XS}}}complexType"), f"{{{XS}}}sequence")
    for part, kind in parts:
        named = etree.QName(kind)
        nsmap = {"t": named.namespace} if named.namespace else None
        written = f"t:{named.localname}" if named.namespace else named.localname
        etree.SubElement(inside, f"{{{XS}}}element", {"name": part, "type": written, "minOccurs": "0"}, nsmap=nsmap)
    return made


def _fault(entry: etree._LogEntry) -> Fault:
    words = _NAMESPACE.sub("", _VALUE.sub(r"\1the value is not ", " ".join(entry.message.split())))[:300]
    pointer = _pointer(entry.path or "")
    return Fault(
        pointer,
        "schema",
        f"{pointer or '/'}: không đúng lược đồ: {words}",
        f"{pointer or '/'}: against the schema: {words}",
    )


def _pointer(path: str) -> str:
    """libxml2's ``/n0:Root/n0:papers[2]/n0:name`` as a pointer from within the root: ``/papers/1/name``."""
    found = ""
    for segment in path.split("/")[2:]:
        name, _, number = segment.rstrip("]").partition("[")
        found += f"/{name.rpartition(':')[2]}" + (f"/{int(number) - 1}" if number else "")
    return found
