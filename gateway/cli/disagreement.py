"""The demo's last act: somebody changes the portal's book by hand. The gateway finds it, shows who believes what, and heals it, no row doubled."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.stage import Caller, Twin
from gateway.dossiers.differences import KINDS
from gateway.ledger import Ledger, reconciling

EARLIER = "4"  # what the portal's book says after the change: where the dossier stood before its result


class Disagreement:
    """`plant`, then ask `found` and `healed` until each is true. `wrong` tells what did not go as it must; `show` the two moments."""

    def __init__(self, ledger: Ledger, portal: Twin, one_stop: Caller, code: str) -> None:
        self.ledger, self.portal, self.one_stop, self.code = ledger, portal, one_stop, code
        self.finding = ""
        self.messages = 0  # that healed it
        self._before: Any = None  # the portal's own row of the dossier
        self._then: Sequence[Any] = ()  # who believed what when it was found
        self._now: Sequence[Any] = ()
        self.ended_well = False

    def plant(self) -> None:
        """The portal's status goes back a step, and the newest progress row is gone: as after an old copy was put back."""
        self._before = self._there()
        last = len(self._before["progress"]) - 1
        self.portal.act(plant={"MaHoSo": self.code, "TrangThaiHoSo": EARLIER})
        self.portal.act(plant={"MaHoSo": self.code, "drop": last})

    def found(self) -> bool:
        """Has the gateway seen it? What everyone believes at that moment is kept."""
        if not self._rows():
            return False
        self._then = self._beliefs()
        return True

    def healed(self) -> bool:
        """Is the difference healed, and has the portal said so itself?"""
        rows = self._rows()
        self.messages = max((len(json.loads(row.plan)) for row in rows), default=0)
        self._now = self._beliefs()
        return bool(rows) and all(row.state == "healed" for row in rows)

    def wrong(self) -> list[str]:
        """Sentences; empty when it went as it must: one difference, and the portal's row as it was before, nothing in it twice."""
        rows, there = self._rows(every=True), self._there()
        said = []
        if [(row.dossier, row.state) for row in rows] != [(self.code, "healed")]:
            said.append(f"chênh lệch · differences: {[(row.dossier, row.kind, row.state) for row in rows]}")
        for name in ("progress", "statuses"):
            if there[name] != self._before[name]:
                said.append(
                    f"{self.code}: {name} của Cổng không như trước · the portal's is not as it was: {there[name]}"
                )
        if there["fields"]["TrangThaiHoSo"] != self._before["fields"]["TrangThaiHoSo"]:
            said.append(f"{self.code}: Cổng ghi · the portal says {there['fields']['TrangThaiHoSo']}")
        self.ended_well = not said
        return said

    def show(self, console: Console, words: Mapping[int, str]) -> None:
        """Who believed what when it was found, and who believes what now, side by side."""
        made = Table(box=box.SIMPLE_HEAD, pad_edge=False, title=f"Chỗ lệch ở {self.code}: {self.finding}", title_justify="left",
                     title_style="bold")  # fmt: skip
        for name in ("Hệ thống", "Lúc thấy lệch · when found", "Sau khi chữa · when healed", "Căn cứ · how sure"):
            made.add_column(name, overflow="fold")
        now = {one["system"]: one for one in self._now}
        for then in self._then:
            after = now.get(then["system"], then)
            made.add_row(
                then["name"], _believed(then, words), _believed(after, words), f"{after['sure']} · {after['sure_en']}"
            )
        console.print(made)
        if self.ended_well:
            well = "Chỗ sửa tay đã được thấy và chữa, không dòng nào bị nhân đôi · the change by hand was found and healed, no row doubled"
            console.print(Text.assemble(("✓ ", "bold green"), well))

    def _rows(self, *, every: bool = False) -> Sequence[Any]:
        """The portal's differences: of this dossier, or of every one."""
        with self.ledger.read() as connection:
            rows = reconciling.listed(connection, system="portal", ended=True)
        found = [row for row in rows if every or row.dossier == self.code]
        if found and not self.finding:
            self.finding = " · ".join(KINDS[found[0].kind])
        return found

    def _there(self) -> Any:
        return self.portal.book()["dossiers"][self.code]

    def _beliefs(self) -> Sequence[Any]:
        beliefs: list[Any] = self.one_stop.get(f"/api/v1/dossiers/{self.code}")["beliefs"]
        return beliefs


def _believed(side: Mapping[str, Any], words: Mapping[int, str]) -> Text:
    status = side["status"]
    said = f"{status} {words[status]}" if status else side["theirs"] or "–"
    return Text(said, style="green") if side["agrees"] else Text(f"{said} ⚠", style="bold yellow")
