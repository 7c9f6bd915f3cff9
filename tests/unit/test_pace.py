"""How many lanes a courier takes: what it holds and cannot call soon would only wait on its lease; what the partner cannot bear is not sent."""

from __future__ import annotations

import threading
import time as hours
from concurrent.futures import wait
from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.errors import TryLater
from gateway.flow.settle import settle
from gateway.ledger.conservation import conserve
from gateway.ledger.opening import LedgerAway
from gateway.ledger.tables import attempts, breakers, deliveries, lanes
from gateway.ports import Receipt
from tests.house import House, dossier


def finish(courier) -> None:
    """Until nothing is due now and nothing is under way."""
    while courier.step() or courier._flying:
        wait(courier._flying)


def pace(house: House, **values) -> None:
    """Change the portal's delivery policy for couriers made from now on."""
    partner = house.gateway.config.partners["portal"]
    house.gateway.config.partners["portal"] = partner.model_copy(update={"delivery": {**partner.delivery, **values}})


def submit(house: House, count: int) -> None:
    for number in range(1, count + 1):
        house.accept("one-stop", dossier(number))


def test_a_quick_partner_gets_more_lanes_at_a_time_and_a_slow_one_the_least(house: House) -> None:
    courier = house.courier("portal")
    least = 2 * courier.policy.concurrency * courier.together
    submit(house, 3 * least)
    courier.step()
    assert len(courier._flying) == least

    wait(courier._flying)
    courier.step()
    assert least < len(courier._flying) <= courier.policy.batch

    wait(courier._flying)
    courier._land(list(courier._flying)[1:])
    courier.step()  # one call has ended since the last look
    assert courier.pace.room == least
    courier._drain()
    assert courier._flying == {}


def test_more_calls_at_a_time_than_lanes_in_one_go_are_served_all_the_same(house: House) -> None:
    pace(house, concurrency=64, batch=8)
    submit(house, 20)
    courier = house.courier("portal")

    finish(courier)

    assert len(house.partners["portal"].effects) == 20
    courier._drain()


def test_places_taken_in_a_transaction_that_failed_are_asked_for_anew(house: House) -> None:
    pace(house, calls=2)
    submit(house, 2)
    one, other = house.courier("portal"), house.courier("portal")

    def fail(*_: object) -> list:
        raise LedgerAway("restarted")

    with pytest.raises(LedgerAway):
        one.pace.take(house.gateway.ledger, 2, 0, house.gateway.now(), fail)
    finish(other)
    one.step()

    assert not one._flying
    assert len(house.partners["portal"].effects) == 2
    one._drain()
    other._drain()


def test_no_more_lanes_a_second_than_the_partner_can_take_over_all_workers(house: House, time) -> None:
    pace(house, rate=50)
    submit(house, 100)
    couriers = [house.courier("portal"), house.courier("portal")]
    begun, sent = time(), []

    while (told := len(house.partners["portal"].effects)) < 100:
        for courier in couriers:
            finish(courier)
        sent.append((time() - begun, len(house.partners["portal"].effects) - told))
        time.move(seconds=0.1)

    assert time() - begun == pytest.approx(timedelta(seconds=1.8), abs=timedelta(seconds=0.3))
    for second, _ in sent:
        within = sum(n for at, n in sent if second <= at < second + timedelta(seconds=1))
        assert within <= 60, "in any second at most 1.2 times the rate"
    for courier in couriers:
        courier._drain()


def test_a_rate_below_one_a_second_still_moves_and_says_when(house: House, time) -> None:
    pace(house, rate=0.5)
    submit(house, 2)
    courier = house.courier("portal")
    finish(courier)
    assert len(house.partners["portal"].effects) == 1
    assert courier.pace.again == timedelta(seconds=2)
    assert courier._patience() == pytest.approx(2)

    time.move(seconds=2)
    finish(courier)

    assert len(house.partners["portal"].effects) == 2
    courier._drain()


def test_no_more_calls_at_a_time_than_the_partner_can_bear_over_all_workers(house: House) -> None:
    pace(house, calls=3)
    submit(house, 40)
    portal, busy, most, lock = house.partners["portal"], [0], [0], threading.Lock()
    send = portal.deliver

    def slowly(parcel) -> Receipt:
        with lock:
            busy[0] += 1
            most[0] = max(most[0], busy[0])
        hours.sleep(0.01)
        with lock:
            busy[0] -= 1
        return send(parcel)

    portal.deliver = slowly  # type: ignore[method-assign]
    couriers = [house.courier("portal"), house.courier("portal")]

    while len(portal.effects) < 40:
        for courier in couriers:
            courier.step()

    assert most[0] == 3
    for courier in couriers:
        courier._drain()


def test_the_places_of_a_worker_that_is_gone_are_free_after_its_lease(house: House, time) -> None:
    pace(house, calls=2)
    submit(house, 8)
    gone = house.courier("portal")
    gone.step()
    wait(gone._flying)  # and never settles
    other = house.courier("portal")
    other.step()
    assert not other._flying

    time.move(seconds=other.policy.lease_seconds + 1)
    finish(other)

    assert len({key for _, key in house.partners["portal"].effects}) == 8
    other._drain()
    gone._pool.shutdown()


def test_after_an_outage_calls_come_back_one_two_four(house: House, time) -> None:
    submit(house, 60)
    portal = house.partners["portal"]
    portal.script = [TryLater("bảo trì", code="503") for _ in range(100)]
    courier = house.courier("portal")
    finish(courier)
    portal.script = []
    time.move(seconds=courier.policy.breaker_first + 1)
    steps = []

    for _ in range(20):
        courier.step()
        steps.append(len(courier._flying))
        wait(courier._flying)

    assert steps[:5] == [1, 2, 4, 8, 16]
    time.move(hours=1)
    finish(courier)
    assert len(portal.effects) == 60
    courier._drain()


def test_a_partner_that_falters_on_the_way_back_starts_at_one_again(house: House, time) -> None:
    pace(house, breaker_failures=50)
    submit(house, 60)
    portal, courier = house.partners["portal"], house.courier("portal")
    courier.pace._ramp = 1
    steps = []
    for number in range(6):
        if number == 2:
            portal.script = [TryLater("quá tải", code="429")]
        courier.step()
        steps.append(len(courier._flying))
        wait(courier._flying)

    assert steps == [1, 2, 4, 1, 2, 4]
    courier._drain()


def test_what_was_taken_and_not_begun_is_given_back_when_the_worker_leaves(house: House) -> None:
    """No attempt, no doubt, no waiting for the lease: the next worker takes it at once."""
    pace(house, concurrency=1)
    submit(house, 4)
    portal, begun, go = house.partners["portal"], threading.Event(), threading.Event()
    send = portal.deliver

    def held_up(parcel) -> Receipt:
        begun.set()
        go.wait(10)
        return send(parcel)

    portal.deliver = held_up  # type: ignore[method-assign]
    courier = house.courier("portal")
    courier.step()
    begun.wait(10)
    threading.Timer(0.2, go.set).start()

    courier._drain()

    assert len(portal.effects) == 1
    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(lanes.c.dossier).where(lanes.c.lease_until.is_not(None))).all() == []
        assert len(connection.execute(select(attempts)).all()) == 1
        assert connection.execute(select(deliveries.c.attempts).order_by(deliveries.c.id)).scalars().all() == [1, 0, 0, 0]  # fmt: skip
        assert conserve(connection) == []
    portal.deliver = send  # type: ignore[method-assign]
    house.work("portal")
    assert len(portal.effects) == 4
    assert portal.asked == []


def test_a_call_longer_than_its_lease_keeps_its_lane(house: House, time) -> None:
    submit(house, 1)
    portal, begun, go = house.partners["portal"], threading.Event(), threading.Event()
    send = portal.deliver

    def long(parcel) -> Receipt:
        begun.set()
        go.wait(10)
        return send(parcel)

    portal.deliver = long  # type: ignore[method-assign]
    courier, other = house.courier("portal"), house.courier("portal")
    courier.step()
    begun.wait(10)
    for _ in range(5):
        time.move(seconds=courier.policy.lease_seconds / 2)
        courier.step()
        other.step()
        assert not other._flying

    go.set()
    finish(courier)

    assert len(portal.effects) == 1
    assert portal.asked == []
    courier._drain()
    other._drain()


def test_a_worker_that_leaves_keeps_the_lanes_of_its_calls_until_they_end(house: House, time) -> None:
    submit(house, 1)
    portal, begun, go = house.partners["portal"], threading.Event(), threading.Event()
    send = portal.deliver

    def long(parcel) -> Receipt:
        begun.set()
        go.wait(20)
        return send(parcel)

    portal.deliver = long  # type: ignore[method-assign]
    leaving, other = house.courier("portal"), house.courier("portal")
    leaving.step()
    begun.wait(10)
    drain = threading.Thread(target=leaving._drain)
    drain.start()
    for _ in range(3):
        time.move(seconds=leaving.policy.lease_seconds / 2)
        until = hours.monotonic() + 10
        while leaving._held_at < time() and hours.monotonic() < until:
            hours.sleep(0.02)
        other.step()
        assert not other._flying
    go.set()
    drain.join(20)

    assert len(portal.effects) == 1
    assert portal.asked == []
    other._drain()


def test_a_ledger_that_is_away_before_the_call_makes_no_doubt(house: House, time, monkeypatch) -> None:
    submit(house, 1)
    courier = house.courier("portal")
    (job,) = courier._take(1)
    time.move(seconds=courier.policy.lease_seconds * 0.6)

    def away(*_: object) -> None:
        raise LedgerAway("gone")

    with monkeypatch.context() as patch:
        patch.setattr(courier, "_prolong", away)
        tried = courier._try_group([job])
    settle(house.gateway.ledger, "portal", tried, courier.policy, time())

    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalar() == "waiting"
        assert connection.execute(select(breakers.c.failures)).scalar() in (None, 0)
    time.move(hours=1)
    finish(courier)
    assert portal_of(house).asked == []
    assert len(portal_of(house).effects) == 1
    courier._drain()


def portal_of(house: House):
    return house.partners["portal"]


def test_a_call_that_never_ends_loses_its_lane_in_the_end(house: House, time) -> None:
    submit(house, 1)
    portal, go = house.partners["portal"], threading.Event()
    send = portal.deliver
    portal.deliver = lambda parcel: (go.wait(10), send(parcel))[1]  # type: ignore[method-assign]
    courier, other = house.courier("portal"), house.courier("portal")
    courier.step()
    for _ in range(40):
        time.move(seconds=courier.policy.lease_seconds / 2)
        courier.step()
    portal.deliver = send  # type: ignore[method-assign]

    finish(other)

    assert len(portal.asked) == 1
    go.set()
    courier._drain()
    other._drain()
