"""Reconciliation against the twins of agencies, by the clock: what is lost there is found within a quarter of an hour, and told again once."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from gateway.flow.gateway import Gateway
from gateway.flow.reconcile import Asked, Reconciler
from gateway.ledger.conservation import conserve
from gateway.ledger.tables import RETOLD, asked, differences, lanes, messages, paces
from gateway.simulation import Chaos, Serve
from tests import civil, department, generic, trunks
from tests.conftest import Time
from tests.door import make_home
from tests.house import House, dossier, status

QUARTER = 15  # minutes within which a difference is found
CODE = "000.00.01.H99-260105-0001"
DOCUMENT = f"000.00.01.H99,2026/01/05,{CODE}/MCDT"
CONNECTORS = {**civil.PARTNERS, **trunks.PARTNERS, **generic.PARTNERS, "so-vi-du": "soap"}
PROCEDURES = {"hotich": "2.000986", "lltp": "2.000488"}
COUNTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    **civil.COUNTS,
    **trunks.COUNTS,
    **generic.COUNTS,
    "so-vi-du": lambda book: book["keys"],
}
AGENCIES = ("hotich", "lltp", "opencps", "so-vi-du", "so-y-te", "trunk")


class Agency:
    """A gateway and one agency at its twin; every other partner is a notebook. Dossier 1 was received, and the agency has it."""

    def __init__(self, name: str, house: House, server: Serve, time: Time) -> None:
        self.name, self.house, self.server, self.time = name, house, server, time
        self.reconciler = Reconciler(house.gateway, name)

    def receive(self) -> None:
        facts = civil.linked_dossier(1)["facts"]
        procedure = dossier(1)["procedure"]
        if self.name in PROCEDURES:
            procedure = {**procedure, "code": PROCEDURES[self.name]}
        self.house.accept("one-stop", dossier(1, status=1, procedure=procedure, facts=facts))
        self.say(2, 30)

    def say(self, code: int, minute: int, source: str = "one-stop") -> None:
        self.house.accept(source, status(1, code, minute))
        self.house.work()

    def lose(self) -> None:
        """The agency's system forgets the dossier."""
        twin = self.server.twin
        names = {"trunk": [DOCUMENT], **dict.fromkeys(("so-vi-du", "so-y-te"), twin.book().get("keys", []))}
        for name in names.get(self.name, [CODE]):
            twin.act({"forget": name})

    def pass_minutes(self, minutes: int) -> None:
        """The clock's work for so long, and the couriers'."""
        for _ in range(minutes * 2):
            self.time.move(minutes=0.5)
            self.reconciler.step()
            self.house.work(self.name)

    def held_there(self) -> list[str]:
        """Of the dossier, each thing that was taken."""
        return COUNTS[self.name](self.server.twin.book())

    def rows(self, table: Any) -> list[Any]:
        with self.house.gateway.ledger.read() as connection:
            return list(connection.execute(select(table).order_by(*table.primary_key)))

    def is_sound(self) -> bool:
        with self.house.gateway.ledger.read() as connection:
            return conserve(connection) == []


def add_agency(home: Path, name: str) -> dict[str, Any]:
    """The partner's file, as its README has it, and its routes; healed by itself. Returns what its twin is told."""
    told: dict[str, Any] = {}
    civil.add_partners(home, name)
    trunks.add_partner(home, name)
    if name == "so-vi-du":
        department.add_department(home)
        told = department.twin_settings()
    if name in generic.PARTNERS:
        told = generic.partner_file(generic.add_partner(home, generic.PARTNERS[name]))
    file = home / "config/partners" / f"{name}.toml"
    rules = '[reconcile]\nmode = "heal"\n\n[settings'
    file.write_text(re.sub(r"^\[settings", rules, file.read_text("utf-8"), count=1, flags=re.M), encoding="utf-8")
    return told


@pytest.fixture
def make_agency(
    tmp_path: Path, ledger_url: str, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[str], Agency]]:
    opened: list[tuple[Gateway, Serve]] = []

    def make(name: str) -> Agency:
        secrets = civil.SECRETS | trunks.SECRETS | generic.SECRETS
        for variable, value in (secrets | {"LIENTHONG_LEDGER": ledger_url}).items():
            monkeypatch.setenv(variable, value)
        home = make_home(tmp_path)
        told = add_agency(home, name)
        for variable, value in department.addresses("http://127.0.0.1:9").items():
            monkeypatch.setenv(variable, value)
        gateway = Gateway(home, now=time)
        connector = gateway.kinds[CONNECTORS[name]]
        assert connector.simulator is not None
        server = Serve(connector.simulator(told))
        url = server.start()
        places = civil.addresses(civil.PARTNERS[name], url) if name in civil.PARTNERS else {}
        places |= trunks.addresses(name, url) | generic.addresses(name, url) | department.addresses(url)
        for variable, value in places.items():
            monkeypatch.setenv(variable, value)
        house = House(gateway)
        del gateway._outbounds[name]  # the real one, towards the twin
        opened.append((gateway, server))
        return Agency(name, house, server, time)

    yield make
    for gateway, server in opened:
        gateway.close()
        server.stop()


@pytest.mark.parametrize("name", AGENCIES)
def test_a_dossier_lost_at_an_agency_is_found_within_a_quarter_of_an_hour_and_told_again_once(
    make_agency: Callable[[str], Agency], name: str
) -> None:
    agency = make_agency(name)
    agency.receive()
    agency.pass_minutes(20)
    there = agency.held_there()
    assert there
    assert [one.finding for one in agency.rows(asked)] == ["agrees"]
    agency.lose()
    assert agency.held_there() == []

    agency.pass_minutes(QUARTER)

    (found,) = agency.rows(differences)
    assert (found.dossier, found.state in ("healing", "healed")) == (CODE, True)
    agency.pass_minutes(15)
    (found,) = agency.rows(differences)
    assert (found.state, found.rounds) == ("healed", 0)
    assert sorted(agency.held_there()) == sorted(there)  # each thing once, and under the key that it had
    assert sum(one.type == RETOLD for one in agency.rows(messages)) == len(there)
    assert [one.finding for one in agency.rows(asked)] == ["agrees"]
    assert agency.is_sound()


def test_an_agency_that_is_away_is_asked_later_and_nothing_of_it_is_a_difference(
    make_agency: Callable[[str], Agency],
) -> None:
    agency = make_agency("opencps")
    agency.receive()
    agency.server.chaos = Chaos(error_500=1.0)

    agency.pass_minutes(30)
    assert (agency.rows(asked), agency.rows(differences)) == ([], [])
    agency.server.chaos = Chaos()
    agency.pass_minutes(QUARTER)

    assert [one.finding for one in agency.rows(asked)] == ["agrees"]


def test_an_agency_is_held_to_what_it_was_told_and_not_to_what_was_not_for_it(
    make_agency: Callable[[str], Agency],
) -> None:
    """The one-stop works on it and returns the result; the register gets the reception alone, and goes its own way."""
    agency = make_agency("hotich")
    agency.receive()
    for code, minute in ((4, 60), (9, 90), (10, 120)):
        agency.say(code, minute)

    agency.pass_minutes(QUARTER)

    (answer,) = agency.rows(asked)
    assert (answer.finding, answer.theirs, answer.status) == ("agrees", "1", 2)
    assert agency.rows(differences) == []


def test_a_dossier_that_has_ended_is_not_worked_on_again_without_a_person(make_agency: Callable[[str], Agency]) -> None:
    agency = make_agency("hotich")
    agency.receive()
    for code, minute in ((4, 60), (9, 90), (10, 120)):
        agency.say(code, minute)
    agency.lose()

    agency.pass_minutes(30)

    (found,) = agency.rows(differences)
    assert (found.kind, found.state) == ("missing-there", "proposed")
    assert agency.held_there() == []


def test_what_an_agency_moved_on_is_news_under_way_and_no_difference(make_agency: Callable[[str], Agency]) -> None:
    agency = make_agency("opencps")
    agency.receive()
    agency.server.twin.act({"move": {"code": CODE, "to": "done"}})

    agency.pass_minutes(QUARTER)

    (answer,) = agency.rows(asked)
    assert (answer.finding, answer.theirs, answer.status) == ("agrees", "done", 9)
    assert agency.rows(differences) == []
    agency.say(4, 60, "opencps")
    agency.say(9, 90, "opencps")
    agency.server.twin.act({"move": {"code": CODE, "to": "receiving"}})
    agency.pass_minutes(QUARTER)
    (found,) = agency.rows(differences)
    assert (found.kind, found.theirs, found.state) == ("behind", "receiving", "person")


def test_a_withdrawal_that_an_agency_forgot_is_told_it_again_though_the_dossier_has_ended(
    make_agency: Callable[[str], Agency],
) -> None:
    agency = make_agency("opencps")
    agency.receive()
    agency.say(7, 60)
    agency.pass_minutes(20)
    assert [one.finding for one in agency.rows(asked)] == ["agrees"]
    agency.server.twin.act({"move": {"code": CODE, "to": "processing"}})

    agency.reconciler.begin_night(agency.time().replace(hour=0))  # it has ended, and is asked about at night
    agency.pass_minutes(QUARTER)

    (found,) = agency.rows(differences)
    assert (found.kind, found.state) == ("behind", "healed")
    assert agency.server.twin.book()["dossiers"][CODE]["dossierStatus"] == "cancelling"
    assert agency.server.twin.book()["effects"].count(f"cancelling {CODE}") == 2
    assert agency.is_sound()


def test_a_dry_run_says_what_would_be_told_again(make_agency: Callable[[str], Agency]) -> None:
    agency = make_agency("lltp")
    agency.receive()
    agency.lose()
    agency.time.move(minutes=5)

    (found,) = Reconciler(agency.house.gateway, "lltp", dry=True).ask_all()

    assert isinstance(found, Asked)
    assert (found.finding.kind, [one.documents for one in found.finding.plan]) == ("missing-there", [("lltp",)])
    assert agency.rows(differences) == []


def test_what_was_not_for_an_agency_costs_it_no_question(make_agency: Callable[[str], Agency]) -> None:
    """Refused at the one-stop: its lane was settled, and nothing went out."""
    agency = make_agency("opencps")
    agency.house.accept("one-stop", dossier(1, status=1))
    agency.say(3, 10)
    (lane,) = [one for one in agency.rows(lanes) if one.destination == "opencps"]
    assert (lane.open, lane.delivered > 0) == (0, True)

    agency.pass_minutes(30)

    assert agency.rows(asked) == []
    assert [one.destination for one in agency.rows(paces) if "asked" in one.destination] == []
