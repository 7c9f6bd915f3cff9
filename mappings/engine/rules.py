"""One rule: `source ?? source | step | step(arguments)`.

A source is a path or a constant. A rule that starts with a constant is written `= "text"`, `= 2` or `= []`, so that YAML leaves its
quotes alone. A text may hold paths in braces: `= "post-{meta.id}"` (a list there is joined by "; "); it is absent when one of them is.

`???` is a source nobody has found yet, as a draft leaves it: each document is refused with the fault `unfinished` until a person finishes the line.

A value must be there. A rule that may do without says so at its end: `optional` leaves the field out, `else("")` names what stands instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from mappings.engine.paths import Path, read_path
from mappings.engine.scanner import Scanner
from mappings.engine.sheet import Node
from mappings.engine.steps import Materials, Step, make_step
from mappings.engine.wrong import Wrong, unfit

OMIT: Any = object()
"""The field is left out."""

Get = Callable[[Any, Any], Any]
_HOLE = re.compile(r"\{([^{}]*)\}")


class Source(Protocol):
    def get(self, root: Any, item: Any) -> Any: ...
    def pointer(self, root: Any, item: Any, base: str) -> str: ...


@dataclass(frozen=True, slots=True)
class Constant:
    value: Any

    def get(self, root: Any, item: Any) -> Any:
        return [] if self.value == [] else self.value  # no two documents share a list

    def pointer(self, root: Any, item: Any, base: str) -> str:
        return ""


class Unfinished:
    def get(self, root: Any, item: Any) -> Any:
        raise Wrong("unfinished", "dòng này chưa soạn xong", "this line is not finished")

    def pointer(self, root: Any, item: Any, base: str) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class Template:
    pieces: tuple[str | Path, ...]

    def get(self, root: Any, item: Any) -> str | None:
        texts = []
        for piece in self.pieces:
            value = piece if isinstance(piece, str) else _spoken(piece.get(root, item))
            if value is None:
                return None
            texts.append(value)
        return "".join(texts)

    def pointer(self, root: Any, item: Any, base: str) -> str:
        paths = [p for p in self.pieces if isinstance(p, Path)]
        for path in paths:
            try:
                if _spoken(path.get(root, item)) is not None:
                    continue
            except Wrong:
                pass  # this is the one to point at
            return path.pointer(root, item, base)
        return paths[0].pointer(root, item, base)


@dataclass(frozen=True, slots=True)
class Rule:
    """`run(root, item)` gives the value or `OMIT`, and raises `Wrong`."""

    text: str
    sources: tuple[Source, ...]
    steps: tuple[Step, ...]
    optional: bool
    run: Get

    def pointer(self, root: Any, item: Any, base: str) -> str:
        """Where the value came from; for one that is missing, where the first source would be."""
        for source in self.sources:
            try:
                if source.get(root, item) is None:
                    continue
            except Wrong:
                pass  # this is the one to point at
            return source.pointer(root, item, base)
        return self.sources[0].pointer(root, item, base)

    def paths(self) -> list[Path]:
        pieces = [p for s in self.sources for p in (s.pieces if isinstance(s, Template) else (s,))]
        return [p for p in pieces if isinstance(p, Path)]

    def is_unfinished(self) -> bool:
        return any(isinstance(source, Unfinished) for source in self.sources)

    def asks_presence_only(self) -> bool:
        return bool(self.steps) and self.steps[0].name == "choose"


def read_rule(node: Node, materials: Materials) -> Rule:
    """Raises `Misconfigured` with file, line and the place in the line."""
    scanner = Scanner(node.text(), node)
    sources = _read_sources(scanner)
    steps: list[Step] = []
    optional = False
    while scanner.take(r"\|"):
        if optional:
            raise scanner.wrong("'optional' stands last")
        name = scanner.need(r"[a-z_]+", "a step's name")
        arguments = _read_arguments(scanner)
        if name == "optional" and not arguments:
            optional = True
            continue
        try:
            steps.append(make_step(name, arguments, materials))
        except ValueError as error:
            raise scanner.wrong(str(error)) from error
    if not scanner.finished():
        raise scanner.wrong("'|' and a step, or the end, is expected")
    return Rule(
        scanner.text, tuple(sources), tuple(steps), optional, _compile([s.get for s in sources], steps, optional)
    )


def _read_sources(scanner: Scanner) -> list[Source]:
    constant = scanner.take("=") is not None
    sources = [_read_source(scanner)]
    if constant == isinstance(sources[0], Path | Unfinished):
        raise scanner.wrong("a rule starts with '=' when, and only when, it starts with a constant")
    while scanner.take(r"\?\?"):
        sources.append(_read_source(scanner))
    return sources


def _read_source(scanner: Scanner) -> Source:
    if scanner.take(r"\?\?\?"):
        return Unfinished()
    if scanner.take(r'(?=["\d\[{-]|(true|false|null)\b)') is None:
        return read_path(scanner)
    value = scanner.json()
    if isinstance(value, dict) or value is None or (isinstance(value, list) and value):
        raise scanner.wrong("a constant is a text, a number, true, false or []")
    return _template(value, scanner) if isinstance(value, str) and ("{" in value or "}" in value) else Constant(value)


def _template(text: str, scanner: Scanner) -> Template:
    pieces: list[str | Path] = []
    for i, piece in enumerate(_HOLE.split(text)):
        if i % 2 == 0:
            if "{" in piece or "}" in piece:
                raise scanner.wrong("a brace holds a path, as in {meta.id}")
            pieces += [piece] if piece else []
            continue
        inner = Scanner(piece, scanner.node)
        pieces.append(read_path(inner))
        if not inner.finished():
            raise inner.wrong("only a path can stand in braces")
    return Template(tuple(pieces))


def _read_arguments(scanner: Scanner) -> list[Any]:
    arguments: list[Any] = []
    if not scanner.take(r"\("):
        return arguments
    while True:
        bare = scanner.take(r'[^\s,()|"\[\]{}\d-][^,()|"\[\]{}]*')
        arguments.append(_word(bare.strip()) if bare else scanner.json())
        if scanner.take(r"\)"):
            return arguments
        scanner.need(",", "',' or ')'")


def _word(word: str) -> Any:
    return {"true": True, "false": False}.get(word, word)


def _spoken(value: Any) -> str | None:
    """A value as it stands in a text."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, list):
        return "; ".join(spoken for v in value if (spoken := _spoken(v))) or None
    raise unfit("not-text", "chữ hoặc số", "a text or a number", value)


def _compile(sources: list[Get], steps: list[Step], optional: bool) -> Get:
    first = sources[0] if len(sources) == 1 else _first_of(sources)
    taken = [(step.run, step.on_absent) for step in steps]

    def run(root: Any, item: Any) -> Any:
        value = first(root, item)
        for step, on_absent in taken:
            if value is not None or on_absent:
                value = step(value, root)
        if value is None:
            if optional:
                return OMIT
            raise Wrong("missing", "thiếu giá trị", "the value is missing")
        return value

    return run


def _first_of(sources: list[Get]) -> Get:
    def get(root: Any, item: Any) -> Any:
        for source in sources:
            value = source(root, item)
            if value is not None:
                return value
        return None

    return get
