"""The national index of service (QĐ 766/QĐ-TTg) as rules: what a dossier as it stands would lose, before it leaves for the portal.

The rules are data (`config/kpi.toml`). Nothing here changes a dossier: what is missing is named, never made up.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field

from gateway.config import Section, parse, read_toml
from gateway.dossiers.deadlines import Judgement
from gateway.dossiers.facts import Facts, View, When, read_facts
from gateway.dossiers.view import Link, build_view
from gateway.errors import Misconfigured
from gateway.ledger.tables import RETOLD
from gateway.message import Message
from gateway.ports import Codes


class IndexGroup(Section):
    """A group of indicators and its most points."""

    id: str
    name: str
    name_en: str
    points: float = Field(gt=0)
    source: str


class Indicator(Section):
    """One indicator. `points`: its own most points, where a source tells them; its group's are shown otherwise."""

    id: str
    group: str
    name: str
    name_en: str
    points: float | None = Field(default=None, gt=0)


class Rule(Section):
    """A way to lose points. `field` is a pointer into the view, `wire` the portal's field; `mend`: a sender can still mend it."""

    id: str = Field(pattern=r"^[a-z][a-z0-9-]{2,40}$")
    indicator: str
    field: str = Field(pattern=r"^/")
    wire: str
    when: When
    mend: bool
    detail: str
    detail_en: str


class Index(Section):
    """`partners`: whose deliveries are counted, the portal."""

    source: str = ""
    partners: list[str] = Field(default_factory=list)
    group: list[IndexGroup] = Field(default_factory=list)
    indicator: list[Indicator] = Field(default_factory=list)
    rule: list[Rule] = Field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Loss:
    """One rule that a dossier breaks. `points` are the most of its indicator (`points_of` "indicator") or of the indicator's group: a
    dossier is one of all that are counted."""

    rule: str
    indicator: str
    name: str
    name_en: str
    points: float
    points_of: str
    field: str
    wire: str
    mend: bool
    detail: str
    detail_en: str

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class Kpi:
    """The index, read once. Raises `Misconfigured` naming rule and place."""

    def __init__(self, file: Path) -> None:
        self.index = parse(Index, read_toml(file), file) if file.exists() else Index()
        groups = _by_id(self.index.group, file)
        indicators = _by_id(self.index.indicator, file)
        _by_id(self.index.rule, file)
        for indicator in indicators.values():
            if indicator.group not in groups:
                raise Misconfigured(f"{file}: indicator {indicator.id!r}: there is no group {indicator.group!r}")
        self._rows: list[tuple[When, Loss]] = []
        for rule in self.index.rule:
            found = indicators.get(rule.indicator)
            if found is None:
                raise Misconfigured(f"{file}: rule {rule.id!r}: there is no indicator {rule.indicator!r}")
            self._rows.append((rule.when, _loss(rule, found, groups[found.group])))

    @property
    def partners(self) -> Sequence[str]:
        return self.index.partners

    def losses(self, facts: Facts, *, mend: bool = False) -> list[Loss]:
        """Every rule broken, in the order of the file; with `mend` only what a sender can still mend."""
        return [loss for when, loss in self._rows if (loss.mend or not mend) and when.holds(facts)]

    def lint(
        self, view: View, codes: Codes, at: datetime, *, mend: bool = False, judged: Judgement | None = None
    ) -> list[Loss]:
        """As `losses`, of a view. A view without a dossier loses nothing. `judged`: how it stands by the index's own clock, where that is known."""
        if view["dossier"] is None:
            return []
        return self.losses(read_facts(view, codes, at, judged), mend=mend)


def view_of(told: Sequence[Message], link: Link = lambda file, message: "") -> dict[str, Any] | None:
    """The view of a dossier as it stands after all its messages; None when none of them moved anything. Without `link` files have none in it."""
    moved = [message for message in told if message.held is None and message.type != RETOLD]
    return build_view(moved[-1], moved[:-1], link) if moved else None


def _by_id(rows: Sequence[Any], file: Path) -> dict[str, Any]:
    found = {row.id: row for row in rows}
    if len(found) != len(rows):
        raise Misconfigured(f"{file}: two rows carry the same id among {', '.join(sorted(row.id for row in rows))}")
    return found


def _loss(rule: Rule, indicator: Indicator, group: IndexGroup) -> Loss:
    own = indicator.points is not None
    return Loss(
        rule=rule.id, indicator=indicator.id, name=indicator.name, name_en=indicator.name_en,
        points=indicator.points if indicator.points is not None else group.points, points_of="indicator" if own else "group",
        field=rule.field, wire=rule.wire, mend=rule.mend, detail=rule.detail, detail_en=rule.detail_en,
    )  # fmt: skip
