"""A portal that is away for a day: dossiers that ended in time are late on the wire, with the outage's attempts as proof; a slow desk stays a slow
desk. On both engines, on a simulated clock."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import pytest

from gateway.canonical.scalars import HANOI
from gateway.config import Route
from gateway.dossiers.delays import Delay
from gateway.dossiers.differences import Retelling
from gateway.dossiers.ways import Owner
from gateway.errors import TryLater
from gateway.flow.delays import Risk, explain, forecast
from gateway.flow.lateness import Lateness, gather_lateness
from gateway.flow.retell import write_retellings
from gateway.ledger import reconciling
from gateway.ledger.messages import histories, lock_dossier
from gateway.ledger.queries import Reader
from tests.conftest import Time
from tests.house import House, Notebook, dossier, status

PORTAL = Owner("to", "portal")
DESK = Owner("desk", "000.00.01.H99")


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """January 2026, Vietnam's time; the 5th is a Monday."""
    return datetime(2026, 1, day, hour, minute, tzinfo=HANOI).astimezone(UTC)


class Days:
    """A house whose partners work minute by minute, and a portal that can be away."""

    def __init__(self, house: House, time: Time) -> None:
        self.house, self.time = house, time
        self.portal = house.partners["portal"]
        self.away = False
        partners = house.gateway.config.partners
        for name, row in partners.items():  # no pause is longer than a half hour, whatever chance makes of it
            partners[name] = row.model_copy(update={"delivery": {"backoff_most": 900}})

    def until(self, moment: datetime) -> None:
        """Each half hour whatever is due goes out."""
        while self.time.at < moment:
            self.time.at = min(moment, self.time.at + timedelta(minutes=30))
            self.work()

    def work(self) -> None:
        self.portal.script = [TryLater("HTTP 503", code="503") for _ in range(500)] if self.away else []
        self.house.work("portal", "one-stop")

    def receive(self, number: int) -> None:
        deadlines = {"received_at": self.time.at.isoformat(), "due_at": at(7, 17).isoformat()}
        told = dossier(number, event_time=self.time.at.isoformat(), deadlines=deadlines)
        self.house.accept("one-stop", told)
        self.time.move(minutes=1)
        self.move(number, 4)

    def move(self, number: int, code: int) -> None:
        self.house.accept(
            "one-stop", status(number, code, 0, id=f"{number}-{code}", event_time=self.time.at.isoformat())
        )
        self.work()

    def explain(self, number: int) -> Delay:
        gateway = self.house.gateway
        return explain(gateway, gateway.ledger, str(dossier(number)["dossier"]), gateway.now())

    def gather(self, by: str = "owner", first: int = 5, last: int = 9) -> Lateness:
        gateway, days = self.house.gateway, (date(2026, 1, first), date(2026, 1, last))
        return gather_lateness(gateway, gateway.ledger, Reader("", "all"), *days, by, gateway.now())

    def forecast(self) -> list[Risk]:
        return forecast(self.house.gateway, self.time.at)


Make = Callable[[str], House]


@pytest.fixture
def days(house: House, time: Time) -> Days:
    time.at = at(5, 9)
    return Days(house, time)


def outage(days: Days) -> None:
    """Three dossiers, due on Wednesday at 17:00. From that day's noon the portal is away for 24 hours."""
    for number in (1, 2, 3):
        days.receive(number)
    days.until(at(6, 10))
    days.move(3, 9)  # ended and told in time, before anything happened
    days.until(at(7, 12))
    days.away = True
    days.until(at(7, 15))
    days.move(1, 9)  # ended in time, while the portal is away
    days.until(at(8, 10))
    days.move(2, 9)  # its desk was late by itself
    days.until(at(8, 12))
    days.away = False
    days.until(at(8, 14))


def test_a_day_without_the_portal_is_put_down_to_the_wire(days: Days) -> None:
    outage(days)

    wire, desk, well = (days.explain(number) for number in (1, 2, 3))

    assert (wire.ended, wire.due) == (at(7, 15), at(7, 17))
    assert (wire.verdict.place, wire.verdict.at_source, wire.verdict.blamed) == ("wire", False, PORTAL)
    lost = [one for one in wire.stretches if one.owner == PORTAL]
    assert (lost[0].begin, wire.known is not None and wire.known >= at(8, 12)) == (at(7, 15), True)
    assert sum(one.minutes for one in lost) == sum(one.minutes for one in wire.stretches if one.owner != DESK)
    assert 21 * 60 <= sum(one.minutes for one in lost) <= 22 * 60
    tried = [proof for one in lost for proof in one.proofs if proof.what in ("attempt", "away")]
    assert tried
    assert {proof.code for proof in tried if proof.code} == {"503"}

    assert (desk.verdict.late, desk.verdict.place, desk.verdict.at_source) == (True, "desk", True)
    assert desk.verdict.blamed == DESK
    assert (well.verdict.late, well.verdict.place) == (False, None)


def test_a_dossier_that_was_not_tried_itself_has_the_portals_silence_towards_others_as_its_proof(days: Days) -> None:
    """While the breaker is open one lane is the probe, and the others are not sent: they waited for the portal all the same."""
    for number in range(1, 13):
        days.receive(number)
    days.until(at(7, 12))
    days.away = True
    days.move(1, 9)
    days.until(at(7, 13))
    for number in range(2, 13):
        days.move(number, 9)
    days.until(at(8, 12))
    days.away = False
    days.until(at(8, 13))

    found = [days.explain(number) for number in range(2, 13)]
    ended = at(7, 13)
    waited = [one for one in found if min(tries(one), default=days.time.at) - ended > timedelta(hours=1)]

    assert len(waited) > 3, "the probes of the first hour were these dossiers'"
    for one in waited:
        away = {proof for s in one.stretches for proof in s.proofs if proof.what == "away"}
        assert [(p.system, p.code, p.count > 20) for p in away] == [("portal", "503", True)]
    for one in found:
        assert (one.verdict.place, one.verdict.blamed) == ("wire", PORTAL)
        assert [s.owner for s in one.stretches if s.end > ended] == [PORTAL], "no minute of it waited here for nothing"


def tries(delay: Delay) -> list[datetime]:
    """When its own attempts at the end were begun."""
    return [proof.at for s in delay.stretches if s.owner != DESK for proof in s.proofs if proof.what == "attempt"]


def test_the_summary_puts_each_late_dossier_down_once_and_says_whose_minutes_were_lost(days: Days) -> None:
    outage(days)

    found = days.gather()

    assert (found.total.due, found.total.late, found.total.desk, found.total.wire, found.index_only) == (3, 2, 1, 1, 1)
    assert found.wire_percent == 50.0
    lines = {line.key: line for line in found.lines}
    assert (lines["to:portal"].wire, lines["desk:000.00.01.H99"].desk) == (1, 1)
    assert lines["to:portal"].wire_minutes == lines["to:portal"].minutes == 1440  # 21:30 of one, 2:30 of the late one
    assert sum(line.minutes for line in found.lines) == found.total.minutes
    assert sorted(one.code[-1] for one in found.worst) == ["1", "2"]
    for by, wire in (("agency", {"000.00.01.H99": 1}), ("destination", {"portal": 1, "off-wire": 0})):
        assert {line.key: line.wire for line in days.gather(by).lines} == wire
    assert days.gather(first=8).total.due == 0, "it counts on the day on which it was due"


def test_the_forecast_says_which_are_late_today_only_because_of_the_wire_and_by_when_the_portal_must_be_back(
    days: Days,
) -> None:
    for number in (1, 2, 3):
        days.receive(number)
    days.until(at(7, 9))
    days.away = True
    days.move(1, 9)
    days.house.accept("one-stop", status(3, 4, 0, id="3-desk", event_time=days.time.at.isoformat()))
    days.until(at(7, 10))

    risks = {risk.dossier[-1]: risk for risk in days.forecast()}

    assert (risks["1"].why, risks["1"].waits_for, risks["1"].over, risks["1"].due) == (
        "away",
        "portal",
        True,
        at(7, 17),
    )
    probe = days.house.gateway.config.delivery("portal").breaker_most
    assert at(7, 17) - timedelta(seconds=probe + 60) <= risks["1"].needed_by <= at(7, 17) - timedelta(seconds=probe)
    assert (risks["2"].why, risks["2"].waits_for, risks["2"].on_the_wire) == ("desk", "000.00.01.H99", False)
    assert [risks[number].stuck for number in "123"] == ["", "", "portal"], (
        "told today that it has ended, the portal would not know"
    )

    days.away = False
    days.until(at(7, 11))
    assert [(risk.dossier[-1], risk.why) for risk in days.forecast()] == [("2", "desk"), ("3", "desk")]
    days.until(at(7, 18))
    assert days.forecast() == [], "it is late now, and turns late no more"


def test_the_day_before_nothing_turns_late_today(days: Days) -> None:
    days.receive(1)

    assert days.forecast() == []


def test_an_agency_that_was_reached_late_has_only_the_minutes_in_which_it_had_the_dossier(days: Days) -> None:
    config, land = days.house.gateway.config, Notebook()
    config.partners["land"] = config.partners["one-stop"].model_copy(update={"id": "land", "name": "Văn phòng đất đai"})
    config.routes.append(Route.model_validate({"name": "land", "when": {"type": ["DossierSubmitted"]}, "to": ["land"]}))
    days.house.partners["land"] = land
    days.house.gateway._outbounds["land"] = land
    days.receive(1)
    while days.time.at < at(7, 10):
        land.script = [TryLater("connection refused", code="connect") for _ in range(9)]
        days.house.work("land")
        days.time.move(minutes=30)
    land.script = []
    days.house.work("land")
    came = days.time.at
    days.until(at(8, 9))
    told = status(1, 9, 0, id="land-9", event_time=days.time.at.isoformat())
    days.house.accept("land", told)
    days.work()

    found = days.explain(1)

    assert [(one.owner, one.begin) for one in found.stretches[-2:]] == [
        (Owner("to", "land"), at(5, 9) + timedelta(minutes=1)),
        (Owner("desk", "land"), came),
    ]
    assert (found.verdict.place, found.verdict.at_source, found.verdict.blamed) == ("wire", True, Owner("to", "land"))
    assert days.gather("destination").lines[0].key == "land"


def test_what_the_portal_lost_is_on_the_wire_until_it_was_healed(days: Days) -> None:
    """Told in time, and lost there: found and told again the day after."""
    days.receive(1)
    days.until(at(7, 9))
    days.move(1, 9)
    days.until(at(8, 9))
    gateway, code = days.house.gateway, str(dossier(1)["dossier"])
    with gateway.ledger.write() as connection:
        row = lock_dossier(connection, code)
        (nine,) = [one.id for one in histories(connection, [code])[code] if one.body.get("status") == 9]
        plan = [Retelling(nine, None, anew=True)]
        number = reconciling.add_difference(
            connection,
            {"system": "portal", "dossier": code, "kind": "missing-there", "state": "healing", "seen": 2, "rounds": 0, "told": 9, "theirs": None,
             "plan": "[]", "found_at": days.time.at, "again_at": None},
        )  # fmt: skip
        write_retellings(connection, row, "portal", plan, "portal-1", days.time.at, {})
    days.time.move(minutes=5)
    days.work()
    with gateway.ledger.write() as connection:
        reconciling.change_difference(connection, number, state="healed", ended_at=days.time.at)

    found = days.explain(1)

    assert found.stretches[-2].owner == Owner("lost", "portal")
    assert (found.stretches[-2].begin, found.stretches[-2].end) == (at(7, 9), at(8, 9))
    assert (found.known, found.verdict.place, found.verdict.blamed) == (at(8, 9, 5), "wire", Owner("lost", "portal"))
