"""What a stylesheet reads cannot be told from its text. So its samples are run again with each of their values changed, or taken away:
a field is used when something else comes out. What no sample shows is not known to be used."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from lxml import etree

from gateway.canonical import TYPES
from gateway.errors import Refused
from gateway.xml import read_xml, write_xml
from mappings.engine.coverage import Coverage, cover_source, cover_target, idle_drops
from mappings.engine.declared import source_schema
from mappings.engine.samples import read_sample, sample_folders
from mappings.engine.schemas import Names, Schema, infer
from mappings.engine.wrong import finding
from mappings.engine.xsd import schema_of_xsd
from mappings.engine.xsl import XslMapping

_OTHER = "\u00b7"  # stands in no sample, is no code, no number and no time
Changed = Callable[[], Any]


def check(mapping: Any) -> list[str]:
    """What is wrong with a stylesheet's coverage, a sentence each."""
    source, used = _tried(mapping)
    found = cover_source(source, used, set(), mapping.dropped)[2]
    return [
        *(f"{mapping.name}: " + finding(
            f'{name} không có trong mẫu nào, hoặc không đổi gì ở đầu ra: dùng nó, hoặc viết <lt:dropped path="{name}">lý do</lt:dropped>',
            f'{name} is in no sample, or changes nothing that comes out: use it, or say <lt:dropped path="{name}">why</lt:dropped>',
        ) for name in found),
        *(f"{mapping.name}: {one}" for one in idle_drops(mapping.dropped, source, used, set())),
        *(f"{mapping.name}: " + finding(
            f"không biểu thức nào dùng bảng {name} của codes.csv: bỏ các dòng của bảng ấy",
            f"no expression uses the table {name} of codes.csv: take its rows out",
        ) for name in _idle_tables(mapping)),
    ]  # fmt: skip


def cover(mapping: Any) -> Coverage:
    """Both sides, as the samples show them."""
    source, used = _tried(mapping)
    made = [one for one in (_made(mapping, sample) for sample in _documents(mapping)) if one is not None]
    target = cover_target(_target(mapping, made), {leaf for one in made for leaf in _places(one, ())})
    return Coverage(mapping.name, *target, *cover_source(source, used, set(), mapping.dropped))


def _tried(mapping: XslMapping) -> tuple[Schema, set[Names]]:
    """The source's schema, and the places where a change changes what comes out."""
    used: set[Names] = set()
    documents = _documents(mapping)
    for document in documents:
        before = _told(mapping, document)
        for names, changed in _changes(document):
            if names not in used and _told(mapping, changed()) != before:
                used.add(names)
    return _source(mapping, documents), used


def _told(mapping: XslMapping, document: Any) -> Any:
    made = mapping.bare(_sent(document))
    return made.value, made.faults


def _sent(document: Any) -> Any:
    return write_xml(document) if isinstance(document, etree._Element) else document


def _documents(mapping: XslMapping) -> list[Any]:
    """Of every sample: JSON, or the root of the XML. One that is no XML at all, to be refused, shows nothing."""
    found: list[Any] = []
    for sample in sample_folders(mapping.folder):
        document = read_sample(sample)
        try:
            found.append(read_xml(document) if isinstance(document, bytes) else document)
        except Refused:
            continue
    return found


def _changes(document: Any) -> Iterator[tuple[Names, Changed]]:
    """Each place with a value, and the document with that value changed, then without it."""
    if isinstance(document, etree._Element):
        for names, path, attribute in _xml_leaves(document):
            for text in (_OTHER, None):
                yield names, partial(_with, document, path, attribute, text)
        return
    for names, keys in _json_leaves(document, (), ()):
        for value in (_OTHER, None):
            yield names, partial(_replaced, document, keys, value)


def _xml_leaves(root: etree._Element) -> Iterator[tuple[Names, str, str | None]]:
    tree = root.getroottree()
    for element in root.iter(etree.Element):
        above = [etree.QName(e).localname for e in (*reversed(list(element.iterancestors())), element)]
        if not len(element):
            yield tuple(above), tree.getpath(element), None
        for key in element.attrib:
            yield (*above, "@" + etree.QName(key).localname), tree.getpath(element), str(key)


def _with(root: etree._Element, path: str, attribute: str | None, text: str | None) -> bytes:
    changed = copy.deepcopy(root)
    names = {p: s for e in changed.iter(etree.Element) for p, s in e.nsmap.items() if p}
    [element] = changed.getroottree().xpath(path, namespaces=names)
    parent = element.getparent()
    if attribute is not None:
        if text is None:
            del element.attrib[attribute]
        else:
            element.set(attribute, text)
    elif text is None and parent is not None:
        parent.remove(element)
    else:
        element.text = text
    return write_xml(changed)


def _json_leaves(value: Any, names: Names, keys: tuple[Any, ...]) -> Iterator[tuple[Names, tuple[Any, ...]]]:
    if isinstance(value, dict) and value:
        for name, one in value.items():
            yield from _json_leaves(one, (*names, name), (*keys, name))
    elif isinstance(value, list) and value:
        for i, one in enumerate(value):
            yield from _json_leaves(one, names, (*keys, i))
    elif value is not None:
        yield names, keys


def _replaced(document: Any, keys: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    place = changed
    for key in keys[:-1]:
        place = place[key]
    if keys:
        place[keys[-1]] = value
    return changed


def _source(mapping: XslMapping, documents: list[Any]) -> Schema:
    """The schema: in.xsd, the view, or what the samples show."""
    if mapping.source != "xml":
        return source_schema(mapping.source, mapping.folder)
    if (mapping.folder / "in.xsd").exists():
        return schema_of_xsd(mapping.folder / "in.xsd")
    return infer([{etree.QName(d).localname: _as_json(d)} for d in documents])


def _target(mapping: XslMapping, made: list[Any]) -> Schema | None:
    if mapping.target == "canonical":
        kinds = {one["type"] for one in made}
        return TYPES[kinds.pop()].model_json_schema() if len(kinds) == 1 else None
    if mapping.target == "json":
        schema: Schema = json.loads((mapping.folder / "out.schema.json").read_text(encoding="utf-8"))
        return schema
    file = mapping.folder / "out.xsd"
    return schema_of_xsd(file) if file.exists() else None


def _made(mapping: XslMapping, document: Any) -> Any:
    """What comes of a sample, as JSON; None when nothing does."""
    value = mapping.bare(_sent(document)).value
    if not isinstance(value, str):
        return value
    root = read_xml(value.encode())
    return {etree.QName(root).localname: _as_json(root)}


def _as_json(element: etree._Element) -> Any:
    """The fields of an element, lists by name; an attribute stands as `@name`."""
    fields: dict[str, Any] = {"@" + etree.QName(key).localname: str(value) for key, value in element.attrib.items()}
    groups: dict[str, list[Any]] = {}
    for child in element:
        groups.setdefault(etree.QName(child).localname, []).append(_as_json(child))
    fields |= {name: values[0] if len(values) == 1 else values for name, values in groups.items()}
    return fields or (element.text or "")


def _places(value: Any, names: Names) -> Iterator[Names]:
    yield from (names for names, _ in _json_leaves(value, names, ()))


def _idle_tables(mapping: XslMapping) -> list[str]:
    text = (mapping.folder / "map.xsl").read_text(encoding="utf-8")
    return [name for name in mapping.tables if f"'{name}'" not in text and f'"{name}"' not in text]
