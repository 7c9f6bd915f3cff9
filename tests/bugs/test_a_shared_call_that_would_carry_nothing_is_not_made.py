"""None of the heads could be translated, and the partner was still called, with an empty list."""

from __future__ import annotations

from sqlalchemy import select

from gateway.errors import Fault, Refused
from gateway.ledger.tables import deliveries
from tests.house import House, Notebook, dossier


class Batches(Notebook):
    together = 4
    calls = 0

    def deliver_together(self, parcels):
        self.calls += 1
        return [self.deliver(parcel) for parcel in parcels]


def test_they_are_parked_and_nobody_is_called(house: House) -> None:
    portal = house.partners["portal"] = house.gateway._outbounds["portal"] = Batches()

    def refuse(*_):
        raise Refused([Fault("/x", "missing", "thiếu", "missing")])

    house.gateway.documents = refuse  # type: ignore[method-assign]
    for number in (1, 2):
        house.accept("one-stop", dossier(number))

    house.work("portal")

    assert portal.calls == 0
    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalars().all() == ["parked", "parked"]
