"""A route was taken out of the file while deliveries still waited: no courier served them any more, and nobody was told."""

from __future__ import annotations

from gateway.flow.deliver import Work
from tests.house import House, dossier


def test_the_worker_serves_it(house: House) -> None:
    house.accept("one-stop", dossier())
    house.gateway.config.routes.clear()

    assert list(Work(house.gateway).couriers) == ["portal"]
