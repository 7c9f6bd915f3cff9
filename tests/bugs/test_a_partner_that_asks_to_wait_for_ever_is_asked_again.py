"""Retry-After is the partner's to write: a number past all calendars ended the courier's thread, and ten years would have hidden a lane."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from gateway.errors import TryLater
from gateway.ledger.tables import deliveries, lanes
from tests.house import House, dossier


@pytest.mark.parametrize("seconds", [1e9, 1e15, float("inf"), float("nan"), -1e15])
def test_after_a_day_at_the_latest(house: House, time, seconds: float) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [TryLater("chờ", code="429", retry_after=seconds)]

    house.work("portal")

    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalar() == "waiting"
        due = connection.execute(select(lanes.c.due_at)).scalar_one()
    assert time() < due <= time() + timedelta(days=1)
