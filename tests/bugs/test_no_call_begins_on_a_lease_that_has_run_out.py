"""A lane waited in the worker for a free place until its lease ran out; another worker sent it, and then the first one did too."""

from __future__ import annotations

from gateway.ledger import lanes
from tests.house import House, dossier


def test_the_worker_that_waited_too_long_sends_nothing(house: House, time) -> None:
    house.accept("one-stop", dossier())
    slow = house.courier("portal")
    jobs = slow._take(1)
    time.move(seconds=slow.policy.lease_seconds + 1)
    house.work("portal")
    assert len(house.partners["portal"].effects) == 1

    assert slow._try_group(jobs) == []

    assert len(house.partners["portal"].effects) == 1
    slow._drain()


def test_a_call_that_begins_late_holds_its_lane_anew(house: House, time) -> None:
    house.accept("one-stop", dossier())
    slow = house.courier("portal")
    jobs = slow._take(1)
    time.move(seconds=slow.policy.lease_seconds - 1)

    (tried,) = slow._try_group(jobs)
    time.move(seconds=2)
    with house.gateway.ledger.write() as connection:
        taken = lanes.take(connection, "portal", 1, worker="other", now=time(), lease_seconds=60)

    assert tried.kind == "send"
    assert taken == []
    slow._drain()
