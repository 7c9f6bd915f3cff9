"""Found by the fault "one partner dead for 24 hours": the probes of a breaker are the most urgent lanes, and each probe that failed doubled its
lane's own pause. When the partner was back, everything went out but those: the most urgent waited up to an hour longer."""

from __future__ import annotations

from gateway.errors import TryLater
from tests.house import House, dossier


def test_when_the_partner_is_back_the_most_urgent_go_first(house: House, time) -> None:
    portal = house.partners["portal"]
    for number in range(1, 31):
        deadlines = {
            "received_at": "2026-01-05T09:30:00+07:00",
            "due_at": f"2026-02-{1 + number % 28:02d}T17:00:00+07:00",
        }
        house.accept("one-stop", dossier(number, deadlines=deadlines))
    portal.script = [TryLater("tắt", code="connect")] * 1000
    for _ in range(300):  # a day of probes
        house.work("portal")
        time.move(minutes=5)
    portal.script = []

    house.work("portal")
    house.work("portal")

    assert len(portal.effects) == 30
