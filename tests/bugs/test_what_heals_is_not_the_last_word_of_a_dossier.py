"""After a healing the index and `lienthong lint` looked at the gateway's own `Retold` as if it were the dossier's last message."""

from __future__ import annotations

from gateway.dossiers.differences import Retelling
from gateway.dossiers.kpi import view_of
from gateway.flow.retell import write_retellings
from gateway.ledger.messages import histories, lock_dossier
from tests.conftest import Time
from tests.house import House, dossier, status

CODE = dossier()["dossier"]


def test_the_view_is_of_the_last_message_that_anyone_said(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    last = house.accept("one-stop", status(1, 4, 30))
    house.work("portal")
    with house.gateway.ledger.write() as connection:
        row = lock_dossier(connection, CODE)
        write_retellings(connection, row, "portal", [Retelling(last.id, None)], "portal-1-0", time(), {})
    with house.gateway.ledger.read() as connection:
        told = histories(connection, [CODE])[CODE]

    view = view_of(told)

    assert told[-1].type == "Retold"
    assert view is not None
    assert (view["meta"]["id"], view["message"]["status"]) == (last.id, 4)
