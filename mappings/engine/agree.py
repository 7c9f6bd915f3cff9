"""Does a map agree with both schemas? Every required target has its line, no line makes what the target does not know, types are those
the target takes, and every code that may come in, or go out, stands in the tables and enumerations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mappings.engine.paths import Path
from mappings.engine.places import places_of
from mappings.engine.rules import Constant, Rule, Template
from mappings.engine.schemas import Names, Schema, below, follow, opened, plain
from mappings.engine.steps import Step
from mappings.engine.tables import UNFINISHED, Table
from mappings.engine.targets import Cases, Each, Fields, LeftOut, Position, Scope, Target, Value
from mappings.engine.wrong import finding

_TEXT = frozenset({"string"})
_TEXT_STEPS = (
    "max",
    "strip_suffix",
    "without",
    "national_part",
    "form",
    "only",
    "time",
    "from_time",
    "from_date",
    "lookup",
)
_WANTS: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(_TEXT_STEPS, _TEXT),
    "text": frozenset({"string", "integer", "number"}), "number": frozenset({"string", "integer"}), "flag": frozenset({"boolean"}),
    "join": frozenset({"array"}), "from_epoch_ms": frozenset({"integer"}), "code": frozenset({"string", "integer", "boolean"}),
}  # fmt: skip
_GIVES = {
    "text": "string",
    "number": "integer",
    "join": "string",
    "from_epoch_ms": "string",
    "code": "string",
    "lookup": "string",
}
_KEEPS = {"max", "else", "number", "text"}  # steps that leave a code what it is
_TYPES: Mapping[type, str] = {
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    list: "array",
    dict: "object",
}
_INSTANTS = {"from_time", "from_date", "from_epoch_ms"}
_VI = {
    "string": "chữ",
    "integer": "số nguyên",
    "number": "số",
    "boolean": "true/false",
    "array": "danh sách",
    "object": "đối tượng",
}


class Agreement:
    """One map held against its schemas; `findings`, a sentence each. A schema that says nothing of a place is no finding.

    `named`: where the target's schema stands, as it is told; "" for one that nobody may change.
    """

    def __init__(
        self, fields: Fields, tables: Mapping[str, Table], source: Schema, target: Schema | None, named: str = ""
    ) -> None:
        self._tables, self._source, self._target, self._named = tables, source, target or {}, named
        self._elsewhere: dict[str, set[str]] = {}  # codes of a path that the cases above have taken
        self.findings = list(self._object(fields, [self._target], (), ()))

    # ── the shape ───────────────────────────────────────────────────────────────────────────────────────────────

    def _any(self, target: Target, nodes: list[Schema], names: Names, scopes: tuple[Scope, ...]) -> Iterator[str]:
        if isinstance(target, Fields):
            yield from self._object(target, nodes, names, scopes)
        elif isinstance(target, Cases):
            yield from self._cases(target, nodes, names, scopes)
        elif isinstance(target, Each):
            yield from self._list(target, nodes, names, scopes)
        elif isinstance(target, Value):
            yield from self._value(target.rule, nodes, names, scopes)
        elif isinstance(target, Position):
            wanted = _types([one for node in nodes for one in plain(self._target, node)])
            if wanted and target.kind not in _wide(wanted):
                yield self._mismatch(names, wanted, {target.kind}, target.text)

    def _cases(self, target: Cases, nodes: list[Schema], names: Names, scopes: tuple[Scope, ...]) -> Iterator[str]:
        before = self._elsewhere
        for condition, one in target.cases:
            test = condition.tests[0] if condition is not None and len(condition.tests) == 1 else None
            if test is not None and test.only:  # inside this case, no other code of the path can come
                text, named = test.path.text, {_code(value) for value in test.only}
                here = {
                    _code(v) for place in places_of(test.path, scopes) for v in _listed(self._found(test.path, place))
                } - named
                self._elsewhere = {**self._elsewhere, text: self._elsewhere.get(text, set()) | here}
                yield from self._any(one, nodes, names, scopes)
                self._elsewhere = {**self._elsewhere, text: self._elsewhere[text] - here | named}
            else:
                yield from self._any(one, nodes, names, scopes)
        self._elsewhere = before

    def _object(self, target: Fields, nodes: list[Schema], names: Names, scopes: tuple[Scope, ...]) -> Iterator[str]:
        objects = [one for node in nodes for one in plain(self._target, node)]
        if types := _types(objects) - {"object"} if "object" not in _types(objects) else set():
            yield finding(
                f"{_say(names)} trong đích là {_told(types)}, không phải đối tượng có trường",
                f"{_say(names)} is {_words(types)} in the target, not an object with fields",
            )
            return
        for name in _required(objects):
            if name not in target.fields:
                yield self._needed((*names, name), "chưa có dòng nào tạo ra: thêm dòng", "no line makes it: add one")
            elif may_be_absent(target.fields[name]):
                yield self._needed(
                    (*names, name),
                    "dòng của nó có thể để trống: bỏ optional, hoặc nói else(…)",
                    "its line may leave it out: take `optional` off, or say else(…)",
                )
        for name, one in target.fields.items():
            inner = below(self._target, objects, name)
            if not inner and any("properties" in node for node in objects):
                yield finding(
                    f"đích không có trường {_say((*names, name))}: sửa tên, hoặc out.schema.json",
                    f"the target has no field {_say((*names, name))}: correct the name, or out.schema.json",
                )
            yield from self._any(one, inner, (*names, name), scopes)

    def _list(self, target: Each, nodes: list[Schema], names: Names, scopes: tuple[Scope, ...]) -> Iterator[str]:
        known = [one for node in nodes for one in plain(self._target, node)]
        types = _types(known)
        if types and "array" not in types:
            yield finding(
                f"{_say(names)} trong đích là {_told(types)}, không phải danh sách: bỏ `each`",
                f"{_say(names)} is {_words(types)} in the target, not a list: take `each` out",
            )
            return
        if any(node.get("minItems", 0) > target.at_least for node in known):
            yield finding(
                f"{_say(names)} trong đích không được rỗng: viết `at_least: 1` cạnh `each`",
                f"{_say(names)} may not be empty in the target: write `at_least: 1` beside `each`",
            )
        items = [node["items"] for node in known if "items" in node]
        yield from self._any(target.element, items, names, tuple(Scope(path, scopes) for path in target.paths))

    # ── values ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, rule: Rule, nodes: list[Schema], names: Names, scopes: tuple[Scope, ...]) -> Iterator[str]:
        wanted = [one for node in nodes for one in plain(self._target, node)]
        sources = [
            one for path in rule.paths() for place in places_of(path, scopes) for one in self._found(path, place)
        ]
        types = self._given(rule, scopes)
        for step in rule.steps:
            if types and step.name in _WANTS and not types & _WANTS[step.name]:
                yield finding(
                    f"{_say(names)}: bước {step.name} cần {_told(_WANTS[step.name])}, nhưng gặp {_told(types)}",
                    f"{_say(names)}: the step {step.name} wants {_words(_WANTS[step.name])}, but gets {_words(types)}",
                )
                return
            types = _after(step, types)
        if types and _types(wanted) and not types <= _wide(_types(wanted)):
            yield self._mismatch(names, _types(wanted), types, rule.text)
        elif any(n.get("format") == "date-time" for n in wanted) and sources and not _is_instant(rule, sources):
            yield finding(
                f"{_say(names)} trong đích là thời điểm (RFC 3339): đọc dạng của nguồn bằng from_time(…), from_time(rfc3339), from_date(…)",
                f"{_say(names)} is a moment (RFC 3339) in the target: read the source's form with from_time(…), from_time(rfc3339), "
                "from_date(…)",
            )
        yield from self._codes(rule, sources, wanted, names)

    def _needed(self, names: Names, vi: str, en: str) -> str:
        """What the target requires and may not get."""
        place = f" ({self._named})" if self._named else ""
        if self._named:
            vi += f"; hoặc, nếu họ không cần nó, bỏ tên nó khỏi `required` trong {self._named}"
            en += f"; or, if they can do without it, take it out of `required` in {self._named}"
        return finding(
            f"{_say(names)} là bắt buộc ở đích{place}, nhưng {vi}",
            f"{_say(names)} is required by the target{place}, but {en}",
        )

    def _mismatch(self, names: Names, wanted: set[str], made: set[str], rule: str) -> str:
        vi, en = "", ""
        if "array" in wanted and "array" not in made:  # nothing else says how a list of plain values is written
            vi, en = (
                "; danh sách giá trị đơn viết bằng `each:` và `value:`",
                "; a list of plain values is `each:` with `value:`",
            )
        return finding(
            f"{_say(names)} trong đích là {_told(wanted)}, nhưng dòng tạo ra {_told(made)}: {rule}{vi}",
            f"{_say(names)} is {_words(wanted)} in the target, but the rule makes {_words(made)}: {rule}{en}",
        )

    def _found(self, path: Path, place: Names) -> list[Schema]:
        """What the path finds there; of a list, or of the element itself (`.`), what the list holds."""
        found = follow(self._source, place)
        return [one for node in found for one in opened(self._source, node)] if path.many or not path.parts else found

    def _given(self, rule: Rule, scopes: tuple[Scope, ...]) -> set[str]:
        """The types of the sources; empty when one of them is not known."""
        types: set[str] = set()
        for source in rule.sources:
            if isinstance(source, Path):
                one = {"array"} if source.many else self._at(source, scopes)
            elif isinstance(source, Template):
                one = {"string"}
            else:
                one = {_TYPES[type(source.value)]} if isinstance(source, Constant) else set()
            if not one:
                return set()
            types |= one
        return types

    def _at(self, path: Path, scopes: tuple[Scope, ...]) -> set[str]:
        found = [self._found(path, place) for place in places_of(path, scopes)]
        types = [_types(nodes) for nodes in found]
        return set().union(*types) if types and all(types) else set()

    def _codes(self, rule: Rule, sources: list[Schema], wanted: list[Schema], names: Names) -> Iterator[str]:
        at = next((i for i, step in enumerate(rule.steps) if step.name == "code"), None)
        every, outgoing = _values(sources), _values(wanted)
        incoming = every and every - set().union(*(self._elsewhere.get(path.text, set()) for path in rule.paths()))
        made: set[str] = {_code(s.value) for s in rule.sources if isinstance(s, Constant)} - {"[]"}
        if at is not None:
            table = self._tables[rule.steps[at].arguments[0]]
            lacking = (incoming or set()) - set(table.rows) - table.refused
            if at == 0 and table.default is None and lacking:
                codes = ", ".join(sorted(lacking))
                yield finding(
                    f"{_say(names)}: bảng {table.name} chưa có dòng cho {codes}, mà nguồn có thể nói: thêm, hoặc kể trong `refused` dưới `tables`",
                    f"{_say(names)}: table {table.name} has no row for {codes}, which the source may say: add them, or name them as "
                    "`refused` under `tables`",
                )
            if at == 0 and every and (idle := sorted((set(table.rows) | table.refused) - every)):
                yield finding(
                    f"{_say(names)}: bảng {table.name} có dòng cho {', '.join(idle)}, mà nguồn không bao giờ nói",
                    f"{_say(names)}: table {table.name} has rows for {', '.join(idle)}, which the source never says",
                )
            made = {*table.rows.values()} | ({table.default} if table.default is not None else set())
        elif not rule.steps and incoming and not any(isinstance(s, Template) for s in rule.sources):
            made |= incoming
        changed = any(step.name not in _KEEPS for step in rule.steps[(at or 0) + (at is not None) :])
        if outgoing and not changed and (strange := sorted(made - outgoing - {UNFINISHED})):
            known = ", ".join(sorted(outgoing))
            yield finding(
                f"{_say(names)}: đích không biết {', '.join(strange)}; chỉ nhận {known}",
                f"{_say(names)}: the target does not know {', '.join(strange)}; it takes {known}",
            )


def may_be_absent(target: Target) -> bool:
    if isinstance(target, Cases):
        return any(may_be_absent(one) for _, one in target.cases)
    return isinstance(target, LeftOut) or (isinstance(target, Value) and target.rule.optional)


def _required(objects: list[Schema]) -> list[str]:
    """What every alternative requires."""
    sets = [set(node.get("required", ())) for node in objects if "properties" in node or "required" in node]
    return sorted(set.intersection(*sets)) if sets else []


def _types(nodes: list[Schema]) -> set[str]:
    """The types that the nodes may be; empty when one of them does not say."""
    found: set[str] = set()
    for node in nodes:
        said = node.get("type")
        if said is None and ("properties" in node or "const" in node):
            said = "object" if "properties" in node else _TYPES[type(node["const"])]
        if said is None:
            return set()
        found |= {said} if isinstance(said, str) else set(said)
    return found - {"null"}


def _wide(types: set[str]) -> set[str]:
    return types | {"integer"} if "number" in types else types


def _after(step: Step, types: set[str]) -> set[str]:
    if step.name in ("flag", "choose"):
        return {_TYPES[type(a)] for a in step.arguments}
    if step.name == "else":
        return types and types | {_TYPES[type(step.arguments[0])]}
    return {_GIVES[step.name]} if step.name in _GIVES else types


def _is_instant(rule: Rule, sources: list[Schema]) -> bool:
    read = any(step.name in _INSTANTS for step in rule.steps)
    return read or all(
        node.get("format") == "date-time" or not node.get("type") or "x-instant" in node for node in sources
    )


def _listed(nodes: list[Schema]) -> list[Any]:
    return [value for node in nodes for value in node.get("enum", [node["const"]] if "const" in node else [])]


def _values(nodes: list[Schema]) -> set[str] | None:
    """The codes that may stand there; None when the schema does not list them."""
    found: set[str] = set()
    for node in nodes:
        if "const" in node:
            found.add(_code(node["const"]))
        elif "enum" in node:
            found |= {_code(value) for value in node["enum"]}
        elif node.get("type") == "boolean":
            found |= {"true", "false"}
        elif node.get("type") != "null":
            return None
    return found or None


def _code(value: Any) -> str:
    """As codes.csv writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _say(names: Names) -> str:
    return ".".join(names) or "/"


def _told(types: set[str] | frozenset[str]) -> str:
    return " hoặc ".join(_VI[one] for one in sorted(types))


def _words(types: set[str] | frozenset[str]) -> str:
    return " or ".join(sorted(types))
