"""Parked deliveries, those of one dossier and the destinations with work were found by reading every delivery or lane there ever was."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import event, insert, text

from gateway.ledger import people, queries, standing
from gateway.ledger.queries import Reader
from gateway.ledger.tables import deliveries, messages
from tests.house import House

DONE = 4000
CODE = "d17"


def fill(house: House) -> None:
    now = house.gateway.now()
    told = [
        {
            "seq": n, "id": f"m{n}", "source": "one-stop", "source_id": f"s{n}", "type": "DossierSubmitted", "dossier": f"d{n}",
            "event_time": now, "received_time": now, "digest": "", "content_type": "", "original": b"", "body": "{}", "routed": 1,
        }
        for n in range(1, DONE + 1)
    ]  # fmt: skip
    sent = [
        {"message_seq": n, "dossier": f"d{n}", "destination": "portal", "state": "delivered", "created_at": now, "ended_at": now}
        for n in range(1, DONE + 1)
    ]  # fmt: skip
    with house.gateway.ledger.write() as connection:
        connection.execute(insert(messages), told)
        connection.execute(insert(deliveries), sent)
    with house.gateway.ledger.write() as connection:
        connection.execute(text("ANALYZE"))


@pytest.mark.parametrize("question", ["parked", "open_count", "page", "of one dossier"])
def test_what_waits_is_found_through_an_index_of_its_own(house: House, question: str) -> None:
    fill(house)
    ask, index = {
        "parked": (people.parked, "ix_deliveries_open"),
        "open_count": (standing.open_count, "ix_deliveries_open"),
        "page": (
            lambda c: queries.deliveries_page(c, Reader("portal", "all"), after=0, limit=9, dossier=CODE),
            "ix_messages_dossier_seq",
        ),
        "of one dossier": (lambda c: standing.deliveries_of(c, code=CODE), "ix_messages_dossier_seq"),
    }[question]
    assert index in plan(house, ask)


def plan(house: House, ask: Any) -> str:
    """How the engine answers the first question that `ask` puts to it."""
    engine, asked = house.gateway.ledger.engine, []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    with house.gateway.ledger.read() as connection:
        ask(connection)
    event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if house.gateway.ledger.sqlite else "EXPLAIN "
    statement, parameters = next(one for one in asked if one[0].startswith("SELECT"))
    with engine.connect() as connection:
        return "\n".join(str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters))
