"""A partner's words held a NUL, or half a surrogate pair from its JSON: settling blew up, and the courier's thread with it, each time anew."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gateway.errors import Rejected
from gateway.ledger.tables import attempts, deliveries
from gateway.ports import Found, Receipt
from tests.house import House, dossier

ODD = "lỗi\x00 \ud83d"


def test_a_refusal_is_kept(house: House) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [Rejected(ODD, code=ODD, answer=ODD)]

    house.work("portal")

    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalar() == "parked"
        assert connection.execute(select(attempts.c.answer)).scalar() == "lỗi\ufffd \ufffd"


@pytest.mark.parametrize("odd", [ODD])
def test_a_receipt_and_a_step_are_kept(house: House, odd: str) -> None:
    class Odd:
        def deliver(self, parcel):
            parcel.remember("first", {"answer": odd})
            return Receipt(odd, odd, reference=odd)

        def find(self, parcel):
            return Found.ABSENT

        def check(self):
            return []

    house.gateway._outbounds["portal"] = Odd()
    house.accept("one-stop", dossier())

    house.work("portal")

    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(deliveries.c.state)).scalar() == "delivered"
