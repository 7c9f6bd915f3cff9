"""Conditions: `dossier.origin is "local"`, `message.status is 9, 10`, `x is not "a"`, `x is present`, `x is absent`, `x ends with "-TG"`.

Several are joined by `and`, or by `or`, never by both: write two cases instead. An empty list counts as absent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from mappings.engine.paths import Path, read_path
from mappings.engine.scanner import Scanner
from mappings.engine.sheet import Node
from mappings.engine.wrong import same

Check = Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class Test:
    """`only`: for a plain `is`, the values it names."""

    path: Path
    check: Check
    only: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Condition:
    """`text` is as written; `every`: all tests must hold, else one is enough."""

    text: str
    tests: tuple[Test, ...]
    every: bool

    def holds(self, root: Any, item: Any) -> bool:
        """Raises `Wrong` where the document has another shape."""
        if self.every:
            return all(test.check(test.path.get(root, item)) for test in self.tests)
        return any(test.check(test.path.get(root, item)) for test in self.tests)

    def pointer(self, root: Any, item: Any, base: str) -> str:
        return self.tests[0].path.pointer(root, item, base)

    def paths(self) -> list[Path]:
        return [test.path for test in self.tests]


def read_condition(text: str, node: Node) -> Condition:
    """The condition in `text`, which stands at `node`. Raises `Misconfigured`."""
    scanner = Scanner(text, node)
    tests = [_read_test(scanner)]
    joint = None
    while not scanner.finished():
        word = scanner.need(r"(and|or)\b", "'and' or 'or'")
        if joint not in (None, word):
            raise scanner.wrong("'and' and 'or' do not mix: write two cases")
        joint = word
        tests.append(_read_test(scanner))
    return Condition(scanner.text, tuple(tests), joint != "or")


def _read_test(scanner: Scanner) -> Test:
    path = read_path(scanner)
    if scanner.take(r"is\s+present\b"):
        return Test(path, lambda value: not is_absent(value))
    if scanner.take(r"is\s+absent\b"):
        return Test(path, is_absent)
    if path.many:
        raise scanner.wrong(
            "after a path with [] only 'is present' or 'is absent' can stand: pick with [field=value] instead"
        )
    if scanner.take(r"ends\s+with\b"):
        end = scanner.json()
        if not isinstance(end, str) or not end:
            raise scanner.wrong("'ends with' wants a text in quotes")
        return Test(path, lambda value: isinstance(value, str) and value.endswith(end))
    negative = scanner.take(r"is\s+not\b") is not None
    if not negative:
        scanner.need(r"is\b", "'is', 'is not', 'is present', 'is absent' or 'ends with'")
    wanted = [scanner.json()]
    while scanner.take(","):
        wanted.append(scanner.json())
    return Test(path, lambda value: any(same(value, w) for w in wanted) != negative, () if negative else tuple(wanted))


def is_absent(value: Any) -> bool:
    return value is None or value == []
