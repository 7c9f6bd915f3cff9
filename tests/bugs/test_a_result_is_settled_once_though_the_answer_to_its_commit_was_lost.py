"""The commit was done, its answer was lost, and the worker settled the same result again: the lane lost count of its deliveries."""

from __future__ import annotations

from gateway.flow.settle import Tried, settle
from gateway.ledger import lanes
from gateway.ledger.conservation import conserve
from gateway.ports import Receipt
from tests.house import House, dossier, status


def test_the_second_settling_writes_nothing(house: House, time) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 1))
    policy = house.gateway.config.delivery("portal")
    with house.gateway.ledger.write() as connection:
        (lease,) = lanes.take(connection, "portal", 1, worker="w", now=time(), lease_seconds=60)
    tried = [Tried(lease, "send", Receipt("0", "xong"))]

    settle(house.gateway.ledger, "portal", tried, policy, time())
    settle(house.gateway.ledger, "portal", tried, policy, time())

    with house.gateway.ledger.read() as connection:
        assert conserve(connection) == []
    house.work("portal")
    assert len(house.partners["portal"].effects) == 1
