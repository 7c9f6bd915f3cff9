"""A polled submission that no route takes was held, and yet founded a dossier whose status no event had made."""

from __future__ import annotations

from gateway.ledger import messages
from gateway.ledger.conservation import conserve
from tests.house import House, dossier


def test_it_is_held_and_moves_nothing(house: House) -> None:
    house.gateway.config.routes.clear()

    receipt = house.accept("one-stop", dossier(), lenient=True)

    assert receipt.held == "no-route"
    with house.gateway.ledger.write() as connection:
        assert messages.lock_dossier(connection, dossier()["dossier"]) is None
        assert conserve(connection) == []
