"""The new date of an apology (form 04) was kept as the deadline, so a late dossier counted as on time and lost its urgency."""

from __future__ import annotations

from sqlalchemy import select

from gateway.ledger.tables import dossiers
from tests.house import House, dossier, status

PROMISED = "2026-01-20T17:00:00+07:00"


def test_an_apology_leaves_the_first_promise_and_a_new_promise_does_not(house: House) -> None:
    first = dossier()["deadlines"]["due_at"]
    house.accept("one-stop", dossier())

    house.accept("one-stop", status(1, 4, 1, due_at=PROMISED, apology=True))
    assert deadline(house).isoformat() == first.replace("T17:00:00+07:00", "T10:00:00+00:00")

    house.accept("one-stop", status(1, 4, 2, due_at=PROMISED))
    assert deadline(house).isoformat() == "2026-01-20T10:00:00+00:00"


def deadline(house: House):
    with house.gateway.ledger.read() as connection:
        return connection.execute(select(dossiers.c.due_at)).scalar_one()
