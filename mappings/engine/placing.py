"""Rewrites a stylesheet's expressions, so that a fault and an explanation can say where in the source a value came from.

XSLT tells nothing of the kind. So each call `lt:f(x, …)` is handed two things more, the context node and the number of its `Place`; and,
in the copy of the stylesheet that explains, each value put into the result goes through `lt:mark`, with all that it was made from.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from lxml import etree

from gateway.errors import Misconfigured
from mappings.engine.gate import OURS, XSL, fill

_TOKEN = re.compile(r"\"[^\"]*\"|'[^']*'|(?P<call>(?:[\w.-]+:)?[\w.-]+\s*)?\(|[)\[\],]")
_PATHLIKE = re.compile(r"[^()\"']*[^()\"'\d.\s][^()\"']*")
_EXPRESSIONS = ("select", "test", "use", "value", "match", "count", "from")
# What is put there is compared or computed with before it reaches the result: a mark would change it.
_HIDDEN = {
    f"{{{XSL}}}{name}" for name in ("variable", "param", "with-param", "key", "sort", "message", "attribute-set")
}


@dataclass(frozen=True, slots=True)
class Place:
    """One call in the stylesheet, or one value that is marked. `subject` is what the function was given first, as it is written."""

    function: str
    line: int
    text: str
    subject: str = ""


@dataclass(slots=True)
class _Call:
    name: str
    start: int
    argument: int  # where the current argument begins
    arguments: list[str]
    end: int = 0
    inside: bool = False  # of a predicate, where the context is another


class Placing:
    """The rewriting of one stylesheet, whose root is changed. `marks`: for an explanation."""

    def __init__(self, root: etree._Element, file: str, marks: bool) -> None:
        prefixes = [prefix for prefix, space in root.nsmap.items() if space == OURS and prefix]
        if not prefixes:
            raise Misconfigured(f'{file}:{root.sourceline}: the root must say xmlns:lt="{OURS}"')
        self.places: list[Place] = []
        self._prefix = prefixes[0]
        self._marks = marks
        for element in root.iter(etree.Element):
            self._rewrite(element)

    def _rewrite(self, element: etree._Element) -> None:
        space = etree.QName(element).namespace
        shown = self._marks and not any(above.tag in _HIDDEN for above in (element, *element.iterancestors()))
        line = element.sourceline or 0
        for key, raw in [] if space == OURS else list(element.attrib.items()):
            text = str(raw)
            if space == XSL and key in _EXPRESSIONS:
                mark = shown and key == "select" and element.tag == f"{{{XSL}}}value-of"
                element.set(key, self._changed(text, line, mark))
            elif "{" in text:
                mark = shown and space != XSL
                element.set(key, fill(text, lambda hole, line=line, mark=mark: self._changed(hole, line, mark)))  # type: ignore[misc]

    def _changed(self, expression: str, line: int, mark: bool) -> str:
        calls = list(read_calls(expression))
        changed = expression
        for call in sorted(calls, key=lambda c: -c.end):
            if call.name.partition(":")[0] == self._prefix and ":" in call.name:
                self.places.append(
                    Place(call.name.partition(":")[2], line, expression[call.start : call.end + 1], call.arguments[0])
                )
                changed = f"{changed[: call.end]}, ., {len(self.places) - 1}{changed[call.end :]}"
        if not mark:
            return changed
        self.places.append(Place("mark", line, expression))
        parts = [a for call in calls if not call.inside and not call.name.startswith(self._prefix + ":")
                 for a in call.arguments if _PATHLIKE.fullmatch(a)]  # fmt: skip
        return f"{self._prefix}:mark({', '.join([changed, str(len(self.places) - 1), *parts])})"


def read_calls(expression: str) -> Iterator[_Call]:
    """Every function call with its arguments as written; inner ones first."""
    stack: list[_Call | None] = []
    for token in _TOKEN.finditer(expression):
        sign, top = token.group()[-1], stack[-1] if stack else None
        if sign == "(":
            inside = None in stack or any(call is not None and call.inside for call in stack)
            stack.append(_Call((token["call"] or "").strip(), token.start(), token.end(), [], inside=inside))
        elif sign == "[":
            stack.append(None)
        elif sign == "," and top is not None:
            top.arguments.append(expression[top.argument : token.start()].strip())
            top.argument = token.end()
        elif sign in ")]" and stack:
            stack.pop()
            if top is not None and sign == ")":
                top.arguments.append(expression[top.argument : token.start()].strip())
                top.end = token.start()
                yield top
