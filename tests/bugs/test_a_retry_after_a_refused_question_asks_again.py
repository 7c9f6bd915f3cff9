"""A doubt was parked because the partner refused the *question*; a person's retry then sent it again without asking: twice done."""

from __future__ import annotations

from sqlalchemy import select

from gateway.errors import AskFirst, Rejected
from gateway.ledger.people import retry
from gateway.ledger.tables import deliveries
from gateway.ports import Found, Parcel
from tests.house import House, Notebook, dossier


class RefusesQuestions(Notebook):
    refuses = True

    def find(self, parcel: Parcel) -> Found:
        if self.refuses:
            raise Rejected("không được tra cứu", code="403")
        return super().find(parcel)


def test_it_is_asked_about_and_not_sent_twice(house: House, time) -> None:
    portal = house.partners["portal"] = house.gateway._outbounds["portal"] = RefusesQuestions()
    house.accept("one-stop", dossier())
    portal.script = [("then", AskFirst("không trả lời", code="timeout"))]
    house.work("portal")
    time.move(minutes=1)
    house.work("portal")
    portal.refuses = False
    with house.gateway.ledger.write() as connection:
        parked = connection.execute(select(deliveries.c.id).where(deliveries.c.state == "parked")).scalar_one()
        retry(connection, parked, who="test", reason="thử lại", now=time())

    house.work("portal")

    assert len(portal.effects) == 1
    assert len(portal.asked) == 1
