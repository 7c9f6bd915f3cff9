"""The index's rules judged by the promise as recorded: what a supplement had moved was told to lose points as late."""

from __future__ import annotations

from gateway.ledger.messages import histories
from tests.conftest import Time
from tests.house import House, dossier, status

DAY = 24 * 60  # minutes


def late(house: House) -> set[str]:
    with house.gateway.ledger.read() as connection:
        (told,) = histories(connection, [dossier()["dossier"]]).values()
    return {"late", "overdue"} & {loss.rule for loss in house.gateway.losses(told, house.gateway.now())}


def test_a_promise_that_a_supplement_moved_is_kept_or_broken_where_it_stands_then(house: House, time: Time) -> None:
    """Promised for Monday the 12th at 17:00; two working days of waiting make it Wednesday the 14th."""
    time.move(days=8)  # Tuesday the 13th
    for body in (dossier(), status(1, 5, DAY), status(1, 4, 3 * DAY)):
        house.accept("one-stop", body)
    assert late(house) == set()

    time.move(days=2)
    assert late(house) == {"overdue"}

    house.accept("one-stop", status(1, 9, 8 * DAY))
    assert late(house) == set()


def test_what_was_withdrawn_is_not_late(house: House, time: Time) -> None:
    time.move(days=30)
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 7, 20 * DAY))

    assert late(house) == set()
