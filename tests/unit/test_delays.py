"""Whose minutes: each has one owner, whatever order the messages came in; late on a desk is told from late on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.canonical.scalars import HANOI
from gateway.config import Config, default_folder
from gateway.dossiers.calendar import Calendar
from gateway.dossiers.clocks import Event, History, Limit, Terms, reckon
from gateway.dossiers.delays import Delay, Measure, Roles, explain_delay
from gateway.dossiers.ways import Attempt, Away, Journey, Lost, Owner, Way
from gateway.message import Message

CONFIG = Config(default_folder().parent)
CALENDAR = Calendar(CONFIG.folder / "calendar")
ROLES = Roles(frozenset({"portal"}), frozenset({"vnpost"}), frozenset({"one-stop", "land"}))
CODE, AGENCY = "000.00.01.H99-260105-0001", "000.00.01.H99"
DESK, LAND, CITIZEN, HERE = Owner("desk", AGENCY), Owner("desk", "land"), Owner("citizen"), Owner("gateway")
TO_PORTAL, TO_LAND = Owner("to", "portal"), Owner("to", "land")


def at(day_and_time: str) -> datetime:
    """January 2026, Vietnam's time. The 5th is a Monday; offices work 07:00–11:30 and 13:30–17:00."""
    return datetime.strptime(f"2026-01-{day_and_time}", "%Y-%m-%dT%H:%M").replace(tzinfo=HANOI).astimezone(UTC)


def message(
    seq: int, source: str, happened: str, received: str | None = None, held: str | None = None, **body: Any
) -> Message:
    kind = body.pop("type", "StatusChanged")
    came = at(received or happened)
    return Message(seq, f"m{seq}", source, f"s{seq}", kind, CODE, at(happened), came, {"type": kind, **body}, held)


def submitted(source: str = "one-stop", when: str = "05T09:00", status: int = 2) -> Message:
    return message(1, source, when, type="DossierSubmitted", status=status)


def way(seq: int, to: str, made: str, ended: str | None, *calls: tuple[str, str | None], state: str = "") -> Way:
    """`calls`: when each attempt was begun, and its code: None for one that went well."""
    tried = [
        Attempt(100 * seq + n, at(when), at(when), "delivered" if code is None else "try_later", code)
        for n, (when, code) in enumerate(calls)
    ]
    return Way(10 * seq, seq, to, state or ("delivered" if ended else "waiting"), at(made), None if ended is None else at(ended), tried)  # fmt: skip


def explain(
    told: Sequence[Message], ways: Sequence[Way] = (), *, due: str = "07T17:00", now: str = "20T12:00", **more: Any
) -> Delay:
    events = [
        Event(m.body["status"], m.event_time)
        for m in told
        if m.held is None and m.type in ("StatusChanged", "DossierSubmitted")
    ]
    history, terms = History(events, promised=at(due)), Terms(Limit("days", 30), "office")
    clock = reckon(history, terms, CALENDAR, CONFIG.statuses, at(now)).kpi
    rules = CALENDAR.rules(at("05T09:00"))
    measure = Measure(clock, frozenset(rules.kpi_pauses), CALENDAR.worktime("office"), timedelta(hours=8))
    journey = Journey(CODE, AGENCY, told[0].source, told, ways, **more)
    return explain_delay(journey, ROLES, measure, CONFIG.statuses, at(now))


def cut(delay: Delay) -> list[tuple[Owner, str, int]]:
    """Owner, when its turn began, whole minutes."""
    return [(one.owner, one.begin.astimezone(HANOI).strftime("%dT%H:%M"), one.minutes) for one in delay.stretches]


OUTAGE = ("06T10:00", "503"), ("06T12:00", "503"), ("07T09:00", None)


def test_what_ended_in_time_and_was_told_to_the_portal_too_late_is_late_on_the_wire() -> None:
    told = [submitted(), message(2, "one-stop", "06T10:00", status=9)]

    found = explain(told, [way(2, "portal", "06T10:00", "09T10:00", *OUTAGE[:2], ("09T10:00", None))], due="07T17:00")

    assert cut(found) == [(DESK, "05T09:00", 25 * 60), (TO_PORTAL, "06T10:00", 72 * 60)]
    assert (found.verdict.place, found.verdict.at_source, found.verdict.blamed) == ("wire", False, TO_PORTAL)
    proofs = [(one.what, one.id, one.code) for one in found.stretches[1].proofs if one.what == "attempt"]
    assert proofs == [("attempt", "200", "503"), ("attempt", "201", "503")]
    assert found.seen == {"one-stop": at("06T10:00"), "portal": at("09T10:00")}


def test_what_its_agency_ended_too_late_is_late_on_a_desk_though_the_portal_was_away_too() -> None:
    told = [submitted(), message(2, "one-stop", "08T10:00", status=9)]

    found = explain(told, [way(2, "portal", "08T10:00", "09T10:00", ("08T10:00", "503"), ("09T10:00", None))])

    assert (found.verdict.late, found.verdict.place, found.verdict.at_source) == (True, "desk", True)
    assert found.verdict.blamed == DESK
    assert found.verdict.over == timedelta(hours=3)  # from 07:00 to 10:00


def test_an_agency_that_was_given_the_dossier_late_is_not_to_blame_for_what_the_wire_took() -> None:
    """Two days on the way to the land office, which then needs a day: without the two days it would have been in time."""
    told = [submitted(), message(2, "land", "08T10:00", status=9)]

    found = explain(told, [way(1, "land", "05T09:00", "07T10:00", ("05T09:01", "500"), ("07T10:00", None))])

    assert cut(found) == [(HERE, "05T09:00", 1), (TO_LAND, "05T09:01", 49 * 60 - 1), (LAND, "07T10:00", 24 * 60)]
    assert (found.verdict.place, found.verdict.blamed) == ("wire", TO_LAND)


def test_working_time_on_the_wire_that_is_less_than_the_lateness_blames_no_wire() -> None:
    told = [submitted(), message(2, "land", "09T10:00", status=9)]

    found = explain(told, [way(1, "land", "05T09:00", "05T12:00", ("05T09:00", "500"), ("05T12:00", None))])

    assert (found.verdict.place, found.verdict.blamed) == ("desk", LAND)
    assert (found.verdict.wire, found.verdict.over) == (timedelta(hours=2.5), timedelta(hours=11))


def test_minutes_outside_office_hours_excuse_nobody() -> None:
    """Late by half an hour after closing, and the wire was slow in the night: by working time it lost nothing there."""
    told = [submitted(when="05T17:00"), message(2, "land", "07T17:30", status=9)]

    found = explain(told, [way(1, "land", "05T17:00", "05T22:00", ("05T17:00", "500"), ("05T22:00", None))])

    assert (found.verdict.late, found.verdict.place) == (True, "desk")


def test_a_sender_that_told_of_the_end_late_is_on_the_wire() -> None:
    told = [submitted(), message(2, "one-stop", "07T16:00", "09T08:00", status=9)]

    found = explain(told, [way(2, "portal", "09T08:00", "09T08:00", ("09T08:00", None))])

    assert cut(found)[-1] == (Owner("from", "one-stop"), "07T16:00", 40 * 60)
    assert (found.verdict.place, found.verdict.blamed) == ("wire", Owner("from", "one-stop"))


def test_while_the_partner_was_there_what_waits_for_its_first_attempt_is_the_gateways() -> None:
    told = [submitted(), message(2, "one-stop", "06T10:00", status=9)]
    ways = [way(2, "portal", "06T10:00", "06T13:00", ("06T13:00", None))]
    away = Away(at("06T11:00"), at("06T12:00"), 40, 44, 5, ("503",))

    found = explain(told, ways, away={"portal": [away]})

    assert cut(found)[1:] == [(HERE, "06T10:00", 60), (TO_PORTAL, "06T11:00", 60), (HERE, "06T12:00", 60)]
    assert [(p.id, p.count, p.code) for p in found.stretches[2].proofs if p.what == "away"] == [("40–44", 5, "503")]


@pytest.mark.parametrize("code", ["translation", "ledger", "fault"])
def test_a_fault_of_ours_is_never_the_partners(code: str) -> None:
    told = [submitted(), message(2, "one-stop", "06T10:00", status=9)]

    found = explain(told, [way(2, "portal", "06T10:00", "09T10:00", ("06T10:00", code), ("09T10:00", None))])

    assert {one.owner for one in found.stretches} == {DESK, HERE}
    assert (found.verdict.place, found.verdict.blamed) == ("wire", HERE)


def test_what_waits_behind_an_earlier_delivery_of_its_lane_waits_for_the_partner_too() -> None:
    told = [submitted(), message(2, "one-stop", "06T10:00", status=9)]
    first = way(1, "portal", "05T09:00", "09T10:00", ("05T09:00", "503"), ("09T10:00", None))

    found = explain(told, [first, way(2, "portal", "06T10:00", "09T10:00", ("09T10:00", None))])

    assert cut(found)[-1] == (TO_PORTAL, "06T10:00", 72 * 60)
    assert "100" in {proof.id for proof in found.stretches[-1].proofs}


def test_the_citizens_time_is_the_citizens_and_what_carries_his_answer_is_the_wires() -> None:
    told = [
        submitted("portal", "05T08:00", 1),
        message(2, "one-stop", "05T09:00", status=2),
        message(3, "one-stop", "05T10:00", status=5),
        message(4, "portal", "07T10:00", type="SupplementProvided", request="r"),
        message(5, "one-stop", "08T11:00", status=4),
        message(6, "one-stop", "08T16:00", status=9),
    ]
    ways = [
        way(3, "portal", "05T10:00", "05T15:00", ("05T10:00", "503"), ("05T15:00", None)),
        way(4, "one-stop", "07T10:00", "08T10:00", ("07T10:00", "timeout"), ("08T10:00", None)),
        way(6, "portal", "08T16:00", "08T16:00", ("08T16:00", None)),
    ]

    found = explain(told, ways, due="09T17:00")

    assert cut(found) == [
        (DESK, "05T09:00", 60),
        (TO_PORTAL, "05T10:00", 300),
        (CITIZEN, "05T15:00", 43 * 60),
        (Owner("to", "one-stop"), "07T10:00", 24 * 60),
        (DESK, "08T10:00", 60),
        (DESK, "08T11:00", 300),
    ]
    assert not found.verdict.late
    assert [one.runs for one in found.stretches] == [True, False, False, False, False, True]


def test_the_post_has_its_minutes_and_they_are_not_counted() -> None:
    order = {"type": "PostalOrdered", "order": CODE, "leg": "return"}
    told = [
        submitted(),
        message(2, "one-stop", "06T10:00", status=9),
        message(3, "one-stop", "06T10:00", **order),
        message(4, "vnpost", "07T09:00", type="PostalEvent", order=CODE, leg="return", state="in_transit"),
        message(5, "vnpost", "09T10:00", "09T11:00", type="PostalEvent", order=CODE, leg="return", state="delivered"),
    ]
    ways = [
        way(2, "portal", "06T10:00", "06T11:00", ("06T10:00", "503"), ("06T11:00", None)),
        way(3, "vnpost", "06T10:00", "06T12:00", ("06T10:00", "500"), ("06T12:00", None)),
    ]

    found = explain(told, ways)

    assert cut(found)[1:] == [
        (TO_PORTAL, "06T10:00", 60),
        (Owner("to", "vnpost"), "06T11:00", 60),
        (Owner("post", "vnpost"), "06T12:00", 70 * 60),
    ]
    assert Owner("post", "vnpost") not in found.minutes(counted=True)
    assert Owner("post", "vnpost") in found.minutes()


def test_what_the_portal_lost_is_lost_until_it_is_told_again() -> None:
    told = [
        submitted(),
        message(2, "one-stop", "06T10:00", status=9),
        message(3, "gateway:reconcile", "08T09:00", type="Retold", of="m2"),
    ]
    ways = [
        way(2, "portal", "06T10:00", "06T10:00", ("06T10:00", None)),
        way(3, "portal", "08T09:00", "08T10:00", ("08T09:00", "503"), ("08T10:00", None)),
    ]

    found = explain(told, ways, lost=[Lost(7, "portal", at("08T08:00"), at("08T10:05"))])

    assert cut(found)[1:] == [(Owner("lost", "portal"), "06T10:00", 47 * 60), (TO_PORTAL, "08T09:00", 60)]
    assert (found.known, found.verdict.place) == (at("08T10:00"), "wire")
    assert [p.id for p in found.stretches[1].proofs if p.what == "difference"] == ["7"]


def test_an_event_that_was_held_and_taken_up_later_waited_in_the_gateway() -> None:
    told = [
        submitted(),
        message(2, "one-stop", "06T10:00", "06T10:00", held="not-lawful", status=9),
        message(3, "one-stop", "06T10:00", "08T10:00", status=9),
    ]

    found = explain(told, [way(3, "portal", "08T10:00", "08T10:00", ("08T10:00", None))])

    assert cut(found)[1:] == [(HERE, "06T10:00", 48 * 60)]
    assert found.verdict.place == "wire"


def test_an_open_dossier_waits_for_the_one_it_was_handed_to() -> None:
    given_to_land = way(1, "land", "05T09:00", None, ("05T09:00", "503"))

    stuck = explain([submitted()], [given_to_land], now="09T12:00")
    there = explain([submitted()], [way(1, "land", "05T09:00", "05T10:00", ("05T09:00", None))], now="09T12:00")

    assert (stuck.stretches[-1].owner, stuck.verdict.place) == (TO_LAND, "wire")
    assert (there.stretches[-1].owner, there.verdict.place) == (LAND, "desk")


def test_who_acted_before_the_news_came_did_not_wait_for_it() -> None:
    told = [submitted(), message(2, "land", "05T11:00", status=4), message(3, "land", "06T10:00", status=9)]

    found = explain(told, [way(1, "land", "05T09:00", "05T15:00", ("05T09:00", "503"), ("05T15:00", None))])

    assert {one.owner for one in found.stretches} == {LAND}


def test_a_second_request_for_papers_is_late_on_a_desk_by_the_clocks_word() -> None:
    steps = [(5, "05T10:00"), (4, "05T11:00"), (5, "05T14:00"), (4, "05T15:00"), (9, "06T09:00")]
    told = [submitted(), *(message(n, "one-stop", when, status=code) for n, (code, when) in enumerate(steps, 2))]

    found = explain(told)

    assert (found.verdict.late, found.verdict.place) == (True, "desk")


def test_without_a_reception_or_a_due_date_nothing_is_judged() -> None:
    waiting = explain([submitted(status=1)])
    rejected = explain([submitted(status=1), message(2, "one-stop", "06T10:00", status=3)])

    assert (waiting.stretches, waiting.verdict.late) == ((), False)
    assert (rejected.stretches, rejected.verdict.place) == ((), None)


def test_a_dossier_with_little_time_left_is_nearly_late() -> None:
    told = [submitted(), message(2, "one-stop", "07T15:00", status=9)]

    assert explain(told).verdict.near
    assert not explain([submitted(), message(2, "one-stop", "06T09:00", status=9)]).verdict.near


# ── laws ────────────────────────────────────────────────────────────────────────────────────────────────────────

MOMENTS = st.integers(0, 14 * 24 * 12).map(lambda n: at("05T00:00") + timedelta(minutes=5 * n))
SOURCES = st.sampled_from(["one-stop", "portal", "land", "vnpost"])
TYPES = (
    *(["StatusChanged"] * 6),
    *(
        "SupplementRequested",
        "SupplementProvided",
        "PaymentPaid",
        "ResultIssued",
        "PostalOrdered",
        "PostalEvent",
        "NoticeWanted",
    ),
)


@st.composite
def journeys(draw: st.DrawFn) -> Journey:
    told = [submitted(draw(SOURCES), "05T09:00", draw(st.sampled_from([1, 2])))]
    for seq in range(2, draw(st.integers(2, 10))):
        kind, happened = draw(st.sampled_from(TYPES)), draw(MOMENTS)
        leg, state = draw(st.sampled_from(["collect", "return"])), draw(st.sampled_from(["created", "delivered"]))
        body: dict[str, Any] = {
            "type": kind,
            "status": draw(st.integers(2, 10)),
            "order": "o",
            "leg": leg,
            "state": state,
        }
        came = happened + draw(st.integers(-10, 3000)) * timedelta(minutes=1)
        held = draw(st.sampled_from([None, None, None, "late"]))
        told.append(Message(seq, f"m{seq}", draw(SOURCES), f"s{seq}", kind, CODE, happened, came, body, held))
    ways: list[Way] = []
    number = 0
    for one in told:
        for to in draw(st.sets(SOURCES, max_size=3)):
            state = draw(st.sampled_from(["delivered", "delivered", "waiting", "parked", "cancelled"]))
            calls, moment = [], one.received_time
            for _ in range(draw(st.integers(0, 3))):
                moment += draw(st.integers(0, 600)) * timedelta(minutes=1)
                number += 1
                code = draw(st.sampled_from(["503", "translation", ""]))
                calls.append(Attempt(number, moment, moment, draw(st.sampled_from(["try_later", "ask_first"])), code))
            ended = moment if state in ("delivered", "cancelled") else None
            ways.append(Way(100 + len(ways), one.seq, to, state, one.received_time, ended, calls))
    lost = [Lost(1, "portal", draw(MOMENTS), draw(st.none() | MOMENTS))] if draw(st.booleans()) else []
    begin = draw(MOMENTS)
    away = {"portal": [Away(begin, draw(st.none() | st.just(begin + timedelta(hours=9))), 1, 2, 2, ("503",))]}
    return Journey(CODE, AGENCY, told[0].source, told, ways, lost, away)


def explain_journey(journey: Journey, now: datetime) -> Delay:
    kept = [m for m in journey.told if m.held is None and m.type in ("StatusChanged", "DossierSubmitted")]
    kept.sort(key=lambda m: (m.event_time, m.seq))
    history = History([Event(m.body["status"], m.event_time) for m in kept], promised=at("12T17:00"))
    clock = reckon(history, Terms(Limit("days", 5), "office"), CALENDAR, CONFIG.statuses, now).kpi
    measure = Measure(clock, frozenset({5}), CALENDAR.worktime("office"), timedelta(hours=8))
    return explain_delay(journey, ROLES, measure, CONFIG.statuses, now)


@settings(deadline=None, max_examples=150)
@given(journeys(), st.randoms(use_true_random=False), MOMENTS)
def test_each_minute_has_one_owner_whatever_order_the_messages_came_in(
    journey: Journey, dice: Any, now: datetime
) -> None:
    found = explain_journey(journey, now)

    told, ways = list(journey.told), list(journey.ways)
    dice.shuffle(told)
    dice.shuffle(ways)
    assert explain_journey(Journey(CODE, AGENCY, journey.owner, told, ways, journey.lost, journey.away), now) == found

    if found.stretches:
        first, last = found.stretches[0], found.stretches[-1]
        assert first.begin == found.start
        assert all(a.end == b.begin for a, b in zip(found.stretches, found.stretches[1:], strict=False))
        assert all(one.begin < one.end for one in found.stretches)
        assert sum(one.minutes for one in found.stretches) == (last.end - first.begin) // timedelta(minutes=1)
        worked = CALENDAR.worktime("office").between(first.begin, last.end)
        assert sum(one.worked for one in found.stretches) == worked // timedelta(minutes=1)
        owned = found.minutes().values()
        assert (sum(a for a, _ in owned), sum(b for _, b in owned)) == (
            sum(one.minutes for one in found.stretches), sum(one.worked for one in found.stretches)
        )  # fmt: skip
        assert all(one.worked >= 0 and one.minutes >= 0 for one in found.stretches)
    if found.ended is None and found.stretches:
        assert found.stretches[-1].end == max(now, found.stretches[0].begin)


@settings(deadline=None, max_examples=80)
@given(journeys(), MOMENTS)
def test_late_is_on_a_desk_or_on_the_wire_and_only_what_is_late_is(journey: Journey, now: datetime) -> None:
    verdict = explain_journey(journey, now).verdict

    assert verdict.late == (verdict.place is not None)
    assert not (verdict.late and verdict.near)
    if verdict.place == "wire":
        assert verdict.blamed is not None
        assert verdict.blamed.on_the_wire
