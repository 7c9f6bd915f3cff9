"""A scenario: the published figures of a province and a time, and what a generator must decide beside them.

`compare` holds statistics against every published figure, each to the last digit that was printed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from gateway.config import parse, read_toml
from gateway.dossiers.statistics import SHARES, Statistics, Tally

Ask = Callable[[date, date], Statistics]
"""The statistics of some days, both included, by agency."""


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Part(Section):
    """A part of the time of which figures were published too."""

    first: date = Field(alias="from")
    last: date = Field(alias="to")
    postal: int
    postal_by_agency: dict[str, int] = {}
    percent: dict[str, str] = {}


class Published(Section):
    """Counts by the names of `Tally`; shares as they were printed, of what `SHARES` says. What is None was not published."""

    received: int
    online: int
    resolved: int | None = None
    in_time: int | None = None
    late: int | None = None
    judged: int | None = None
    postal: int | None = None
    percent: dict[str, str] = {}
    online_by_agency: dict[str, int] = {}
    all_in_time: list[str] = []
    part: Part | None = None


class Invented(Section):
    seed: int
    organisations: str = Field(description="pattern of the agencies' codes")
    province: str
    agencies: dict[str, int] = Field(description="weights")
    part_received: int = 0
    early_percent: int = 50
    supplement_percent: int = 0
    postal_percent: int = 0


class Scenario(Section):
    title: str
    source: str
    first: date = Field(alias="from")
    last: date = Field(alias="to")
    published: Published
    invented: Invented

    @model_validator(mode="after")
    def _known_agencies(self) -> Scenario:
        told = self.published
        named = {*told.online_by_agency, *told.all_in_time, *(told.part.postal_by_agency if told.part else ())}
        if missing := sorted(named - self.invented.agencies.keys()):
            raise ValueError(f"invented.agencies must hold a weight for each agency: {', '.join(missing)}")
        return self

    def codes(self) -> Mapping[str, str]:
        """Agency → its code, in the order of the file."""
        return {
            name: self.invented.organisations.format(number=i) for i, name in enumerate(self.invented.agencies, start=1)
        }


def read_scenario(file: Path) -> Scenario:
    """Raises `Misconfigured`."""
    return parse(Scenario, read_toml(file), file)


@dataclass(frozen=True, slots=True)
class Figure:
    """One published figure beside ours, both as printed."""

    what: str
    published: str
    ours: str

    @property
    def same(self) -> bool:
        return self.published == self.ours


def compare(scenario: Scenario, ask: Ask) -> list[Figure]:
    """Every published figure."""
    told, whole = scenario.published, ask(scenario.first, scenario.last)
    found = [*_counts(told, whole.total), *_shares(told.percent, whole.total)]
    agencies = {group.name: group.tally for group in whole.groups}
    found += [
        Figure(f"online, {name}", str(count), str(_of(agencies, name).online))
        for name, count in told.online_by_agency.items()
    ]
    found += [Figure(f"late, {name}", "0", str(_of(agencies, name).late)) for name in told.all_in_time]
    if told.part:
        found += _part(told.part, ask(told.part.first, told.part.last))
    return found


def _counts(told: Published, total: Tally) -> Iterator[Figure]:
    for name in ("received", "resolved", "in_time", "late", "judged", "online", "postal"):
        count = getattr(told, name)
        if count is not None:
            yield Figure(name, str(count), str(getattr(total, name)))


def _shares(told: Mapping[str, str], total: Tally, where: str = "") -> Iterator[Figure]:
    for name, printed in told.items():
        part, whole = SHARES[name]
        yield Figure(f"{name} %{where}", printed, print_share(part(total), whole(total), printed))


def _part(told: Part, here: Statistics) -> Iterator[Figure]:
    where = f", {told.first} … {told.last}"
    agencies = {group.name: group.tally for group in here.groups}
    yield Figure(f"postal{where}", str(told.postal), str(here.total.postal))
    yield from _shares(told.percent, here.total, where)
    for name, count in told.postal_by_agency.items():
        yield Figure(f"postal, {name}{where}", str(count), str(_of(agencies, name).postal))


def _of(agencies: Mapping[str, Tally], name: str) -> Tally:
    return agencies.get(name, Tally())


def print_share(part: int, whole: int, like: str) -> str:
    """The share in percent with as many places as `like` has."""
    if whole == 0:
        return "–"
    places = Decimal(1).scaleb(-len(like.partition(".")[2]))
    return str((Decimal(100 * part) / Decimal(whole)).quantize(places, ROUND_HALF_UP))


def count_of(share: str, whole: int) -> int:
    """The count whose share of `whole` is printed so. Raises ValueError when there is none."""
    count = int((Decimal(share) * whole / 100).to_integral_value(ROUND_HALF_UP))
    if print_share(count, whole, share) != share:
        raise ValueError(f"no count of {whole} is {share} %")
    return count


def show(figures: list[Figure]) -> list[dict[str, Any]]:
    return [{"what": one.what, "published": one.published, "ours": one.ours, "same": one.same} for one in figures]
