"""Runs a mapping's samples: `samples/<a-sentence>/` with in.json and out.json, or error.txt when it must be refused.

A stylesheet's samples have in.xml where it reads XML, and out.xml where it writes it; XML is compared by what it says, not by its spaces.

`samples/lists.json` holds the rows of the code lists that the samples lean on, so that they hold whatever the operator's lists say:
`{"organisations": {"H99.1": {"name": …}}}`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.canonical import any_message
from gateway.errors import Misconfigured, Refused
from gateway.ports import Line, Translation
from mappings.engine.folders import mapping_folders, read_mapping


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One sample run. `diff` is a unified diff, expected against made; "" when ok. `sample` is "" for a finding on the whole folder.

    `unwritten`: the file that says what should come is not there yet; its name, and what came.
    """

    mapping: str
    sample: str
    ok: bool
    diff: str
    unwritten: tuple[Path, str] | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A document tried by hand: whether it was translated, and the report for a person."""

    ok: bool
    text: str


class SampleLists:
    """The code lists of `samples/lists.json`. `Codes` without dates: a row there is in force."""

    def __init__(self, file: Path) -> None:
        self.rows: dict[str, dict[str, dict[str, str]]] = _read_json(file) if file.exists() else {}

    def find(self, listname: str, code: str, at: datetime | None = None) -> Mapping[str, str] | None:
        return self.rows.get(listname, {}).get(code)


def run_samples(folder: Path) -> Iterator[SampleResult]:
    """Every sample of one mapping folder, or of every mapping folder below `folder`. Raises `Misconfigured` for a wrong map."""
    home = [folder] if list(folder.glob("map.*")) else mapping_folders(folder)
    for one in home:
        yield from _run_all(one)


def sample_folders(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "samples").glob("*") if path.is_dir())


def read_mapping_of_samples(folder: Path) -> Any:
    """The mapping over its samples' own code lists."""
    return read_mapping(folder, SampleLists(folder / "samples" / "lists.json"))


def read_sample(sample: Path) -> Any:
    """What comes in: in.json as JSON, or in.xml as bytes. Raises `Misconfigured`."""
    file = sample / "in.xml"
    return file.read_bytes() if file.exists() else _read_json(sample / "in.json")


def try_file(mapping: Translation, document: Path) -> Trial:
    """Translate one file: each outgoing field with its source and rule, then the document; or every fault."""
    source = document.read_bytes() if document.suffix == ".xml" else _read_json(document)
    heading = f"{mapping.name} {mapping.version}\n"
    try:
        lines, made = mapping.explain(source), mapping.translate(source)
    except Refused as refused:
        return Trial(False, heading + _faults(refused))
    return Trial(True, heading + "".join(map(_line, lines)) + "\n" + _shown(made))


def _run_all(folder: Path) -> Iterator[SampleResult]:
    mapping = read_mapping_of_samples(folder)
    samples = sample_folders(folder)
    for sample in samples:
        yield _run(mapping, sample)
    for names, kind in ((("out.json", "out.xml"), "passes"), (("error.txt",), "fails")):
        if not any((sample / name).exists() for sample in samples for name in names):
            words = f"no sample that {kind}: add samples/<a-sentence>/ with what comes in and {' or '.join(names)}"
            yield SampleResult(mapping.name, "", False, words)


def _run(mapping: Any, sample: Path) -> SampleResult:
    there = [name for name in ("error.txt", "out.json", "out.xml") if (sample / name).exists()]
    if not any((sample / name).exists() for name in ("in.json", "in.xml")):
        words = "in.json (or in.xml, for a stylesheet) is missing: add what comes in"
        return SampleResult(mapping.name, sample.name, False, words)
    try:
        made, name = (
            _shown(_translate(mapping, read_sample(sample))),
            f"out.{'xml' if mapping.target == 'xml' else 'json'}",
        )
    except Refused as refused:
        made, name = _faults(refused), "error.txt"
    if not there:
        words = f"put into {name}, if it is what should come:\n{made}"
        return SampleResult(mapping.name, sample.name, False, words, (sample / name, made))
    if len(there) > 1:
        return SampleResult(mapping.name, sample.name, False, f"{' and '.join(there)} are there: keep one")
    wanted = _wanted(sample / there[0])
    diff = _diff(wanted, made, f"{mapping.name}/{sample.name}/{there[0]}")
    return SampleResult(mapping.name, sample.name, made == wanted, diff)


def _wanted(file: Path) -> str:
    if file.suffix == ".json":
        return _json(_read_json(file))
    return _shown(_read_text(file)) if file.suffix == ".xml" else _read_text(file)


def _translate(mapping: Any, source: Any) -> Any:
    made = mapping.translate(source)
    if mapping.target == "canonical" and made is not None:
        try:
            any_message.validate_python(made)
        except ValidationError as error:
            faults = "\n".join(f"/{'/'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            return {"not a canonical message": faults.splitlines(), "made": made}
    return made


def _shown(made: Any) -> str:
    """What a mapping made, for reading and comparing: JSON, or XML an element a line."""
    if not isinstance(made, str):
        return _json(made)
    from lxml import etree

    from gateway.xml import read_xml

    try:
        root = read_xml(made.encode())
    except Refused as refused:
        raise Misconfigured(f"not XML: {refused}") from refused
    for element in root.iter(etree.Element):  # spaces around elements say nothing
        element.text = element.text if (element.text or "").strip() else None
        element.tail = element.tail if (element.tail or "").strip() else None
    etree.indent(root)
    return etree.tostring(root, encoding="unicode") + "\n"


def _faults(refused: Refused) -> str:
    """One fault a line: pointer, code, Vietnamese | English."""
    return "".join(f"{f.pointer or '/'}  {f.code}  {f.detail} | {f.detail_en}\n" for f in refused.faults)


def _line(line: Line) -> str:
    value = json.dumps(line.value, ensure_ascii=False)
    return f"{line.target or '/'} ← {line.source or '(constant)'}   [{line.rule}]   {value}\n"


def _diff(wanted: str, made: str, name: str) -> str:
    lines: Iterable[str] = difflib.unified_diff(
        wanted.splitlines(), made.splitlines(), f"{name} (expected)", f"{name} (made)", lineterm=""
    )
    return "\n".join(lines)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


def _read_text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(f"{file}: cannot be read: {error}") from error


def _read_json(file: Path) -> Any:
    try:
        return json.loads(_read_text(file))
    except ValueError as error:
        raise Misconfigured(f"{file}: not valid JSON: {error}") from error
