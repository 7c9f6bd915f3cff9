"""Drafts a map from our view to an agency's document: a line for each field of the sample, or of what its description says of it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from gateway.canonical import TYPES
from gateway.errors import Misconfigured
from mappings.engine import shapes
from mappings.engine.drafting import SAMPLE, Days, Lines, Steps, as_json
from mappings.engine.guess import LEAST, LIKELY, SURE, Guess, Ours, Theirs, best, fit, our_lists, our_values
from mappings.engine.names import likeness
from mappings.engine.schemas import Names, Schema, below, infer, leaves, plain
from mappings.engine.tables import UNFINISHED
from mappings.engine.view import view_schema

_DEEPEST = 12
_MOST_CODES = 12
_MAY_LACK = "; ta có khi không có: optional hay else(…)? · we may not have it: optional or else(…)?"
_AREAS = ("province", "district", "commune")


@dataclass(frozen=True, slots=True)
class _Wanted:
    """One field of theirs. `nodes`: what their description says of it; `needed`: None where there is no description."""

    names: Names
    value: Any
    nodes: tuple[Schema, ...] = ()
    needed: bool | None = None

    def says(self, key: str) -> Any:
        return next((node[key] for node in self.nodes if key in node), None)

    @property
    def fixed(self) -> Any:
        """The one value it may have."""
        listed = self.says("enum") or []
        return self.says("const") if self.says("const") is not None else listed[0] if len(listed) == 1 else None

    @property
    def is_plain(self) -> bool:
        return not any("properties" in node or "items" in node for node in self.nodes)

    @property
    def words(self) -> str:
        """What the description says of it, for a person."""
        kinds = [k for n in self.nodes for k in _types(n)]
        form = f" ({self.says('format')})" if self.says("format") else ""
        told = [f"kiểu · type {kind}{form}" for kind in kinds[:1]]
        told += (
            [f"giá trị · one of {', '.join(map(str, self.says('enum')[:_MOST_CODES]))}"] if self.says("enum") else []
        )
        told += [f"dài nhất · at most {self.says('maxLength')}"] if self.says("maxLength") else []
        return "; ".join(told)


class Outbound:
    """Our view → their document. With a description, what is required comes first, and what is not is commented out."""

    def __init__(self, sample: Any, source: str, schema: Schema | None = None) -> None:
        match = re.fullmatch(r"view\((\w+)\)", source)
        if match is None or match[1] not in TYPES:
            raise Misconfigured(f"--source view(TYPE), TYPE: {', '.join(TYPES)}")
        self._source, self._kind = source, match[1]
        self._schema: Schema = {**view_schema(self._kind), "required": ["message", "dossier", "meta"]}
        self._values = sorted(our_values(self._schema, [self._schema]), key=lambda ours: self._rank(ours.names))
        self._lists = sorted(our_lists(self._schema, [self._schema]), key=lambda one: self._rank(one[0]))
        self._sample, self._theirs = sample, schema
        self._days = Days(sample)
        self._sheet = Lines()

    def files(self) -> Mapping[str, str]:
        self._fields((), self._sample, self._root(), 1, self._values, ())
        head = [
            f"about: bản nháp, cần người hoàn thành · a draft, to be finished ({self._kind} → ?)",
            f"source: {self._source}",
        ]
        return {
            "map.yaml": self._sheet.text(head, *self._left_out()),
            **self._sheet.codes_file(),
            "out.schema.json": as_json(self._theirs or infer([self._sample])),
            f"samples/{SAMPLE}/out.json": as_json(self._sample),
        }

    def _root(self) -> list[Schema]:
        return list(plain(self._theirs, self._theirs)) if self._theirs else []

    def _rank(self, names: Names) -> tuple[int, int]:
        """What is tried first: the message's own fields, unless the dossier's are the same."""
        order = ("dossier", "message") if self._kind == "DossierSubmitted" else ("message", "dossier")
        top = names[0]
        place = (
            order.index(top)
            if top in order
            else 2
            if top in ("fees", "results", "supplements", "payments", "current_status")
            else 3
        )
        return (0 if top == "fees" else place), len(names)

    # ── their fields ────────────────────────────────────────────────────────────────────────────────────────────

    def _fields(
        self, above: Names, sample: Any, nodes: list[Schema], depth: int, values: list[Ours], scope: Names
    ) -> None:
        wanted = sorted(self._wanted(above, sample, nodes), key=lambda one: one.needed is False)
        stands = [one for one in wanted if one.needed is not False or self._is_found(one, values, SURE)]
        # A description that requires nothing says nothing of what they need: then what is likely stands, or its blocks, or all of it.
        stands = stands or [one for one in wanted if self._is_found(one, values, LIKELY)]
        stands = stands or [one for one in wanted if not one.is_plain] or wanted
        for one in wanted:
            off = one not in stands and self._sheet.off_at is None
            self._sheet.off_at = depth if off else self._sheet.off_at
            self._field(one, depth, values, scope)
            self._sheet.off_at = None if off else self._sheet.off_at

    def _wanted(self, above: Names, sample: Any, nodes: list[Schema]) -> Iterator[_Wanted]:
        objects = [node for node in nodes if "properties" in node]
        shown = sample if isinstance(sample, dict) else {}
        if self._theirs is None or not objects:
            for name, value in shown.items():
                yield _Wanted((*above, name), value)
            return
        for name in dict.fromkeys(name for node in objects for name in node["properties"]):
            inner = [one for node in below(self._theirs, objects, name) for one in plain(self._theirs, node)]
            needed = all(name in node.get("required", ()) for node in objects)
            yield _Wanted((*above, name), shown.get(name), tuple(inner), needed)

    def _is_found(self, one: _Wanted, values: list[Ours], least: float) -> bool:
        """Is a plain field that they can do without one of ours? Then its line stands."""
        if one.fixed is not None or isinstance(one.value, dict | list) or not one.is_plain:
            return False
        guess = best([Theirs(one.names, one.value)], values)
        return guess is not None and guess.score >= least and self._steps(guess.ours, one)[0] is not None

    def _field(self, one: _Wanted, depth: int, values: list[Ours], scope: Names) -> None:
        name, value = one.names[-1], one.value
        objects = [node for node in one.nodes if node.get("properties")]
        lists = [node for node in one.nodes if "items" in node]
        if one.fixed is not None:
            self._sheet.put(
                depth, name, f"= {json.dumps(one.fixed, ensure_ascii=False)}", "giá trị cố định · fixed by them"
            )
        elif (objects or (isinstance(value, dict) and value)) and depth < _DEEPEST:
            self._sheet.put(depth, name, None, self._told(one))
            self._sheet.put(depth + 1, "fields")
            self._fields(one.names, value, objects, depth + 2, values, scope)
        elif (lists or (isinstance(value, list) and value)) and not scope and depth < _DEEPEST:
            self._list(one, lists, depth, values)
        elif isinstance(value, dict | list) or objects or lists:
            self._sheet.put(depth, name, UNFINISHED, "không đoán được · not guessed")
        elif scope and likeness((name,), ("position",)) >= SURE and str(value).isdecimal():
            rule = "position()" if isinstance(value, int) else "position() | text"
            self._sheet.put(depth, name, rule, "số thứ tự trong danh sách · its number in the list")
        else:
            self._value(one, depth, values, scope)

    def _told(self, one: _Wanted) -> str:
        if one.needed is None:
            return ""
        inside = self._sheet.off_at is not None
        if one.needed:
            return "bắt buộc khi có khối này · required within its block" if inside else "bắt buộc · required"
        return "không bắt buộc · optional"

    # ── lists ───────────────────────────────────────────────────────────────────────────────────────────────────

    def _list(self, one: _Wanted, lists: list[Schema], depth: int, values: list[Ours]) -> None:
        items = [inner for node in lists for inner in plain(self._theirs or {}, node["items"])]
        shown = one.value if isinstance(one.value, list) else []
        elements = [v for v in shown if isinstance(v, dict) and v]
        if not elements and not any("properties" in item for item in items):
            self._plain_list(one, tuple(items), shown, depth, values)
            return
        held = [(place, list(our_values(self._schema, [node]))) for place, node in self._lists]
        found = max(held, key=lambda ours: fit(one.names, elements, *ours), default=None)
        if found is None or fit(one.names, elements, *found) < LEAST:
            words = "không đoán được danh sách nào · which list is not guessed"
            self._sheet.put(depth, one.names[-1], UNFINISHED, _joined(words, self._told(one)))
            return
        place, fields = found
        inner = [Ours((*place, *ours.names), ours.nodes, ours.needed) for ours in fields if ours.pick is None]
        self._sheet.put(depth, one.names[-1], None, self._told(one))
        self._sheet.put(depth + 1, "each", ".".join(place), "danh sách đoán theo tên · the list is guessed by its name")
        self._sheet.put(depth + 1, "fields")
        first = {key: value for element in elements for key, value in element.items()}
        self._fields(one.names, first, items, depth + 2, inner, place)

    def _plain_list(
        self, one: _Wanted, items: tuple[Schema, ...], shown: list[Any], depth: int, values: list[Ours]
    ) -> None:
        """A list of plain values, of which we have one."""
        element = _Wanted(one.names, next(iter(shown), None), items, one.needed)
        guess = best([Theirs(element.names, element.value)], values) if items or shown else None
        if guess is None or isinstance(element.value, list) or guess.ours.pick is not None:
            words = "danh sách giá trị đơn, viết bằng each: và value: · a list of plain values, written with each: and value:"
            self._sheet.put(depth, one.names[-1], UNFINISHED, _joined(words, self._told(one), element.words))
            return
        self._read(guess)
        self._sheet.put(depth, one.names[-1], None, _joined(guess.words, self._told(one)))
        self._sheet.put(depth + 1, "each", ".".join(guess.ours.names))
        self._sheet.put(depth + 1, "value", ".")

    # ── values ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _value(self, one: _Wanted, depth: int, values: list[Ours], scope: Names) -> None:
        name, told = one.names[-1], _joined(self._told(one), one.words)
        guess = best([Theirs(one.names, one.value)], values)
        if guess is None or (self._sheet.off_at is not None and guess.score < LIKELY):
            shown = told or f"mẫu · sample: {_shown(one.value)}"
            words = _joined(shown) if one.needed is not None else _joined("không đoán được · not guessed", shown)
            self._sheet.put(depth, name, UNFINISHED, words)
            return
        ours = guess.ours
        path = self._path(ours, ours.names[len(scope) :])
        steps, why = self._steps(ours, one)
        if steps is None:
            self._sheet.put(depth, name, UNFINISHED, _joined(f"có lẽ từ · perhaps from {path}{why}", told))
            return
        if isinstance(one.value, str) and not one.value.strip():
            steps.append('else("")')  # the sample itself shows that it may be empty
        elif not ours.needed and one.needed is False:
            steps.append("optional")
        elif not ours.needed:
            why += _MAY_LACK
        self._read(guess)
        words = guess.words if ours.needed or one.needed is False else guess.unsure
        self._sheet.put(depth, name, " | ".join([path, *steps]), _joined(f"{words}{why}", told))

    def _read(self, guess: Guess) -> None:
        if self._sheet.off_at is None:
            self._sheet.read.add(guess.ours.names)

    def _path(self, ours: Ours, names: Names) -> str:
        path = ".".join(names)
        if ours.pick is not None:
            at = len(ours.pick[0])
            path = f"{'.'.join(names[:at])}[kind={ours.pick[1]}].{'.'.join(names[at:])}"
        return path

    def _steps(self, ours: Ours, one: _Wanted) -> tuple[Steps, str]:
        value, kind = one.value, next((k for n in one.nodes for k in _types(n)), "")
        if ours.is_moment:
            return self._moment(one)
        is_number = (isinstance(value, int) and not isinstance(value, bool)) or kind == "integer"
        if ours.kind == "boolean" and not isinstance(value, bool) and kind != "boolean":
            return None, "; có/không viết thế nào? · how do they write yes and no?"
        if len(ours.codes) > 1:
            return self._coded(ours, is_number)
        asked = ""
        if ours.form in _AREAS and not shapes.has_form(value, ours.form):
            asked = f"; ta giữ mã: tên thì · ours is a code, the name is: lookup({ours.form}s, name)"
        kinds = ours.kind, "number" if is_number else "text" if isinstance(value, str) else ""
        return {("integer", "text"): ["text"], ("string", "number"): ["number"]}.get(kinds, []), asked

    def _moment(self, one: _Wanted) -> tuple[Steps, str]:
        time = shapes.time_of(one.value) or {"date-time": shapes.INSTANT, "date": "yyyy-MM-dd"}.get(one.says("format"))
        if time in (None, shapes.MILLISECONDS):
            return None, "; dạng thời gian? · in which form of time?"
        if time == shapes.INSTANT:
            is_ours = one.value is None or str(one.value).endswith("+07:00")
            return ([f'time("{shapes.WITH_OFFSET}")'] if is_ours else []), ""
        return [f'time("{time}")'], self._days.question(time)

    def _coded(self, ours: Ours, is_number: bool) -> tuple[Steps, str]:
        if is_number and all(isinstance(c, int) for c in ours.codes):
            return [], "; cùng bộ mã? · the same codes?"
        table = self._sheet.table("_".join(ours.names[-2:]), [(c, UNFINISHED) for c in ours.codes])
        return [table, *(["number"] if is_number else [])], "; điền codes.csv · fill codes.csv"

    def _left_out(self) -> tuple[dict[str, str], dict[str, str]]:
        """What of our view a person must say why it is not sent, and that of which their sample has nothing at all."""
        read, asked, dropped = self._sheet.read, {}, {}
        for top in self._schema["properties"]:
            places = [leaf for leaf in leaves(self._schema) if leaf[0] == top]
            if top in ("message", "dossier") or any(leaf in read for leaf in places):
                if any(leaf not in read for leaf in places):
                    asked[top] = "vì sao phần còn lại không gửi? · why is the rest not sent?"
            elif places:
                dropped[top] = "mẫu của cơ quan không có phần này · nothing of it in the sample it was drafted from"
        return asked, dropped


def _types(node: Schema) -> list[str]:
    """Its types, the most telling first."""
    said = node.get("type", [])
    return [said] if isinstance(said, str) else [kind for kind in said if kind != "null"]


def _joined(*words: str) -> str:
    return "; ".join(word for word in words if word)


def _shown(value: Any) -> str:
    """The kind of a sample's value, never the value: it may be personal."""
    words = {str: "chữ · a text", bool: "true/false", int: "số · a number", float: "số · a number"}
    return words.get(type(value), "null")
