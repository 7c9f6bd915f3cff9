"""Both engines read every lane of a destination to find the due ones: the index on waiting lanes was written so that neither saw it."""

from __future__ import annotations

from sqlalchemy import event, insert, text

from gateway.ledger import lanes
from gateway.ledger.tables import lanes as table
from tests.house import House


def plans(house: House, ask) -> list[str]:
    engine, asked = house.gateway.ledger.engine, []

    def note(_connection, _cursor, statement, parameters, _context, _many):
        asked.append((statement, parameters))

    event.listen(engine, "before_cursor_execute", note)
    with house.gateway.ledger.read() as connection:
        ask(connection)
    event.remove(engine, "before_cursor_execute", note)
    explain = "EXPLAIN QUERY PLAN " if house.gateway.ledger.sqlite else "EXPLAIN "
    found = []
    with engine.connect() as connection:
        for statement, parameters in asked:
            if statement.startswith("SELECT"):
                found.append(
                    "\n".join(str(row[-1]) for row in connection.exec_driver_sql(explain + statement, parameters))
                )
    return found


def test_and_no_reading_walks_every_lane(house: House, time) -> None:
    rows = [
        {"destination": "portal", "dossier": f"d{n}", "open": int(n % 50 == 0), "due_at": time(), "urgency": time(), "blocked": False}
        for n in range(20_000)
    ]  # fmt: skip
    with house.gateway.ledger.write() as connection:
        connection.execute(insert(table), rows)
    with house.gateway.ledger.write() as connection:
        connection.execute(text("ANALYZE lanes"))

    wanted = {"destination": "portal", "now": time(), "most": 32}
    statement = lanes._DUE._clone()
    statement._for_update_arg = None  # the same question, which a reading may ask
    found = [
        *plans(house, lambda c: c.execute(statement, wanted)),
        *plans(house, lambda c: lanes.due_destinations(c, time())),
    ]
    assert len(found) == 4
    assert [plan for plan in found if "ix_lanes_work" not in plan] == []
