"""A mapping: one folder with map.yaml and codes.csv, compiled once."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from gateway.errors import Fault, Refused
from gateway.ports import Codes, Line
from mappings.engine.conditions import read_condition
from mappings.engine.rules import Rule, read_rule
from mappings.engine.sheet import read_sheet
from mappings.engine.steps import Materials
from mappings.engine.tables import check_extent, read_tables
from mappings.engine.targets import Place, Report, read_fields
from mappings.engine.times import read_instant
from mappings.engine.wrong import Wrong, unfit

SHEET = "map.yaml"
_KNOWN = ("about", "source", "target", "only_when", "in_force_at", "tables", "fields", "dropped")


class YamlMapping:
    """One mapping folder, checked and compiled. A `Translation`. Its name is the folder's.

    `source` says what it reads: `view`, `view(StatusChanged)` or a schema file; `target`, if it makes canonical messages: `canonical`.
    """

    def __init__(self, folder: Path, codes: Codes) -> None:
        self.folder = folder
        self.name = folder.name
        sheet = read_sheet(folder / SHEET)
        entries = sheet.entries(known=_KNOWN, needed=("about", "source", "fields"))
        self.about = entries["about"].text()
        self.source = entries["source"].text()
        self.target = entries["target"].text() if "target" in entries else ""
        if self.target not in ("", "canonical"):
            raise entries["target"].wrong(
                "`target` can only be `canonical`: leave the line out for a partner's document"
            )
        self.dropped = (
            {path: reason.text() for path, reason in entries["dropped"].entries().items()}
            if "dropped" in entries
            else {}
        )
        self.tables = read_tables(folder / "codes.csv")
        if "tables" in entries:
            check_extent(self.tables, entries["tables"])
        self.only_when = (
            read_condition(entries["only_when"].text(), entries["only_when"]) if "only_when" in entries else None
        )
        self.in_force = (
            read_rule(entries["in_force_at"], Materials({}, codes, None)) if "in_force_at" in entries else None
        )
        materials = Materials(self.tables, codes, _moment(self.in_force))
        self.fields = read_fields(entries["fields"], materials)
        self.lists: Sequence[str] = tuple(sorted(materials.lists))
        self.version = self._version()

    def translate(self, document: Any) -> Any:
        """The target document; None when `only_when` does not hold. Raises `Refused` with every fault."""
        _need_object(document)
        try:
            if self.only_when is not None and not self.only_when.holds(document, document):
                return None
            return self.fields.run(document, document)
        except Wrong:
            raise Refused(self._trace(document).faults) from None

    def explain(self, document: Any) -> Sequence[Line]:
        """Every outgoing field with its source; a single line with the value None when `only_when` does not hold. Raises `Refused`."""
        _need_object(document)
        report = self._trace(document)
        if report.faults:
            raise Refused(report.faults)
        return report.lines

    def _trace(self, document: Any) -> Report:
        report = Report()
        if self.only_when is not None:
            pointer = self.only_when.pointer(document, document, "")
            try:
                holds = self.only_when.holds(document, document)
            except Wrong as wrong:
                report.fault(wrong, pointer, "")
                return report
            if not holds:
                report.lines.append(Line("", pointer, f"only when {self.only_when.text}", None))
                return report
        self.fields.trace(document, document, Place(), report)
        return report

    def _version(self) -> str:
        content = hashlib.sha256()
        for name in (SHEET, "codes.csv"):
            file = self.folder / name
            content.update(file.read_bytes() if file.exists() else b"")
            content.update(b"\0")
        return content.hexdigest()[:12]


def _moment(rule: Rule | None) -> Callable[[Any], datetime] | None:
    """Reads the moment whose rows of the code lists count."""
    if rule is None:
        return None

    def moment(root: Any) -> datetime:
        try:
            return read_instant(rule.run(root, root))
        except Wrong as wrong:
            raise Wrong(
                "moment-unknown",
                f"không tra được danh mục vì không rõ thời điểm áp dụng: {wrong.detail}",
                f"no look-up without the moment whose rows count: {wrong.detail_en}",
            ) from wrong

    return moment


def _need_object(document: Any) -> None:
    if not isinstance(document, dict):
        wrong = unfit("not-an-object", "một đối tượng JSON", "a JSON object", document)
        raise Refused([Fault("", wrong.code, wrong.detail, wrong.detail_en)])
