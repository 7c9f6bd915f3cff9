"""Found by the fault harness: towards a partner that can never tell, a retry only asked again, and the lane stood still for ever."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from sqlalchemy import select

from gateway.errors import AskFirst
from gateway.ledger import people
from gateway.ledger.conservation import conserve
from gateway.ledger.tables import attempts, beliefs, deliveries
from tests.house import House, dossier, status


def park(house: House, time, script: list) -> int:
    """A delivery that went into the dark, with another behind it in its lane."""
    partner = house.partners["portal"]
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 1))
    partner.can_tell = False
    partner.script = list(script)
    for _ in range(40):
        house.work("portal")
        time.move(hours=2)
    with house.gateway.ledger.read() as connection:
        return int(connection.execute(select(deliveries.c.id).where(deliveries.c.state == "parked")).scalar_one())


@pytest.mark.parametrize(
    ("script", "act"),
    [
        ([AskFirst("đứt trước khi làm", code="timeout")], lambda *a, **k: people.retry(*a, absent=True, **k)),
        ([("then", AskFirst("làm xong rồi đứt", code="timeout"))], people.arrived),
    ],
    ids=["it is not there", "it is there"],
)
def test_a_person_ends_the_doubt_and_the_lane_goes_on(house: House, time, script: list, act: Callable) -> None:
    parked = park(house, time, script)

    with house.gateway.ledger.write() as connection:
        act(connection, parked, who="mau", reason="đã gọi điện hỏi", now=time())
    house.work("portal")

    effects = house.partners["portal"].effects
    with house.gateway.ledger.read() as connection:
        assert conserve(connection) == []
        assert connection.execute(select(deliveries.c.state)).scalars().all() == ["delivered", "delivered"]
        told = connection.execute(select(beliefs.c.status).where(beliefs.c.system == "portal")).scalar_one()
        proofs = connection.execute(select(attempts.c.outcome).where(attempts.c.outcome == "delivered")).all()
    assert len(effects) == len(set(effects)) == 2
    assert (told, len(proofs)) == (4, 2)
