"""What a map builds: values, objects, lists, and the first of several cases that holds.

Every target can `run` (fast, stops at the first fault) and `trace` (slow, knows every pointer, collects every fault).
Both use the same compiled rules, so they cannot differ in what they make.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from gateway.errors import Fault
from gateway.ports import Line
from mappings.engine.conditions import Condition, read_condition
from mappings.engine.paths import Path, escape, read_path
from mappings.engine.rules import OMIT, Rule, read_rule
from mappings.engine.scanner import Scanner
from mappings.engine.sheet import Node
from mappings.engine.steps import Materials
from mappings.engine.wrong import Wrong, bounded

_BLOCK = ("value", "fields", "each", "once_per", "at_least")
_WHEN = "when "
_OTHERWISE = "otherwise"
_POSITION = re.compile(r"position\(\)(\s*\|\s*text)?")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a trace stands: the element's pointer and its place in its list, the target's pointer, and the condition that led here with its
    pointer."""

    base: str = ""
    target: str = ""
    when: str = ""
    because: str = ""
    position: int = 0


@dataclass(slots=True)
class Report:
    lines: list[Line] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)

    def fault(self, wrong: Wrong, pointer: str, target: str) -> None:
        name = target or "/"
        self.faults.append(Fault(pointer, wrong.code, f"{name}: {wrong.detail}", f"{name}: {wrong.detail_en}"))


@dataclass(frozen=True, slots=True)
class Use:
    """A path a target reads. `scope` is the list path it is relative to; `whole`: everything below the path is used, too."""

    path: Path
    scopes: tuple[Scope, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class Scope:
    """The element a relative path starts from: one of the elements that `path` finds, itself read inside `outer`."""

    path: Path
    outer: tuple[Scope, ...]


class Target(Protocol):
    def run(self, root: Any, item: Any) -> Any: ...
    def trace(self, root: Any, item: Any, place: Place, report: Report) -> None: ...
    def uses(self, scopes: tuple[Scope, ...]) -> Iterator[Use]: ...


class Value:
    """One field by one rule."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.run = rule.run

    def trace(self, root: Any, item: Any, place: Place, report: Report) -> None:
        pointer = self.rule.pointer(root, item, place.base)
        try:
            value = self.rule.run(root, item)
        except Wrong as wrong:
            report.fault(wrong, pointer, place.target)
            return
        if value is not OMIT:
            text = f"when {place.when}: {self.rule.text}" if place.when else self.rule.text
            report.lines.append(Line(place.target, pointer or place.because, text, value))

    def uses(self, scopes: tuple[Scope, ...]) -> Iterator[Use]:
        for path in self.rule.paths():
            yield Use(path, scopes, not self.rule.asks_presence_only())
        for path in (path for step in self.rule.steps for path in step.reads):
            yield Use(path, scopes, False)


class Position:
    """The running number of a list's element, from 1. `Each` puts it in: no other target knows it."""

    def __init__(self, as_text: bool) -> None:
        self.text = "position() | text" if as_text else "position()"
        self._as_text = as_text

    def of(self, position: int) -> int | str:
        return str(position) if self._as_text else position

    @property
    def kind(self) -> str:
        return "string" if self._as_text else "integer"

    def run(self, root: Any, item: Any) -> Any:
        return None

    def trace(self, root: Any, item: Any, place: Place, report: Report) -> None:
        report.lines.append(Line(place.target, place.base, self.text, self.of(place.position)))

    def uses(self, scopes: tuple[Scope, ...]) -> Iterator[Use]:
        return iter(())


class Fields:
    """An object, field by field."""

    def __init__(self, fields: dict[str, Target]) -> None:
        self.fields = fields
        self._runs = [(name, target.run) for name, target in fields.items()]

    def run(self, root: Any, item: Any) -> Any:
        out = {}
        for name, run in self._runs:
            value = run(root, item)
            if value is not OMIT:
                out[name] = value
        return out

    def trace(self, root: Any, item: Any, place: Place, report: Report) -> None:
        before = len(report.lines) + len(report.faults)
        for name, target in self.fields.items():
            target.trace(root, item, replace(place, target=place.target + escape(name)), report)
        if len(report.lines) + len(report.faults) == before:
            report.lines.append(Line(place.target, place.because, "every field of it is optional and absent", {}))

    def uses(self, scopes: tuple[Scope, ...]) -> Iterator[Use]:
        for target in self.fields.values():
            yield from target.uses(scopes)


class Each:
    """A list: one element for each element that the paths find; of those with the same `once_per`, the last, at the first one's place."""

    def __init__(self, paths: list[Path], element: Target, once_per: Path | None, at_least: int) -> None:
        self.paths = paths
        self.element = element
        self.once_per = once_per
        self.at_least = at_least
        fields = element.fields if isinstance(element, Fields) else {}
        self._numbered = [(name, one) for name, one in fields.items() if isinstance(one, Position)]

    def run(self, root: Any, item: Any) -> Any:
        elements: list[Any] = []
        for path in self.paths:
            found = path.get(root, item)
            for value in found if path.many else (found,):
                elements += _opened(value)
        if self.once_per is not None:
            elements = list({self._key(root, e): e for e in elements}.values())
        if len(bounded(elements)) < self.at_least:
            raise self._too_few()
        run = self.element.run
        made = [run(root, element) for element in elements]
        for name, position in self._numbered:
            for number, one in enumerate(made, start=1):
                one[name] = position.of(number)
        return made

    def trace(self, root: Any, item: Any, place: Place, report: Report) -> None:
        first = self.paths[0].pointer(root, item, place.base)
        try:
            spots = self._spots(root, item, place.base)
            if self.once_per is not None:
                spots = self._once(spots, self.once_per, root, place, report)
            if len(bounded(spots)) < self.at_least:
                raise self._too_few()
        except Wrong as wrong:
            report.fault(wrong, first, place.target)
            return
        for i, (pointer, element) in enumerate(spots):
            inner = replace(place, base=pointer, target=f"{place.target}/{i}", because=pointer, position=i + 1)
            self.element.trace(root, element, inner, report)
        if not spots:
            report.lines.append(Line(place.target, first, f"each {self.paths[0].text}", []))

    def _spots(self, root: Any, item: Any, base: str) -> list[tuple[str, Any]]:
        """The elements as `run` takes them, each with its pointer."""
        spots: list[tuple[str, Any]] = []
        for path in self.paths:
            path.get(root, item)  # raises what `run` would raise
            for pointer, value in path.spots(root, item, base):
                inside = isinstance(value, list)
                spots += [(f"{pointer}/{i}" if inside else pointer, v) for i, v in enumerate(_opened(value))]
        return spots

    def _once(
        self, spots: list[tuple[str, Any]], key: Path, root: Any, place: Place, report: Report
    ) -> list[tuple[str, Any]]:
        kept: dict[Any, tuple[str, Any]] = {}
        for pointer, element in spots:
            try:
                kept[self._key(root, element)] = (pointer, element)
            except Wrong as wrong:
                report.fault(wrong, key.pointer(root, element, pointer), place.target)
        return list(kept.values())

    def _too_few(self) -> Wrong:
        return Wrong(
            "too-few", f"cần ít nhất {self.at_least} phần tử", f"at least {self.at_least} of them must be there"
        )

    def _key(self, root: Any, element: Any) -> Any:
        key = self.once_per.get(root, element) if self.once_per is not None else None
        if not isinstance(key, str | int):
            raise Wrong("missing", "có phần tử thiếu khóa", "an element lacks the key that tells it from the others")
        return key

    def uses(self, scopes: tuple[Scope, ...]) -> Iterator[Use]:
        inner = tuple(Scope(path, scopes) for path in self.paths)
        for path in self.paths:
            yield Use(path, scopes, False)
        if self.once_per is not None:
            yield Use(self.once_per, inner, False)
        yield from self.element.uses(inner)


def _opened(value: Any) -> list[Any]:
    """The elements a found value stands for: a list's own, one object itself, none when absent."""
    if isinstance(value, list):
        return bounded(value)
    return [] if value is None else [value]


class LeftOut:
    """No field at all."""

    def run(self, root: Any, item: Any) -> Any:
        return OMIT

    def trace(self, root: Any, item: Any, place: Place, report: Report) -> None:
        """Nothing comes of it, so there is nothing to tell."""

    def uses(self, scopes: tuple[Scope, ...]) -> Iterator[Use]:
        return iter(())


LEFT_OUT = LeftOut()


class Cases:
    """The first case whose condition holds; the last has none."""

    def __init__(self, cases: list[tuple[Condition | None, Target]]) -> None:
        self.cases = cases

    def run(self, root: Any, item: Any) -> Any:
        for condition, target in self.cases:
            if condition is None or condition.holds(root, item):
                return target.run(root, item)
        return OMIT

    def trace(self, root: Any, item: Any, place: Place, report: Report) -> None:
        because = place.because
        for condition, target in self.cases:
            if condition is not None:
                pointer = condition.pointer(root, item, place.base)
                because = because or pointer
                try:
                    if not condition.holds(root, item):
                        continue
                except Wrong as wrong:
                    report.fault(wrong, pointer, place.target)
                    return
                target.trace(root, item, replace(place, when=condition.text, because=pointer), report)
            else:
                target.trace(root, item, replace(place, when="no other case holds", because=because), report)
            return

    def uses(self, scopes: tuple[Scope, ...]) -> Iterator[Use]:
        for condition, target in self.cases:
            if condition is not None:
                for path in condition.paths():
                    yield Use(path, scopes, False)
            yield from target.uses(scopes)


def read_fields(node: Node, materials: Materials, *, numbered: bool = False) -> Fields:
    """`name: target` lines. `numbered`: of a list's elements, so that they may say `position()`."""
    fields: dict[str, Target] = {}
    for name, child in node.entries().items():
        match = _POSITION.fullmatch(child.text()) if numbered and isinstance(child.value, str) else None
        fields[name] = Position(match[1] is not None) if match else _read_target(child, materials)
    return Fields(fields)


def _read_target(node: Node, materials: Materials) -> Target:
    """A rule; or a block with `fields`, or `each`; or cases: `when <condition>:` lines and `otherwise:`."""
    if isinstance(node.value, str):
        if node.text().startswith("position()"):
            raise node.wrong(
                "position() stands alone, or with `| text`, directly among the `fields` of an `each`: it counts from 1"
            )
        return Value(read_rule(node, materials))
    entries = node.entries()
    if any(_is_case(name) for name in entries):
        return _read_cases(node, materials)
    node.entries(known=_BLOCK)
    if ("value" in entries) == ("fields" in entries):
        raise node.wrong("a block has either `fields` or, for a list of plain values, `value`")
    if "each" in entries:
        return _read_each(entries, materials)
    if len(entries) != 1 or "value" in entries:
        raise node.wrong("`value`, `once_per` and `at_least` stand beside `each`")
    return read_fields(entries["fields"], materials)


def _read_each(entries: dict[str, Node], materials: Materials) -> Each:
    element = (
        _read_target(entries["value"], materials)
        if "value" in entries
        else read_fields(entries["fields"], materials, numbered=True)
    )
    if isinstance(element, Cases) or (isinstance(element, Value) and element.rule.optional):
        raise entries["value"].wrong(
            "an element of a list is one rule and cannot be optional: pick the elements in `each`"
        )
    once = _read_paths(entries["once_per"])[0] if "once_per" in entries else None
    return Each(_read_paths(entries["each"]), element, once, _count(entries.get("at_least")))


def _read_cases(node: Node, materials: Materials) -> Cases:
    cases: list[tuple[Condition | None, Target]] = []
    for name, child in node.entries().items():
        if not _is_case(name) or (cases and cases[-1][0] is None):
            raise child.wrong("cases are `when <condition>:` lines and, last, one `otherwise:`")
        condition = read_condition(name.removeprefix(_WHEN), child) if name != _OTHERWISE else None
        cases.append((condition, LEFT_OUT if child.value == "leave out" else _read_target(child, materials)))
    if cases[-1][0] is not None or len(cases) < 2:
        raise node.wrong("cases end with `otherwise:` and a rule, or `otherwise: leave out`")
    return Cases(cases)


def _is_case(name: str) -> bool:
    return name.startswith(_WHEN) or name == _OTHERWISE


def _read_paths(node: Node) -> list[Path]:
    scanner = Scanner(node.text(), node)
    paths = [read_path(scanner)]
    while scanner.take("&"):
        paths.append(read_path(scanner))
    if not scanner.finished():
        raise scanner.wrong("paths joined by '&' are expected")
    return paths


def _count(node: Node | None) -> int:
    if node is None:
        return 0
    if not node.text().isdecimal():
        raise node.wrong("a number is expected here")
    return int(node.text())
