"""Runs a mapping's samples: `samples/<a-sentence>/` with in.json and out.json, or error.txt when it must be refused.

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
from mappings.engine.mapping import SHEET, YamlMapping


@dataclass(frozen=True, slots=True)
class SampleResult:
    """One sample run. `diff` is a unified diff, expected against made; "" when ok. `sample` is "" for a finding on the whole folder."""

    mapping: str
    sample: str
    ok: bool
    diff: str


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
    if not (folder / SHEET).exists():
        for sheet in sorted(folder.glob(f"*/{SHEET}")):
            yield from run_samples(sheet.parent)
        return
    mapping = YamlMapping(folder, SampleLists(folder / "samples" / "lists.json"))
    samples = sorted(path for path in (folder / "samples").glob("*") if path.is_dir())
    for sample in samples:
        yield _run(mapping, sample)
    for name, kind in (("out.json", "passes"), ("error.txt", "fails")):
        if not any((sample / name).exists() for sample in samples):
            yield SampleResult(
                mapping.name, "", False, f"no sample that {kind}: add samples/<a-sentence>/ with in.json and {name}"
            )


def try_file(mapping: Translation, document: Path) -> Trial:
    """Translate one JSON file: each outgoing field with its source and rule, then the document; or every fault."""
    source = _read_json(document)
    try:
        lines, made = mapping.explain(source), mapping.translate(source)
    except Refused as refused:
        return Trial(False, f"{mapping.name} {mapping.version}\n" + _faults(refused))
    return Trial(True, f"{mapping.name} {mapping.version}\n" + "".join(map(_line, lines)) + "\n" + _json(made))


def _run(mapping: YamlMapping, sample: Path) -> SampleResult:
    error = sample / "error.txt"
    expected_file = error if error.exists() else sample / "out.json"
    if error.exists() and (sample / "out.json").exists():
        return SampleResult(mapping.name, sample.name, False, "both out.json and error.txt are there: keep one")
    try:
        made = _json(_translate(mapping, _read_json(sample / "in.json")))
    except Refused as refused:
        made = _faults(refused)
    expected = _read_text(expected_file)
    wanted = expected if error.exists() else _json(_read_json(expected_file))
    return SampleResult(
        mapping.name,
        sample.name,
        made == wanted,
        _diff(wanted, made, f"{mapping.name}/{sample.name}/{expected_file.name}"),
    )


def _translate(mapping: YamlMapping, source: Any) -> Any:
    made = mapping.translate(source)
    if mapping.target == "canonical" and made is not None:
        try:
            any_message.validate_python(made)
        except ValidationError as error:
            faults = "\n".join(f"/{'/'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
            return {"not a canonical message": faults.splitlines(), "made": made}
    return made


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
