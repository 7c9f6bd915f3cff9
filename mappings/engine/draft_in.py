"""Drafts a map from an agency's document to a canonical message: a line for each field that is required, or that was found."""

from __future__ import annotations

import re
from typing import Any

from mappings.engine import shapes
from mappings.engine.drafting import ITEM, NOW, Days, Lines, Steps, code
from mappings.engine.guess import LEAST, LIKELY, Ours, best, fit, our_values, their_lists, their_values
from mappings.engine.paths import NAME
from mappings.engine.schemas import Names, Schema, opened, plain
from mappings.engine.tables import UNFINISHED

_TO_COME = re.compile(r"(^|_)due_at$|answer_by")  # a promise lies ahead of the message that makes it
_CONSTANT = ("true", "false", "null")


class Inbound:
    """Their document, or an element of one of its lists → ours: a line for each field that is required, or that was found."""

    def __init__(
        self, kind: str, schema: Schema, sample: Any, names: Names, depth: int, nodes: list[Schema], days: Days
    ) -> None:
        self._kind, self._schema, self._days = kind, schema, days
        self._theirs = [t for t in their_values(sample) if _writable(t.names)]
        self._lists = [] if names else [one for one in their_lists(sample) if _writable(one[0])]
        self.sheet = Lines()
        self._object(nodes, names, depth, True)

    def _object(self, nodes: list[Schema], names: Names, depth: int, needed: bool) -> None:
        objects = [one for node in nodes for one in plain(self._schema, node) if "properties" in one]
        for name in dict.fromkeys(n for node in objects for n in node["properties"]):
            inner = [
                one
                for node in objects
                if name in node["properties"]
                for one in plain(self._schema, node["properties"][name])
            ]
            must = needed and all(name in node.get("required", ()) for node in objects)
            self._field(name, (*names, name), inner, depth, must)

    def _field(self, name: str, names: Names, nodes: list[Schema], depth: int, must: bool) -> None:
        if names == ("type",):
            self.sheet.put(depth, name, f'= "{self._kind}"')
        elif any("items" in node for node in nodes):
            self._list(name, names, nodes, depth, must)
        elif any("properties" in node for node in nodes):
            if must or self._worth(nodes, names):
                self.sheet.put(depth, name)
                self.sheet.put(depth + 1, "fields")
                self._object(nodes, names, depth + 2, True)
        elif not any("additionalProperties" in node for node in nodes):
            self._value(name, Ours(names, tuple(n for n in nodes if n.get("type") != "null"), must), depth)

    def _worth(self, nodes: list[Schema], names: Names) -> bool:
        """Is anything that must be in this optional part found? Else it is left out whole."""
        inner = [ours for ours in our_values(self._schema, nodes, names) if ours.needed and ours.pick is None]
        return bool(inner) and all(best(self._theirs, [ours]) is not None for ours in inner)

    def _value(self, name: str, ours: Ours, depth: int) -> None:
        guess = best(self._theirs, [ours])
        if not ours.needed and (guess is None or guess.score < LIKELY or guess.theirs.names in self.sheet.read):
            return
        if guess is None and ours.names == ("id",):
            self.sheet.read.add((ITEM,))
            self.sheet.put(
                depth, name, ITEM, "tên ta đặt, do hook đặt bên cạnh · our name for it, laid beside by the hook"
            )
            return
        if guess is None:
            allowed = f"; một trong · one of: {', '.join(map(code, ours.codes))}" if ours.codes else ""
            self.sheet.put(depth, name, UNFINISHED, f"bắt buộc, không đoán được · required, not guessed{allowed}")
            return
        self.sheet.read.add(guess.theirs.names)
        path = ".".join(guess.theirs.names)
        steps, why = self._steps(ours, guess.theirs.value)
        if steps is None:
            self.sheet.put(depth, name, UNFINISHED, f"có lẽ từ · perhaps from {path}{why}")
            return
        optional = [] if ours.needed else ["optional"]
        rule = " | ".join([path, *steps, *optional])
        is_day = ours.is_moment and shapes.is_day(shapes.time_of(guess.theirs.value))
        self.sheet.put(depth, name, rule, f"{guess.unsure if is_day else guess.words}{why}")

    def _steps(self, ours: Ours, value: Any) -> tuple[Steps, str]:
        if ours.is_moment:
            return self._moment(ours, shapes.time_of(value))
        if ours.kind == "boolean":
            return ([] if isinstance(value, bool) else None), "; có/không viết thế nào? · how do they write yes and no?"
        numbered = ["number"] if ours.kind == "integer" else []
        if ours.codes:
            table = self.sheet.table("_".join(ours.names[-2:]), [(value, UNFINISHED)])
            known = ", ".join(map(code, ours.codes))
            return [table, *numbered], f"; điền codes.csv · fill codes.csv with: {known}"
        if numbered:
            return (numbered if isinstance(value, str) else []), ""
        cast = ["text"] if isinstance(value, int) and not isinstance(value, bool) else []
        return cast + ([f"form({ours.form})"] if ours.form else []), ""

    def _moment(self, ours: Ours, time: str | None) -> tuple[Steps, str]:
        if time is None:
            return None, "; dạng thời gian? · in which form of time?"
        if time == shapes.MILLISECONDS:
            return ["from_epoch_ms"], ""
        if time == shapes.INSTANT:
            return ["from_time(rfc3339)"], ""
        asked = self._days.question(time)
        if not shapes.is_day(time):
            return [f'from_time("{time}")'], asked
        if _TO_COME.search(ours.names[-1]):
            words = "; ngày không có giờ: tính hết ngày, đúng không? · a day without an hour: the whole of it counts, does it?"
            return [f'from_date("{time}", end_of_day)'], words + asked
        self.sheet.read.add((NOW,))
        words = (
            "; ngày không có giờ, 00:00 sẽ thành tin đến muộn: lấy lúc ta nhận, hoặc cuối ngày nếu ngày đã qua"
            " · a day without an hour, at 00:00 it would come late: when we heard, or the day's end once it is over"
        )
        return [f'from_date("{time}", {NOW})'], words + asked

    def _list(self, name: str, names: Names, nodes: list[Schema], depth: int, must: bool) -> None:
        items = [one for node in nodes for one in opened(self._schema, node)]
        fields = list(our_values(self._schema, items, names))
        lists = [(one, [e for e in values if isinstance(e, dict)]) for one, values in self._lists]
        found = max(lists, key=lambda one: fit(one[0], one[1], names, fields), default=None)
        elements = found[1] if found is not None and fit(*found, names, fields) >= LEAST else []
        if found is None or not elements or not any("properties" in item for item in items):
            if must:
                self.sheet.put(
                    depth, name, UNFINISHED, "bắt buộc, không đoán được danh sách · required, which list is not guessed"
                )
            return
        self.sheet.put(depth, name)
        self.sheet.put(
            depth + 1, "each", ".".join(found[0]), "danh sách đoán theo tên · the list is guessed by its name"
        )
        self.sheet.put(depth + 1, "fields")
        first = {k: v for e in elements for k, v in e.items()}
        inner = Inbound(self._kind, self._schema, first, names, depth + 2, items, self._days).sheet
        self.sheet.lines += inner.lines or [f"{'  ' * (depth + 2)}id: {UNFINISHED}"]
        self.sheet.tables |= inner.tables
        self.sheet.read |= {read if read in ((ITEM,), (NOW,)) else (*found[0], *read) for read in inner.read}


def _writable(names: Names) -> bool:
    """Can the map's language write this path?"""
    return all(re.fullmatch(NAME, name) for name in names) and not names[0][0].isdigit() and names[0] not in _CONSTANT
