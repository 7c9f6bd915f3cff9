"""Drafts a map from our view to an agency's document: a line for each field of the sample."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from gateway.canonical import TYPES
from gateway.errors import Misconfigured
from mappings.engine import shapes
from mappings.engine.drafting import SAMPLE, Lines, Steps, as_json, day_first
from mappings.engine.guess import Ours, Theirs, best, our_lists, our_values
from mappings.engine.names import likeness
from mappings.engine.schemas import Names, Schema, infer, leaves
from mappings.engine.tables import UNFINISHED
from mappings.engine.view import view_schema

_DEEPEST = 12


class Outbound:
    """Our view → their document: a line for each field of the sample."""

    def __init__(self, sample: Any, source: str) -> None:
        match = re.fullmatch(r"view\((\w+)\)", source)
        if match is None or match[1] not in TYPES:
            raise Misconfigured(f"--source view(TYPE), TYPE: {', '.join(TYPES)}")
        self._source, self._kind = source, match[1]
        self._schema: Schema = view_schema(self._kind)
        self._values = sorted(our_values(self._schema, [self._schema]), key=lambda ours: self._rank(ours.names))
        self._lists = sorted(our_lists(self._schema, [self._schema]), key=lambda one: self._rank(one[0]))
        self._sample = sample
        self._sheet = Lines()

    def files(self) -> Mapping[str, str]:
        self._fields(self._sample, (), 1, self._values, ())
        head = [
            f"about: bản nháp, cần người hoàn thành · a draft, to be finished ({self._kind} → ?)",
            f"source: {self._source}",
        ]
        schema = infer([self._sample])
        return {
            "map.yaml": self._sheet.text(head, *self._left_out()),
            **self._sheet.codes_file(),
            "out.schema.json": as_json(schema),
            f"samples/{SAMPLE}/out.json": as_json(self._sample),
        }

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

    def _fields(self, sample: Any, above: Names, depth: int, values: list[Ours], scope: Names) -> None:
        for name, value in sample.items():
            names = (*above, name)
            if isinstance(value, dict) and value and depth < _DEEPEST:
                self._sheet.put(depth, name)
                self._sheet.put(depth + 1, "fields")
                self._fields(value, names, depth + 2, values, scope)
            elif (
                isinstance(value, list)
                and value
                and all(isinstance(v, dict) and v for v in value)
                and not scope
                and depth < _DEEPEST
            ):
                self._list(name, names, value, depth)
            elif isinstance(value, dict | list):
                self._sheet.put(depth, name, UNFINISHED, "không đoán được · not guessed")
            else:
                self._value(name, names, value, depth, values, scope)

    def _list(self, name: str, names: Names, value: list[Any], depth: int) -> None:
        found = max(self._lists, key=lambda one: likeness(names, one[0]), default=None)
        if found is None or likeness(names, found[0]) < 0.5:
            self._sheet.put(depth, name, UNFINISHED, "không đoán được danh sách nào · which list is not guessed")
            return
        place, items = found
        elements = [
            Ours((*place, *ours.names), ours.nodes, ours.needed)
            for ours in our_values(self._schema, [items])
            if ours.pick is None
        ]
        self._sheet.put(depth, name)
        self._sheet.put(depth + 1, "each", ".".join(place), "danh sách đoán theo tên · the list is guessed by its name")
        self._sheet.put(depth + 1, "fields")
        first = {key: one for element in value for key, one in element.items()}
        self._fields(first, names, depth + 2, elements, place)

    def _value(self, name: str, names: Names, value: Any, depth: int, values: list[Ours], scope: Names) -> None:
        guess = best([Theirs(names, value)], values)
        if guess is None:
            self._sheet.put(depth, name, UNFINISHED, f"không đoán được · not guessed; mẫu · sample: {_shown(value)}")
            return
        ours = guess.ours
        path = self._path(ours, ours.names[len(scope) :])
        steps, why = self._steps(ours, value)
        if steps is None:
            self._sheet.put(depth, name, UNFINISHED, f"có lẽ từ · perhaps from {path}{why}")
            return
        if guess.theirs.is_blank and value is not None:
            steps.append('else("")')  # the sample itself shows that it may be empty
        self._sheet.read.add(ours.names)
        self._sheet.put(depth, name, " | ".join([path, *steps]), f"{guess.words}{why}")

    def _path(self, ours: Ours, names: Names) -> str:
        path = ".".join(names)
        if ours.pick is not None:
            at = len(ours.pick[0])
            path = f"{'.'.join(names[:at])}[kind={ours.pick[1]}].{'.'.join(names[at:])}"
        return path

    def _steps(self, ours: Ours, value: Any) -> tuple[Steps, str]:
        if ours.is_moment:
            time = shapes.time_of(value)
            if time in (None, shapes.MILLISECONDS):
                return None, "; dạng thời gian? · in which form of time?"
            return ([] if time == shapes.INSTANT else [f'time("{time}")']), day_first(time, value)
        is_number = isinstance(value, int) and not isinstance(value, bool)
        if ours.kind == "boolean" and not isinstance(value, bool):
            return None, "; có/không viết thế nào? · how do they write yes and no?"
        if len(ours.codes) > 1:
            return self._coded(ours, is_number)
        kinds = ours.kind, "number" if is_number else "text" if isinstance(value, str) else ""
        return {("integer", "text"): ["text"], ("string", "number"): ["number"]}.get(kinds, []), ""

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


def _shown(value: Any) -> str:
    """The kind of a sample's value, never the value: it may be personal."""
    words = {str: "chữ · a text", bool: "true/false", int: "số · a number", float: "số · a number"}
    return words.get(type(value), "null")
