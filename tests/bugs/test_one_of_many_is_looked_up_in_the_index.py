"""On SQLite "one of many" was written as `… IN (…) = 1`, which no index answers: the history of one dossier read every message there was.

Two hundred thousand messages made a look-up take 140 ms instead of 5, and each delivery so much longer.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.dialects import sqlite

from gateway.ledger import messages
from tests.house import House, dossier

STATEMENTS: dict[str, tuple[Any, str]] = {
    "histories": (messages._HISTORIES._statement, "dossiers"),
    "locking dossiers": (messages._DOSSIERS, "codes"),
    "locking lanes": (messages._LANES, "codes"),
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_and_it_is_compared_with_nothing(name: str) -> None:
    statement, _ = STATEMENTS[name]

    sql = str(statement.compile(dialect=sqlite.dialect()))

    assert "IN (SELECT value FROM json_each(" in sql
    assert ") = 1" not in sql


def test_a_history_is_read_by_way_of_the_dossier(house: House) -> None:
    house.accept("one-stop", dossier())
    if not house.gateway.ledger.sqlite:
        pytest.skip("PostgreSQL was asked in its own way, by its index, all the time")
    sql = str(messages._HISTORIES._statement.compile(dialect=sqlite.dialect()))

    with house.gateway.ledger.read() as connection:
        plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", (json.dumps([dossier()["dossier"]]),)).all()
        assert connection.execute(text("SELECT count(*) FROM messages")).scalar_one() == 1

    assert "SEARCH messages USING INDEX" in plan[0][-1]
