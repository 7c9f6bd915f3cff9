"""Asked, the partner said "not here"; it was sent again and the connector blew up: the attempt was kept as if it had only been asked."""

from __future__ import annotations

from sqlalchemy import select

from gateway.errors import AskFirst
from gateway.ledger.tables import attempts, deliveries
from tests.house import House, dossier


def test_both_attempts_say_that_it_was_sent(house: House, time) -> None:
    house.accept("one-stop", dossier())
    house.partners["portal"].script = [AskFirst("không trả lời"), ZeroDivisionError("bug")]
    house.work("portal")
    time.move(minutes=1)
    house.work("portal")

    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(attempts.c.kind).order_by(attempts.c.id)).scalars().all() == ["send", "send"]
        assert connection.execute(select(deliveries.c.attempts, deliveries.c.state)).one() == (2, "in_doubt")
