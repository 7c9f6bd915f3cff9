"""Prepared statements do what Core does, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from sqlalchemy import bindparam, insert, select, update

from gateway.ledger.among import among
from gateway.ledger.opening import Clash, Ledger, LedgerAway, open_ledger
from gateway.ledger.prepared import Prepared
from gateway.ledger.tables import lanes

NOON = datetime(2026, 1, 5, 12, 0, 0, 7, tzinfo=timezone(timedelta(hours=7)))
LANE: dict[str, Any] = {
    "destination": "portal", "dossier": "một", "open": 1, "delivered": 0, "blocked": True, "due_at": NOON, "urgency": NOON.astimezone(UTC),
    "fence": 1 << 40,
}  # fmt: skip
ADD = Prepared(insert(lanes))
ALL = select(lanes).where(lanes.c.due_at <= bindparam("until")).order_by(lanes.c.dossier)
MOVE = (
    update(lanes)
    .where(lanes.c.dossier == bindparam("b_dossier"))
    .values(open=lanes.c.open + bindparam("b_more"), due_at=bindparam("b_due"), lease_until=None)
)


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    opened = open_ledger(ledger_url)
    yield opened
    opened.close()


def test_what_is_written_and_read_is_what_core_writes_and_reads(ledger: Ledger) -> None:
    with ledger.write() as connection:
        ADD.run_many(connection, [LANE, LANE | {"dossier": "hai", "blocked": False}])
        connection.execute(insert(lanes), LANE | {"dossier": "ba"})
        row = {"b_dossier": "ba", "b_more": 2, "b_due": NOON - timedelta(days=1)}
        Prepared(MOVE).run(connection, row)
        connection.execute(MOVE, row | {"b_dossier": "hai"})
    with ledger.read() as connection:
        prepared = Prepared(ALL).rows(connection, {"until": NOON})
        core = connection.execute(ALL, {"until": NOON}).all()
        assert [r._asdict() for r in prepared] == [r._asdict() for r in core]
        assert [(r.dossier, r.open, r.blocked) for r in prepared] == [
            ("ba", 3, True),
            ("hai", 3, False),
            ("một", 1, True),
        ]
        assert (prepared[2].due_at, prepared[2].due_at.tzinfo) == (NOON, UTC)
        assert (prepared[2].fence, prepared[2].lease_until) == (1 << 40, None)
        assert Prepared(ALL).first(connection, {"until": NOON - timedelta(days=2)}) is None


def test_reading_begins_the_snapshot(ledger: Ledger) -> None:
    every = Prepared(ALL)
    with ledger.read() as connection:
        assert every.rows(connection, {"until": NOON}) == []
        with ledger.write() as writing:
            ADD.run(writing, LANE)
        assert every.rows(connection, {"until": NOON}) == []


def test_nothing_stays_of_a_transaction_that_failed(ledger: Ledger) -> None:
    def spoil() -> None:
        with ledger.write() as connection:
            ADD.run(connection, LANE)
            raise RuntimeError

    with pytest.raises(RuntimeError):
        spoil()
    with ledger.read() as connection:
        assert connection.execute(ALL, {"until": NOON}).all() == []


def test_a_twin_is_a_clash_as_it_is_with_core(ledger: Ledger) -> None:
    with ledger.write() as connection:
        ADD.run(connection, LANE)
    with pytest.raises(Clash), ledger.write() as connection:
        ADD.run(connection, LANE)
    with pytest.raises(Clash), ledger.write() as connection:
        ADD.run_many(connection, [LANE | {"dossier": "hai"}, LANE])
    with ledger.read() as connection:
        assert len(connection.execute(ALL, {"until": NOON}).all()) == 1


def test_a_list_of_any_length_is_one_parameter(ledger: Ledger) -> None:
    some = Prepared(select(lanes).where(among(lanes.c.dossier, "codes")).order_by(lanes.c.dossier))
    numbered = Prepared(select(lanes.c.dossier).where(among(lanes.c.fence, "fences")))
    names = ["ba", "hai", 'm\'ột \\ "{,}"', "NULL"]
    with ledger.write() as connection:
        ADD.run_many(connection, [LANE | {"dossier": name} for name in names])
    with ledger.read() as connection:
        for asked in ([], names[2:], [*names, "không có"]):
            assert {row.dossier for row in some.rows(connection, {"codes": asked})} == {*asked} & {*names}
        assert len(numbered.rows(connection, {"fences": [1, 1 << 40]})) == len(names)
        core = select(lanes.c.dossier).where(among(lanes.c.dossier, "codes"))
        assert connection.execute(core, {"codes": names[:1]}).scalars().all() == names[:1]


def test_a_mistake_of_ours_is_no_ledger_that_is_away(ledger: Ledger) -> None:
    for wrong in ({"destination": "portal"}, LANE | {"colour": "red"}):
        with pytest.raises(ValueError, match="statement"), ledger.write() as connection:
            ADD.run_many(connection, [LANE, wrong])
    with pytest.raises(ValueError, match="not both"), ledger.read() as connection:
        Prepared(ALL).rows(connection, {"unitl": NOON})
    with pytest.raises(ValueError, match="naive"), ledger.write() as connection:
        ADD.run(connection, LANE | {"due_at": NOON.replace(tzinfo=None)})


@pytest.mark.postgresql
def test_a_server_that_goes_away_is_away_and_comes_back(postgresql_server: Any) -> None:
    with postgresql_server.database() as url:
        ledger = open_ledger(url)

        def cut_off() -> None:
            with ledger.write() as connection, ledger.engine.begin() as other:
                pid = connection.exec_driver_sql("SELECT pg_backend_pid()").scalar()
                other.exec_driver_sql(f"SELECT pg_terminate_backend({pid}, 5000)")
                ADD.run(connection, LANE)

        with pytest.raises(LedgerAway):
            cut_off()
        with ledger.write() as connection:
            ADD.run(connection, LANE)
        ledger.close()
