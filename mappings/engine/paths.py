"""Paths into the source document.

`dossier.applicant.name`  a field; `/dossier.code`  from the root, inside `each`; `.`  the element itself.
`papers[kind=CCCD].number`  of the first element that passes the tests: `=`, `!=`, `in`, `not in` (a list), `has` (a list in the element).
What is compared with is a word, a JSON literal, `/a.path` from the root or `./a.path` of the element around.
`attachments[].name`  of every element.

Missing, null and blank text are one thing: absent.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from mappings.engine.scanner import Scanner
from mappings.engine.wrong import Wrong, bounded, same, unfit

Follow = Callable[[Any, Any, Any], Any]
"""From a value (with the root and the element around it) to what the path finds."""

NAME = r"[\w$@][\w$@:-]*"
_OPERATORS = r"!=|=|not in\b|in\b|has\b"


class Every:
    """`[]`"""


@dataclass(frozen=True, slots=True)
class Test:
    """`name operator operand`; the operand is a path or a JSON value."""

    name: str
    operator: str
    operand: Any

    def passes(self, element: Any, root: Any, item: Any) -> bool:
        value = element.get(self.name) if isinstance(element, dict) else None
        operand = self.operand.get(root, item) if isinstance(self.operand, Path) else self.operand
        if self.operator == "=":
            return same(value, operand)
        if self.operator == "!=":
            return not same(value, operand)
        if self.operator == "has":
            return isinstance(value, list) and any(same(v, operand) for v in value)
        among = isinstance(operand, list) and any(same(value, o) for o in operand)
        return among == (self.operator == "in")


@dataclass(frozen=True, slots=True)
class Pick:
    """`[tests]`: the first element that passes them all."""

    tests: tuple[Test, ...]

    def index(self, values: Any, root: Any, item: Any) -> int | None:
        for i, element in enumerate(bounded(_list(values))):
            if all(test.passes(element, root, item) for test in self.tests):
                return i
        return None


Part = str | Every | Pick


class Path:
    """One path, compiled."""

    def __init__(self, text: str, absolute: bool, parts: tuple[Part, ...]) -> None:
        self.text = text
        self.absolute = absolute
        self.parts = parts
        self.many = any(isinstance(p, Every) for p in parts)
        self.get: Callable[[Any, Any], Any] = _getter(absolute, parts)
        """From root and element, the value, or None when absent. With `[]`, a list. Raises `Wrong` where the document has another shape."""

    def spots(self, root: Any, item: Any, base: str) -> list[tuple[str, Any]]:
        """What `get` finds, with JSON pointers; where nothing is found, the pointer of what is missing, with None."""
        start = (root, "") if self.absolute else (item, base)
        return list(_walk(self.parts, *start, root, item))

    def pointer(self, root: Any, item: Any, base: str) -> str:
        """Where the value stands, or is missing. A path with `[]` that finds several stands at its first list."""
        try:
            spots = self.spots(root, item, base)
        except Wrong:
            spots = []
        if len(spots) == 1:
            return spots[0][0]
        return ("" if self.absolute else base) + "".join(escape(n) for n in _first_names(self.parts))


def read_path(scanner: Scanner) -> Path:
    """The path that stands here."""
    start = scanner.at
    absolute = scanner.take("/") is not None
    if not absolute and scanner.take(r"\.(?![\w$@/])"):
        return Path(".", False, ())
    parts: list[Part] = [scanner.need(NAME, "a field's name")]
    while True:
        if scanner.take(r"\[\]", spaced=False):
            parts.append(Every())
        elif scanner.take(r"\[", spaced=False):
            parts.append(_read_pick(scanner))
        elif scanner.take(r"\.", spaced=False):
            parts.append(scanner.need(NAME, "a field's name", spaced=False))
        else:
            return Path(scanner.text[start : scanner.at].strip(), absolute, tuple(parts))


def _read_pick(scanner: Scanner) -> Pick:
    tests = []
    while True:
        name = scanner.need(NAME, "a field's name, as in [kind=CCCD],")
        operator = scanner.need(_OPERATORS, "one of = != in 'not in' has")
        tests.append(Test(name, operator, _read_operand(scanner)))
        if scanner.take(r"\]"):
            return Pick(tuple(tests))
        scanner.need(",", "',' or ']'")


def _read_operand(scanner: Scanner) -> Any:
    if scanner.take(r"\./"):
        return read_path(scanner)
    if scanner.take(r"(?=/)") is not None:
        return read_path(scanner)
    if scanner.take(r'(?=["\d\[-]|(true|false)\b)') is not None:
        return scanner.json()
    return scanner.need(r"[\w.-]+", "a word, a JSON literal or a path")


def escape(name: str) -> str:
    """One step of a JSON pointer (RFC 6901)."""
    return "/" + name.replace("~", "~0").replace("/", "~1")


def present(value: Any) -> Any:
    """The value; None for blank text."""
    return None if value.__class__ is str and (not value or value.isspace()) else value


def _getter(absolute: bool, parts: tuple[Part, ...]) -> Callable[[Any, Any], Any]:
    follow = _compile(parts)
    if absolute:
        return lambda root, item: follow(root, root, item)
    if len(parts) != 1 or not isinstance(parts[0], str):
        return lambda root, item: follow(item, root, item)
    name = parts[0]

    def get(root: Any, item: Any) -> Any:  # one field of an element: the path of nearly every rule inside `each`
        value = item.get(name) if item.__class__ is dict else _field(item, name)
        return None if value.__class__ is str and (not value or value.isspace()) else value

    return get


def _compile(parts: tuple[Part, ...]) -> Follow:
    if not parts:
        return lambda value, root, item: present(value)
    if all(isinstance(p, str) for p in parts):
        return _plain(tuple(str(p) for p in parts))
    head, rest = parts[0], _compile(parts[1:])
    if isinstance(head, Pick):
        return _picked(head, rest)
    if isinstance(head, Every):
        return _each(rest, any(isinstance(p, Every) for p in parts[1:]))
    name = head

    def follow(value: Any, root: Any, item: Any) -> Any:
        return rest(_field(value, name), root, item)

    return follow


def _plain(names: tuple[str, ...]) -> Follow:
    # The path of nearly every rule, so without the calls of `_field`.
    def follow(value: Any, root: Any, item: Any) -> Any:
        for name in names:
            value = value.get(name) if value.__class__ is dict else _field(value, name)
        if value.__class__ is str and (not value or value.isspace()):
            return None
        return value

    return follow


def _picked(pick: Pick, rest: Follow) -> Follow:
    def follow(value: Any, root: Any, item: Any) -> Any:
        index = pick.index(value, root, item)
        return None if index is None else rest(value[index], root, item)

    return follow


def _each(rest: Follow, flatten: bool) -> Follow:
    def follow(value: Any, root: Any, item: Any) -> Any:
        found: list[Any] = []
        for element in bounded(_list(value)):
            one = rest(element, root, item)
            if flatten:
                found.extend(one)
            elif one is not None:
                found.append(one)
        return bounded(found)

    return follow


def _field(value: Any, name: str) -> Any:
    if present(value) is None:
        return None
    if not isinstance(value, dict):
        raise unfit("not-an-object", f"đối tượng có trường {name}", f"an object with the field {name}", value)
    return value.get(name)


def _list(value: Any) -> list[Any]:
    if present(value) is None:
        return []
    if not isinstance(value, list):
        raise unfit("not-a-list", "danh sách", "a list", value)
    return value


def _walk(parts: tuple[Part, ...], value: Any, pointer: str, root: Any, item: Any) -> Iterator[tuple[str, Any]]:
    if not parts:
        yield pointer, present(value)
        return
    head, rest = parts[0], parts[1:]
    if isinstance(head, str):
        if value is None or isinstance(value, dict):
            below = None if value is None else value.get(head)
            yield from _walk(rest, below, pointer + escape(head), root, item)
        else:
            yield pointer, None
    elif not isinstance(value, list):
        yield pointer, None
    elif isinstance(head, Pick):
        index = head.index(value, root, item)
        if index is None:
            yield pointer, None
        else:
            yield from _walk(rest, value[index], f"{pointer}/{index}", root, item)
    else:
        for i, element in enumerate(value):
            for spot in _walk(rest, element, f"{pointer}/{i}", root, item):
                if spot[1] is not None:
                    yield spot


def _first_names(parts: tuple[Part, ...]) -> Iterator[str]:
    for part in parts:
        if not isinstance(part, str):
            return
        yield part
