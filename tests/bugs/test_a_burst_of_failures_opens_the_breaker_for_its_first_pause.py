"""Many calls were under way when the partner blinked: each of them doubled the pause, so two seconds became five minutes."""

from __future__ import annotations

from datetime import timedelta

from sqlalchemy import select

from gateway.errors import TryLater
from gateway.ledger.tables import breakers
from tests.house import House, dossier


def test_only_failed_probes_double_the_pause(house: House, time) -> None:
    policy = house.gateway.config.delivery("portal")
    for number in range(1, 21):
        house.accept("one-stop", dossier(number))
    portal = house.partners["portal"]
    portal.script = [TryLater("chớp tắt", code="connect")] * 200

    pauses = []
    for _ in range(3):
        house.work("portal")
        with house.gateway.ledger.read() as connection:
            row = connection.execute(select(breakers)).one()
        assert row.state == "open"
        pauses.append(row.probe_at - time())
        time.at = row.probe_at + timedelta(seconds=0 if len(pauses) == 1 else 1)

    first = timedelta(seconds=policy.breaker_first)
    assert pauses == [first, 2 * first, 4 * first]
