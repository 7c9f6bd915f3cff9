"""The one probe of a half-open breaker was spent while no lane was due: the first lane that became due waited out a whole lease."""

from __future__ import annotations

from datetime import timedelta

from gateway.errors import TryLater
from tests.house import House, dossier


def test_the_first_due_lane_probes(house: House, time) -> None:
    policy = house.gateway.config.delivery("portal")
    portal = house.partners["portal"]
    for number in range(1, policy.breaker_failures + 1):
        house.accept("one-stop", dossier(number))
    portal.script = [TryLater("tắt", code="connect", retry_after=60)] * policy.breaker_failures
    house.work("portal")
    time.move(seconds=policy.breaker_first + 1)
    house.work("portal")  # the breaker would let one through, but every lane waits for a minute
    time.at += timedelta(seconds=60)

    house.work("portal")

    assert len(portal.effects) == policy.breaker_failures
