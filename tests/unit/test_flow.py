"""Deliver and settle: in order within a lane, urgent first, never twice, every way out a state that a person can see."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.config import Delivery
from gateway.errors import AskFirst, Rejected, TryLater, Unclassified
from gateway.flow.settle import Tried, decide, pause, settle
from gateway.ledger import facts, lanes
from gateway.ledger.tables import attempts, beliefs, breakers, deliveries
from gateway.ports import Found, Receipt
from tests.house import House, Notebook, dossier, status


def rows(house: House, table, **where):
    with house.gateway.ledger.read() as connection:
        statement = select(table).filter_by(**where) if where else select(table)
        return list(connection.execute(statement))


def state(house: House, destination: str = "portal") -> list[str]:
    return [d.state for d in rows(house, deliveries, destination=destination)]


def test_a_lane_goes_strictly_in_order(house: House) -> None:
    ids = [house.accept("one-stop", dossier()).id]
    ids += [house.accept("one-stop", status(1, 4, m)).id for m in range(1, 6)]

    house.work("portal")

    assert house.partners["portal"].keys(dossier()["dossier"]) == ids
    assert state(house) == ["delivered"] * 6


def test_a_failing_lane_waits_without_holding_up_another(house: House) -> None:
    house.accept("one-stop", dossier(1))
    house.work("portal")
    house.accept("one-stop", status(1, 4, 1))
    house.partners["portal"].script = [TryLater("quá tải", code="503")]
    house.work("portal")
    house.accept("one-stop", status(1, 9, 2))
    house.accept("one-stop", dossier(2))

    house.work("portal")

    assert [c for c, _ in house.partners["portal"].effects] == [dossier(1)["dossier"], dossier(2)["dossier"]]


def test_the_most_urgent_lane_goes_first(house: House) -> None:
    due = {1: "2026-01-20", 2: "2026-01-08", 3: "2026-01-12"}
    for number, day in due.items():
        deadlines = {"received_at": "2026-01-05T09:30:00+07:00", "due_at": f"{day}T17:00:00+07:00"}
        house.accept("one-stop", dossier(number, deadlines=deadlines))

    with house.gateway.ledger.write() as connection:
        taken = lanes.take(connection, "portal", 2, worker="w", now=house.gateway.now(), lease_seconds=60)

    assert [lease.dossier[-4:] for lease in taken] == ["0002", "0003"]


def test_try_later_comes_back_when_its_pause_is_over(house: House, time) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [TryLater("mất kết nối", code="connect")]

    house.work("portal")
    assert state(house) == ["waiting"]
    house.work("portal")
    assert house.partners["portal"].effects == []  # not due yet
    time.move(seconds=10)
    house.work("portal")
    assert state(house) == ["delivered"]


def test_a_time_out_after_the_deed_is_asked_about_and_not_done_twice(house: House, time) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [("then", AskFirst("không trả lời", code="timeout"))]

    house.work("portal")
    assert state(house) == ["in_doubt"]
    time.move(seconds=10)
    house.work("portal")

    assert state(house) == ["delivered"]
    assert len(house.partners["portal"].effects) == 1
    assert len(house.partners["portal"].asked) == 1


def test_a_doubt_that_asking_clears_as_absent_is_sent_again(house: House, time) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [AskFirst("không trả lời", code="timeout")]
    house.work("portal")
    time.move(seconds=10)

    house.work("portal")

    assert state(house) == ["delivered"]
    assert len(house.partners["portal"].effects) == 1
    assert [a.kind for a in rows(house, attempts)] == ["send", "send"]


def test_a_doubt_that_nobody_can_clear_waits_for_a_person(house: House, time) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [("then", AskFirst("không trả lời", code="timeout"))]
    house.partners["portal"].can_tell = False

    for _ in range(40):
        house.work("portal")
        time.move(hours=2)

    (row,) = rows(house, deliveries, destination="portal")
    assert row.state == "parked"
    assert "never said" in row.reason
    assert len(house.partners["portal"].effects) == 1


def test_a_crash_in_the_middle_of_a_call_leaves_a_doubt(house: House, time) -> None:
    house.accept("one-stop", dossier())
    with house.gateway.ledger.write() as connection:  # a worker takes the lane, sends, and is killed
        lanes.take(connection, "portal", 1, worker="killed", now=time(), lease_seconds=60)
    house.partners["portal"].effects.append((dossier()["dossier"], rows(house, deliveries)[0].dossier))

    house.work("portal")
    assert house.partners["portal"].asked == []  # the lease still stands
    time.move(seconds=61)
    house.work("portal")

    assert len(house.partners["portal"].asked) == 1
    first = rows(house, attempts)[0]
    assert (first.outcome, first.code) == ("ask_first", "crash")


def test_a_worker_that_lost_its_lease_writes_nothing(house: House, time) -> None:
    house.accept("one-stop", dossier())
    policy = house.gateway.config.delivery("portal")
    with house.gateway.ledger.write() as connection:
        (old,) = lanes.take(connection, "portal", 1, worker="slow", now=time(), lease_seconds=60)
    time.move(seconds=61)
    with house.gateway.ledger.write() as connection:
        (new,) = lanes.take(connection, "portal", 1, worker="quick", now=time(), lease_seconds=60)
    assert new.in_doubt

    settle(house.gateway.ledger, "portal", [Tried(old, "send", Receipt("0", "muộn"))], policy, time())
    assert state(house) == ["in_doubt"]
    settle(house.gateway.ledger, "portal", [Tried(new, "ask", Found.ARRIVED)], policy, time())
    assert state(house) == ["delivered"]


@pytest.mark.parametrize(
    ("error", "outcome"),
    [(Rejected("sai mã", code="-1"), "rejected"), (Unclassified("lạ", code="77", answer="???"), "unclassified")],
)
def test_what_needs_a_person_is_parked_with_the_answer_and_blocks_its_lane(house: House, time, error, outcome) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 1))
    house.partners["portal"].script = [error]

    house.work("portal")
    time.move(days=1)
    house.work("portal")

    assert state(house) == ["parked", "waiting"]
    assert house.partners["portal"].effects == []
    (attempt,) = rows(house, attempts)
    assert (attempt.outcome, attempt.code, attempt.answer) == (outcome, error.code, error.answer)


def test_a_connector_that_blows_up_leaves_a_doubt_and_not_a_dead_courier(house: House, time) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [ZeroDivisionError("bug")]

    house.work("portal")

    assert state(house) == ["in_doubt"]
    assert rows(house, attempts)[0].code == "fault"


def test_the_breaker_opens_probes_with_one_and_closes(house: House, time) -> None:
    policy = house.gateway.config.delivery("portal")
    for number in range(1, 13):
        house.accept("one-stop", dossier(number))
    portal = house.partners["portal"]
    portal.script = [TryLater("cổng tắt", code="connect")] * 200

    house.work("portal")
    calls = 200 - len(portal.script)
    assert rows(house, breakers)[0].state == "open"
    house.work("portal")
    assert 200 - len(portal.script) == calls  # nothing is sent while it is open

    time.move(seconds=policy.breaker_most + 1)
    house.work("portal")
    assert 200 - len(portal.script) == calls + 1  # one probe, which failed
    portal.script = []
    time.move(hours=2)
    house.work("portal")
    assert rows(house, breakers)[0].state == "closed"
    house.work("portal")
    assert state(house) == ["delivered"] * 12


def test_steps_of_a_delivery_are_remembered_across_attempts(house: House, time) -> None:
    house.accept("one-stop", dossier())
    seen = []

    class TwoSteps:
        def deliver(self, parcel):
            seen.append(dict(parcel.steps))
            if "first" not in parcel.steps:
                parcel.remember("first", {"answer": "ok"})
                raise AskFirst("đứt giữa chừng")
            return Receipt("0", "xong")

        def find(self, parcel):
            return Found.ABSENT

        def check(self):
            return []

    house.gateway._outbounds["portal"] = TwoSteps()
    house.work("portal")
    time.move(minutes=5)
    house.work("portal")

    assert seen == [{}, {"first": {"answer": "ok"}}]
    assert state(house) == ["delivered"]


def test_a_destination_believes_what_it_was_told(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 5))
    house.work("portal")
    house.accept("one-stop", status(1, 9, 10))

    believed = {b.system: (b.status, b.how) for b in rows(house, beliefs)}
    assert believed == {"one-stop": (9, "said"), "portal": (4, "accepted")}


def test_a_result_wanted_by_post_orders_the_post_and_its_delivery_returns_the_dossier(house: House, time) -> None:
    home = {
        "name": "Nguyễn Văn Mẫu",
        "phone": "0912345678",
        "address": {"detail": "Số 1 đường A", "province": "08", "commune": "00688"},
    }
    body = dossier(postal={"return_to": home})
    house.accept("one-stop", body)
    for code, minute in ((4, 1), (9, 2)):
        house.accept("one-stop", status(1, code, minute))
    house.work()
    assert len(house.partners["vnpost"].effects) == 1

    event = {
        "type": "PostalEvent", "id": "e-1", "dossier": body["dossier"], "event_time": "2026-01-05T09:45:00+07:00", "order": body["dossier"],
        "leg": "return", "item": "RA000000000VN", "state": "delivered", "their_code": "4",
    }  # fmt: skip
    house.accept("vnpost", event, lenient=True)
    house.work()

    with house.gateway.ledger.read() as connection:
        assert facts.has_lane(connection, "one-stop", body["dossier"])
    assert {b.system: b.status for b in rows(house, beliefs)} == {"one-stop": 10, "portal": 10, "vnpost": 10}


def test_a_pause_doubles_is_capped_and_left_half_to_chance() -> None:
    policy = Delivery(backoff_first=1, backoff_most=60)
    low, high = (lambda: 0.0), (lambda: 1.0)

    assert pause(policy, 1, None, high) == timedelta(seconds=1)
    assert pause(policy, 4, None, high) == timedelta(seconds=8)
    assert pause(policy, 4, None, low) == timedelta(seconds=4)
    assert pause(policy, 1000, None, high) == timedelta(seconds=60)
    assert pause(policy, 1, 90, low) == timedelta(seconds=90)


def test_every_result_has_one_ending(time) -> None:
    lease = lanes.Lease("portal", "d", 1, 1, 1, 1, 1, 0, False, {}, None, False)
    endings = {
        type(r).__name__: decide(Tried(lease, "send", r), Delivery(), time()).state
        for r in (Receipt("0", ""), Found.ARRIVED, TryLater("x"), AskFirst("x"), Rejected("x"), Unclassified("x"))
    }
    assert endings == {
        "Receipt": "delivered", "Found": "delivered", "TryLater": "waiting", "AskFirst": "in_doubt", "Rejected": "parked",
        "Unclassified": "parked",
    }  # fmt: skip


def test_two_workers_never_hold_one_lane(make_house: Callable[[str], House], ledger_url: str) -> None:
    house = make_house(ledger_url)
    for number in range(1, 31):
        house.accept("one-stop", dossier(number))
    taken: list[str] = []
    from concurrent.futures import ThreadPoolExecutor

    def grab(_: int) -> None:
        with house.gateway.ledger.write() as connection:
            got = lanes.take(connection, "portal", 5, worker="w", now=house.gateway.now(), lease_seconds=60)
        taken.extend(lease.dossier for lease in got)

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(grab, range(12)))

    assert len(taken) == len(set(taken)) == 30


def test_heads_of_several_lanes_share_a_call_where_the_partner_takes_that(house: House, time) -> None:
    calls = []

    class Batches(Notebook):
        together = 4

        def deliver_together(self, parcels):
            calls.append(len(parcels))
            results: list = []
            for parcel in parcels:
                try:
                    results.append(self.deliver(parcel))
                except (TryLater, AskFirst) as error:
                    results.append(error)
            return results

    portal = house.partners["portal"] = house.gateway._outbounds["portal"] = Batches()
    for number in range(1, 11):
        house.accept("one-stop", dossier(number))
    portal.script = [None, TryLater("bận"), ("then", AskFirst("không trả lời"))]
    house.work("portal")
    time.move(seconds=30)
    house.work("portal")

    assert max(calls) == 4
    assert state(house) == ["delivered"] * 10
    assert len(portal.effects) == len(set(portal.effects)) == 10


def test_the_view_keeps_first_moments_fees_asked_for_later_and_the_promise_that_counts(house: House) -> None:
    from gateway.dossiers.view import build_view
    from gateway.ledger.messages import histories

    house.accept("one-stop", dossier(fees=[{"code": "A", "name": "Phí", "kind": "fee", "amount": 1, "paid": "unpaid"}]))
    for code, minute in ((5, 1), (2, 2)):
        house.accept("one-stop", status(1, code, minute))
    house.accept("one-stop", status(1, 4, 3, due_at="2026-01-20T17:00:00+07:00", apology=True))
    asked = [{"code": c, "name": "Phí", "kind": "fee", "amount": 2, "paid": "unpaid"} for c in "AB"]
    house.accept(
        "one-stop",
        {
            "type": "PaymentRequested", "id": "p1", "dossier": dossier()["dossier"], "event_time": "2026-01-05T09:40:00+07:00",
            "fees": asked, "reason": "Nộp bổ sung",
        },
    )  # fmt: skip
    with house.gateway.ledger.read() as connection:
        told = histories(connection, [dossier()["dossier"]])[dossier()["dossier"]]

    view = build_view(told[-1], told[:-1], house.gateway.link)

    assert view["first_moments"]["2"] < view["moments"]["2"]
    assert [(f["code"], f["amount"]) for f in view["fees"]] == [("A", 2), ("B", 2)]
    assert view["dossier"]["deadlines"]["due_at"] == "2026-01-12T10:00:00Z"
