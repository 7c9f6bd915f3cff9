"""The generator of published scenarios: its dossiers add up to every figure before one of them is sent; and the figures are read strictly."""

from __future__ import annotations

import re
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest

from bench.cases import Case, apportion, invent
from bench.figures import Scenario, compare, count_of, print_share, read_scenario
from bench.telling import Teller, by_day
from gateway.canonical import any_message
from gateway.canonical.scalars import HANOI
from gateway.codes import CsvCodes
from gateway.config import default_folder
from gateway.dossiers.statistics import Group, Statistics, Tally, count_life, sum_up
from gateway.errors import Misconfigured
from gateway.ledger.lives import Life

SCENARIOS = sorted((Path(__file__).resolve().parents[2] / "bench/scenarios").glob("*.toml"))


def live(case: Case) -> Life:
    """As the ledger would tell it at the end."""
    return Life(
        "",
        case.agency,
        "",
        case.channel,
        case.due,
        case.received,
        case.ended,
        None,
        int(case.supplement),
        case.home,
        case.agency,
    )


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_the_invented_dossiers_add_up_to_every_published_figure(file: Path) -> None:
    scenario = read_scenario(file)
    lives = [live(case) for case in invent(scenario)]

    def ask(first: date, last: date) -> Statistics:
        since, until = (datetime.combine(d, datetime.min.time(), HANOI) for d in (first, last + timedelta(days=1)))
        tallies: dict[str, Tally] = {}
        for one in lives:
            count_life(tallies.setdefault(one.organisation, Tally()), one, since, until, until)
        groups = [Group(name, name, name, tally) for name, tally in tallies.items()]
        return Statistics(first, last, "agency", until, groups, sum_up(tallies.values()))

    assert [figure for figure in compare(scenario, ask) if not figure.same] == []


@pytest.mark.parametrize("file", SCENARIOS, ids=lambda file: file.stem)
def test_a_dossiers_course_is_possible_and_the_same_for_ever(file: Path) -> None:
    scenario = read_scenario(file)
    cases = invent(scenario)

    assert cases == invent(scenario)
    for case in cases:
        assert case.received.weekday() < 5
        assert case.received < case.due
        assert case.ended is None or (case.received < case.ended and case.ended.date() <= scenario.last)
        assert (case.ended is None) == (case.fate in ("open", "overdue"))


def test_every_message_is_canonical_and_lawful_in_its_order() -> None:
    scenario = read_scenario(SCENARIOS[0])
    rows = [row.values for row in CsvCodes(default_folder() / "codelists").in_force("procedures").values()]
    teller = Teller(scenario, rows)
    told = [list(teller.tell(case)) for case in invent(scenario)[:400]]

    assert len({one.body["id"] for life in told for one in life}) == sum(map(len, told))
    for life in told:
        assert [one.at for one in life] == sorted(one.at for one in life)
        for one in life:
            assert any_message.validate_python(one.body).event_time == one.at
    days = list(by_day([one for life in told for one in life]))
    assert sum(len(bodies) for _, bodies in days) == sum(map(len, told))


def test_what_is_apportioned_adds_up() -> None:
    assert apportion(10, {"a": 1, "b": 1, "c": 1}) == {"a": 4, "b": 3, "c": 3}
    assert sum(apportion(41009, {"a": 7, "b": 13, "c": 1}).values()) == 41009


def test_a_share_is_printed_as_its_source_printed_it() -> None:
    assert (print_share(5487, 41009, "13"), print_share(29, 8483, "0.4")) == ("13", "0.3")
    assert count_of("82.97", 8483) == 7038
    with pytest.raises(ValueError, match="no count"):
        count_of("33.333", 10)


def change(tmp_path: Path, old: str, new: str) -> Path:
    text = SCENARIOS[1].read_text(encoding="utf-8")
    assert old in text
    file = tmp_path / "changed.toml"
    file.write_text(text.replace(old, new, 1), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("old", "new"),
    [("received = 41009", "recieved = 41009"), ('"Sở Y tế" = 4\n', ""), ("resolved = 38461", 'resolved = "38461"')],
)
def test_a_wrong_scenario_is_refused(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(Misconfigured):
        read_scenario(change(tmp_path, old, new))


@pytest.mark.parametrize(
    ("old", "new"), [("online = 5487", "online = 90000"), ('"Công an tỉnh" = 650', '"Công an tỉnh" = 1650')]
)
def test_figures_that_cannot_be_are_told(tmp_path: Path, old: str, new: str) -> None:
    scenario: Scenario = read_scenario(change(tmp_path, old, new))

    with pytest.raises(ValueError, match=re.compile("wanted, but only")):
        invent(scenario)
