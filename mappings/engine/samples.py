"""Runs a mapping's samples: `samples/<a-sentence>/` with in.json and out.json, or error.txt when it must be refused.

A stylesheet's samples have in.xml where it reads XML, and out.xml where it writes it; XML is compared by what it says, not by its spaces.

`samples/lists.json` holds the rows of the code lists that the samples lean on, so that they hold whatever the operator's lists say:
`{"organisations": {"H99.1": {"name": …}}}`.

A sample that must be refused says so in its name: only one with `refused` or `bi-tu-choi` in it gets its error.txt written.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from gateway.canonical import any_message
from gateway.errors import Misconfigured, Refused
from gateway.ports import Line, Translation
from mappings.engine.folders import mapping_folders, read_mapping
from mappings.engine.wrong import finding

REFUSED = ("refused", "bi-tu-choi")


@dataclass(frozen=True, slots=True)
class Lacking:
    """A row of a code list that was looked for in vain, and the moment at which it should be in force."""

    listname: str
    code: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One sample run. `diff` is a unified diff, expected against made; "" when ok. `sample` is "" for a finding on the whole folder.

    `unwritten`: the file that says what should come is not there yet; its name, and what came. `lacking`: rows of code lists that were looked
    up and are not in samples/lists.json, which is `lists`.
    """

    mapping: str
    sample: str
    ok: bool
    diff: str
    unwritten: tuple[Path, str] | None = None
    lacking: tuple[Lacking, ...] = ()
    lists: Path | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """A document tried by hand: whether it was translated, and the report for a person."""

    ok: bool
    text: str


class SampleLists:
    """The code lists of `samples/lists.json`. `Codes` without dates: a row there is in force. `lacking`: what was looked for in vain."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.rows: dict[str, dict[str, dict[str, str]]] = _read_json(file) if file.exists() else {}
        self.lacking: dict[Lacking, None] = {}

    def find(self, listname: str, code: str, at: datetime | None = None) -> Mapping[str, str] | None:
        row = self.rows.get(listname, {}).get(code)
        if row is None:
            self.lacking[Lacking(listname, code, at)] = None
        return row


def run_samples(folder: Path) -> Iterator[SampleResult]:
    """Every sample of one mapping folder, or of every mapping folder below `folder`. Raises `Misconfigured` for a wrong map."""
    home = [folder] if list(folder.glob("map.*")) else mapping_folders(folder)
    for one in home:
        yield from _run_all(one)


def sample_folders(folder: Path) -> list[Path]:
    return sorted(path for path in (folder / "samples").glob("*") if path.is_dir())


def read_mapping_of_samples(folder: Path, lists: SampleLists | None = None) -> Any:
    """The mapping over its samples' own code lists."""
    return read_mapping(folder, lists or lists_of(folder))


def lists_of(folder: Path) -> SampleLists:
    return SampleLists(folder / "samples" / "lists.json")


def is_to_be_refused(sample: Path) -> bool:
    """Does its name say so?"""
    return any(word in sample.name for word in REFUSED)


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
    lists = lists_of(folder)
    mapping = read_mapping_of_samples(folder, lists)
    samples = sample_folders(folder)
    for sample in samples:
        lists.lacking.clear()  # one that is to be refused may lack them on purpose
        result = _run(mapping, sample)
        yield result if is_to_be_refused(sample) else _with_lists(result, lists)
    kinds = ((("out.json", "out.xml"), "đạt", "passes"), (("error.txt",), "bị từ chối", "fails"))
    for names, kind, kind_en in kinds:
        if not any((sample / name).exists() for sample in samples for name in names):
            files = " hay ".join(names), " or ".join(names)
            words = finding(
                f"thiếu mẫu {kind}: thêm samples/<một-câu>/ có tài liệu vào và {files[0]}",
                f"no sample that {kind_en}: add samples/<a-sentence>/ with what comes in and {files[1]}",
            )
            yield SampleResult(mapping.name, "", False, words)


def _with_lists(result: SampleResult, lists: SampleLists) -> SampleResult:
    """Of a sample that is not right: which rows of its own code lists it lacks."""
    if result.ok or not lists.lacking:
        return result
    rows = ", ".join(f"{one.listname} “{one.code}”" for one in lists.lacking)
    words = finding(
        f"mẫu tra danh mục riêng của nó: {lists.file} chưa có {rows}; thêm dòng, hoặc `lienthong map test {result.mapping} --write` chép từ danh "
        "mục của đơn vị",
        f"samples look into code lists of their own: {lists.file} has no {rows}; add the row, or `lienthong map test {result.mapping} --write` "
        "copies it from the operator's lists",
    )
    diff = "\n".join(part for part in (result.diff.rstrip("\n"), words) if part)
    return replace(result, diff=diff, lacking=tuple(lists.lacking), lists=lists.file)


def _run(mapping: Any, sample: Path) -> SampleResult:
    there = [name for name in ("error.txt", "out.json", "out.xml") if (sample / name).exists()]
    if not any((sample / name).exists() for name in ("in.json", "in.xml")):
        words = finding(
            "thiếu in.json (hay in.xml, cho map.xsl): thêm tài liệu vào",
            "in.json (or in.xml, for a stylesheet) is missing: add what comes in",
        )
        return SampleResult(mapping.name, sample.name, False, words)
    unfinished = False
    try:
        made, name = (
            _shown(_translate(mapping, read_sample(sample))),
            f"out.{'xml' if mapping.target == 'xml' else 'json'}",
        )
    except Refused as refused:
        made, name = _faults(refused), "error.txt"
        unfinished = any(fault.code == "unfinished" for fault in refused.faults)
    if not there:
        return _to_be_written(mapping, sample, name, made, unfinished)
    if len(there) > 1:
        words = finding(f"có cả {' và '.join(there)}: giữ một", f"{' and '.join(there)} are there: keep one")
        return SampleResult(mapping.name, sample.name, False, words)
    wanted = _wanted(sample / there[0])
    diff = _diff(wanted, made, f"{mapping.name}/{sample.name}/{there[0]}")
    return SampleResult(mapping.name, sample.name, made == wanted, diff)


def _to_be_written(mapping: Any, sample: Path, name: str, made: str, unfinished: bool) -> SampleResult:
    """What came may be kept as what should come, unless it goes against the sample's name, or the map is not finished."""
    was_refused = name == "error.txt"
    if unfinished:
        words = finding("bảng ánh xạ chưa soạn xong, chưa ghi gì", "the map is not finished, so nothing is kept of it")
    elif was_refused and not is_to_be_refused(sample):
        words = finding(
            "bị từ chối, mà tên mẫu không nói thế; sửa bảng ánh xạ, hoặc đặt tên thư mục có `bi-tu-choi`",
            "refused, and its name does not say so: mend the map, or give the folder a name with `refused` in it",
        )
    elif is_to_be_refused(sample) and not was_refused:
        words = finding(
            "tên mẫu nói là bị từ chối, mà lại dịch được; sửa bảng ánh xạ, mẫu, hoặc tên",
            "its name says that it is refused, and it was translated: mend the map, the sample or the name",
        )
    else:
        words = finding(f"ghi vào {name}, nếu đúng là thứ phải ra", f"put into {name}, if it is what should come")
        return SampleResult(mapping.name, sample.name, False, f"{words}:\n{made}", (sample / name, made))
    return SampleResult(mapping.name, sample.name, False, f"{words}:\n{made}")


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
