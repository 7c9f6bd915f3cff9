"""Our functions in stylesheets: the steps of the YAML language under `lt:`, with the value first: `lt:time(NgayNop, 'yyyyMMdd')`.

As there, a value must be there; what is missing or wrong is a fault with its place, and the stylesheet goes on, so that every fault is
told at once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from lxml import etree

from gateway.errors import Fault
from mappings.engine.gate import OURS
from mappings.engine.paths import present
from mappings.engine.placing import Place
from mappings.engine.steps import Materials, Run, make_step
from mappings.engine.times import read_instant
from mappings.engine.wrong import Wrong

MOST_FAULTS = 200
OPEN, SHUT = "\ue000", "\ue001"  # around the number of a mark in a text; of no alphabet
_STEPS = (
    "text", "number", "max", "form", "national-part", "strip-suffix", "without", "time", "from-time", "from-epoch-ms", "code",
)  # fmt: skip
FUNCTIONS = frozenset(("need", "lookup", *_STEPS))

Function = Callable[..., str]


@dataclass(slots=True)
class Mark:
    """A value put into the result: the rule that made it, and the places in the source it was made from."""

    rule: str
    sources: list[str]


@dataclass(slots=True)
class Notes:
    """What was noted while one document ran through."""

    faults: list[Fault] = field(default_factory=list)
    marks: list[Mark] = field(default_factory=list)
    read: list[Any] = field(default_factory=list)  # what functions were given since the last mark


class Functions:
    """The functions of one stylesheet. `notes` are of the document under way: one at a time."""

    def __init__(self, materials: Materials, places: list[Place], marks: bool) -> None:
        self.notes = Notes()
        self._marks = marks
        self._places = places
        self._materials = Materials(materials.tables, materials.codes, read_instant)
        self._steps: dict[tuple[str, tuple[Any, ...]], Run] = {}

    def extensions(self) -> dict[tuple[str | bytes, str | bytes], Function]:
        """Those that the stylesheet calls: libxslt is told of each of them again for every document."""
        called = {place.function for place in self._places}
        own: list[tuple[str, Function]] = [("lookup", self._lookup), ("mark", self._mark)]
        steps = [(name, self._function(name.replace("-", "_"))) for name in (*_STEPS, "need")]
        return {(OURS, name): function for name, function in [*own, *steps] if name in called}

    def _function(self, name: str) -> Function:
        def run(_context: Any, value: Any, *rest: Any) -> str:
            *arguments, here, number = rest
            return self._done(value, here, number, lambda text: self._step(name, arguments)(text, None))

        return run

    def _lookup(self, _context: Any, value: Any, *rest: Any) -> str:
        *arguments, here, number = rest

        def step(text: str) -> Any:
            if len(arguments) != 3:
                words = "lt:lookup(value, 'list', 'column', moment)"
                raise Wrong("map-wrong", f"phải viết {words}", f"it is written {words}")
            return self._step("lookup", arguments[:2])(text, text_of(arguments[2]))

        return self._done(value, here, number, step)

    def _step(self, name: str, arguments: list[Any]) -> Run:
        plain = tuple([one if one.__class__ is float else text_of(one) for one in arguments])
        step = self._steps.get((name, plain))
        if step is None:
            step = self._steps[name, plain] = self._made(name, [int(a) if isinstance(a, float) else a for a in plain])
        return step

    def _made(self, name: str, arguments: list[Any]) -> Run:
        if name == "need":
            return lambda value, root: value
        try:
            return make_step(name, arguments, self._materials).run
        except ValueError as error:
            raise Wrong("map-wrong", f"bảng ánh xạ viết sai: {error}", f"the stylesheet is wrong: {error}") from error

    def _done(self, value: Any, here: Any, number: float, step: Callable[[str], Any]) -> str:
        place = self._places[int(number)]
        if self._marks:
            self.notes.read.append(value)
        try:
            text = present(text_of(value))
            if text is None:
                raise Wrong("missing", "thiếu giá trị", "the value is missing")
            made = step(text)
            if made is None:
                raise Wrong("missing", "không còn giá trị", "no value is left")
            return str(made)
        except Wrong as wrong:
            if len(self.notes.faults) < MOST_FAULTS:
                line = f"{place.text} (dòng · line {place.line})"
                pointer = (paths_of(value) or [_missing(here, place.subject)])[0]
                self.notes.faults.append(
                    Fault(pointer, wrong.code, f"{line}: {wrong.detail}", f"{line}: {wrong.detail_en}")
                )
            return ""

    def _mark(self, _context: Any, value: Any, number: float, *parts: Any) -> str:
        place = self._places[int(number)]
        sources = [path for one in (value, *parts, *self.notes.read) for path in paths_of(one)]
        self.notes.read = []
        self.notes.marks.append(Mark(f"{place.text} (dòng · line {place.line})", list(dict.fromkeys(sources))))
        text = _as_xslt(value)
        return f"{OPEN}{len(self.notes.marks) - 1}{SHUT}{text}" if text else text


def text_of(value: Any) -> str:
    """An XPath value as a text; of nodes there may be one at most. Raises `Wrong`."""
    if isinstance(value, list):
        if len(value) > 1:
            raise Wrong(
                "several", f"có {len(value)} giá trị, chỉ được một", f"{len(value)} values, where one can stand"
            )
        return _as_xslt(value)
    return _as_xslt(value)


def _as_xslt(value: Any) -> str:
    """As `string()` would say it."""
    if isinstance(value, list):
        if not value or isinstance(value[0], str):
            return str(value[0]) if value else ""
        return str(_STRING(value[0])) if len(value[0]) else value[0].text or ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    return str(value)


_STRING = etree.XPath("string()")


def paths_of(value: Any) -> list[str]:
    """Where nodes stand in the source. Names are written without their prefixes."""
    return [path_of(node) for node in value if _is_placed(node)] if isinstance(value, list) else []


def _is_placed(node: Any) -> bool:
    return isinstance(node, etree._Element) or getattr(node, "getparent", lambda: None)() is not None


def path_of(node: Any) -> str:
    """`/HoSo/GiayTo/2/@ma`: a number, from 0, behind a name that its parent holds more than once."""
    if not isinstance(node, etree._Element):
        above = path_of(node.getparent())
        return f"{above}/@{etree.QName(node.attrname).localname}" if node.is_attribute else above
    steps: list[str] = []
    while (parent := node.getparent()) is not None:
        if isinstance(node.tag, str):
            alike = list(parent.iterchildren(node.tag))
            steps += [str(alike.index(node))] * (len(alike) > 1) + [etree.QName(node).localname]
        node = parent
    root = etree.QName(node).localname if isinstance(node.tag, str) else ""
    return "/" + "/".join([root, *reversed(steps)])


def _missing(here: Any, subject: str) -> str:
    """Where a value would be: what the function was given, if it is a plain path, from where it was called."""
    names = [step.rpartition(":")[2] for step in subject.split("/") if step]
    if not names or not all(
        name.replace("-", "").replace("_", "").replace("@", "").replace(".", "").isalnum() for name in names
    ):
        return (paths_of(here) or [""])[0]
    start = "" if subject.startswith("/") else (paths_of(here) or [""])[0]
    return start + "/" + "/".join(names)
