"""The lines of a drafted map as they are put down, with the tables and drops they need."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from typing import Any

from mappings.engine.schemas import Names
from mappings.engine.tables import UNFINISHED

SAMPLE = "the-sample-it-was-drafted-from"

Steps = list[str] | None
"""What makes of one value the other; None when that cannot be told."""


class Lines:
    """`read`: the places of the source that have found their line."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.tables: dict[str, list[tuple[str, str]]] = {}
        self.read: set[Names] = set()

    def put(self, depth: int, name: str, rule: str | None = None, why: str = "") -> None:
        tail = f" {scalar(rule)}" if rule is not None else ""
        self.lines.append(f"{'  ' * depth}{key(name)}:{tail}" + (f"   # {why}" if why else ""))

    def table(self, name: str, rows: list[tuple[Any, str]]) -> str:
        """A step through a code table that only a person can fill: of each row one side is known."""
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


def day_first(time: str | None, value: Any) -> str:
    """A question, where a sample cannot tell 05/01 from 01/05."""
    if time is None or not time.startswith(("dd", "MM")) or not isinstance(value, str) or int(value[:2]) > 12:
        return ""
    return "; ngày trước hay tháng trước? · the day or the month first?"


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
