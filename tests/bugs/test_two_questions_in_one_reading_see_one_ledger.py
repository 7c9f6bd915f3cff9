"""On PostgreSQL each statement of a reading saw a newer ledger: the sums of conservation could differ in a sound one."""

from __future__ import annotations

from gateway.ledger.conservation import count
from tests.house import House, dossier


def test_what_is_accepted_meanwhile_is_not_seen(house: House) -> None:
    house.accept("one-stop", dossier(1))

    with house.gateway.ledger.read() as connection:
        before = count(connection)
        house.accept("one-stop", dossier(2))
        after = count(connection)

    assert before == after
