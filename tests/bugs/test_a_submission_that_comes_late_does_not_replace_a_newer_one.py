"""Two amendments were sent, the first came after the second: the older data replaced the newer here and at every partner."""

from __future__ import annotations

from gateway.ledger import facts, messages
from gateway.ledger.conservation import conserve
from tests.house import House, dossier


def test_it_is_kept_and_held(house: House) -> None:
    house.accept("one-stop", dossier())
    newer = house.accept("one-stop", dossier(id="b", event_time="2026-01-05T09:50:00+07:00", channel=1))
    older = house.accept("one-stop", dossier(id="a", event_time="2026-01-05T09:40:00+07:00", channel=3))

    assert (newer.held, older.held, older.destinations) == (None, "late", [])
    with house.gateway.ledger.write() as connection:
        row = messages.lock_dossier(connection, dossier()["dossier"])
        assert row is not None
        assert facts.body_of(connection, row.newest)["channel"] == 1
        assert conserve(connection) == []
