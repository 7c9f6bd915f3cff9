"""The partner took it and never answered; asked, it said "later". It was then sent again without another question."""

from __future__ import annotations

from sqlalchemy import select

from gateway.errors import AskFirst, TryLater
from gateway.ledger.tables import deliveries
from gateway.ports import Found, Parcel
from tests.house import House, Notebook, dossier


class BusyWhenAsked(Notebook):
    busy = True

    def find(self, parcel: Parcel) -> Found:
        if self.busy:
            raise TryLater("bận", code="503")
        return super().find(parcel)


def test_it_is_asked_again_and_not_sent_twice(house: House, time) -> None:
    portal = house.partners["portal"] = house.gateway._outbounds["portal"] = BusyWhenAsked()
    house.accept("one-stop", dossier())
    portal.script = [("then", AskFirst("không trả lời", code="timeout"))]
    for _ in range(3):
        house.work("portal")
        time.move(hours=2)
    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalar() == "in_doubt"
    portal.busy = False

    house.work("portal")

    assert len(portal.effects) == 1
    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalar() == "delivered"
