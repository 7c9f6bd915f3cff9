"""The lines of a drafted map as they are put down, with the tables and drops they need."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from mappings.engine import shapes
from mappings.engine.schemas import Names
from mappings.engine.tables import UNFINISHED

SAMPLE = "the-sample-it-was-drafted-from"
EMPTY = "a-message-with-nothing-in-it-is-refused"
ITEM, NOW = "_item", "_now"
"""What a hook, or a feed, lays beside a document of theirs: our name for it, and when it came."""

Steps = list[str] | None
"""What makes of one value the other; None when that cannot be told."""


class Lines:
    """`read`: the places of the source that have found their line. `off_at`: the depth at which what is put down is commented out, if it is."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tables: dict[str, list[tuple[str, str]]] = {}
        self.read: set[Names] = set()
        self.off_at: int | None = None

    def put(self, depth: int, name: str, rule: str | None = None, why: str = "") -> None:
        tail = f" {scalar(rule)}" if rule is not None else ""
        margin = "  " * depth
        if self.off_at is not None:
            margin = f"{'  ' * self.off_at}# {'  ' * (depth - self.off_at)}"
        self.lines.append(f"{margin}{key(name)}:{tail}" + (f"   # {why}" if why else ""))

    def table(self, name: str, rows: list[tuple[Any, str]]) -> str:
        """A step through a code table that only a person can fill: of each row one side is known."""
        if self.off_at is not None:
            return f"code({name})"
        self.tables[name] = list(
            dict.fromkeys(
                [*self.tables.get(name, []), *((code(ours).strip() or UNFINISHED, theirs) for ours, theirs in rows)]
            )
        )
        return f"code({name})"

    def text(self, head: list[str], asked: Mapping[str, str], dropped: Mapping[str, str] = {}) -> str:
        """`dropped`: what is left out and why; `asked`: what is left out, and a person must say why."""
        drops = [f"  {key(path)}: {UNFINISHED}   # {why}" for path, why in asked.items()]
        drops += [f"  {key(path)}: {scalar(why)}" for path, why in dropped.items()]
        drops = ["dropped:", *drops] if drops else []
        return "\n".join([*head, "fields:", *self.lines, *drops]) + "\n"

    def codes_file(self) -> dict[str, str]:
        if not self.tables:
            return {}
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(("table", "from", "to"))
        writer.writerows((name, *row) for name, rows in self.tables.items() for row in rows)
        return {"codes.csv": out.getvalue()}


class Days:
    """What a whole sample tells of its dates: one 25/01 settles that the day comes first in all of them."""

    def __init__(self, sample: Any) -> None:
        dates = [value for value in plain_values(sample) if (shapes.time_of(value) or "").startswith("dd")]
        self._settled = any(int(value[:2]) > 12 for value in dates)

    def question(self, time: str | None) -> str:
        """Where a sample cannot tell 05/01 from 01/05."""
        if self._settled or time is None or not time.startswith("dd"):
            return ""
        return "; ngày trước hay tháng trước? · the day or the month first?"


def plain_values(sample: Any) -> Iterator[Any]:
    """Every value of a document, through objects and lists."""
    if isinstance(sample, dict | list):
        for one in sample.values() if isinstance(sample, dict) else sample:
            yield from plain_values(one)
    else:
        yield sample


def code(value: Any) -> str:
    """As codes.csv writes it."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def scalar(text: str) -> str:
    """A rule as YAML holds it."""
    if re.fullmatch(r"[\w=./?][^:#\n]*", text) and not text.startswith("? "):
        return text
    return "'" + text.replace("'", "''") + "'"


def key(name: str) -> str:
    """A field's name as YAML holds it."""
    if re.fullmatch(r"[A-Za-z_][\w.-]*", name):
        return name
    return '"' + "".join(c if c.isprintable() and c not in '"\\' else f"\\U{ord(c):08x}" for c in name) + '"'


def as_json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"
