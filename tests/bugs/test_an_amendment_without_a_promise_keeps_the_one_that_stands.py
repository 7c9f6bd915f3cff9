"""A dossier was promised for another day, then amended without a day: the ledger kept the promise, what partners were told lost it."""

from __future__ import annotations

import json

from gateway.dossiers.view import build_view
from gateway.ledger import messages
from tests.house import House, dossier, status

RECEIVED = "2026-01-05T09:30:00+07:00"


def test_the_view_says_what_the_ledger_says(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 5, due_at="2026-01-20T17:00:00+07:00"))
    house.accept(
        "one-stop",
        dossier(id="b", status=4, event_time="2026-01-05T09:50:00+07:00", deadlines={"received_at": RECEIVED}),
    )

    with house.gateway.ledger.write() as connection:
        row = messages.lock_dossier(connection, dossier()["dossier"])
        assert row is not None
        *earlier, last = messages.history(connection, row.code, 1 << 62)
    view = build_view(last, earlier, house.gateway.link)

    assert view["dossier"]["deadlines"]["due_at"] == "2026-01-20T10:00:00Z"
    assert row.due_at.isoformat() == "2026-01-20T10:00:00+00:00"
    assert json.dumps(view["message"]).count("due_at") == 0
