"""The schema is brought up to date while the gateway works on it, and programs of the version before go on beside the newer schema."""

from __future__ import annotations

import itertools
import shutil
import threading
import time as real_time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect, text

from gateway.errors import Misconfigured
from gateway.flow.gateway import Gateway
from gateway.ledger import Ledger, open_ledger
from gateway.ledger.conservation import conserve, count
from gateway.ledger.schema import HEAD, MIGRATIONS, SchemaBehind, require_schema, revision, upgrade
from tests.engines import PostgreSQL
from tests.house import House, dossier, status

NEXT = f"{int(HEAD) + 1:04d}"

MIGRATION = '''"""What a next version might want."""

import sqlalchemy as sa
from alembic import op
from gateway.ledger.expanding import add_index, raise_floor

revision = "{next}"
down_revision = "{head}"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table("wishes", sa.Column("name", sa.Text(), primary_key=True))
    op.add_column("messages", sa.Column("wish", sa.Text(), nullable=True))
    op.add_column("deliveries", sa.Column("wishes", sa.Integer(), server_default="0", nullable=False))
    op.add_column("lanes", sa.Column("wish", sa.Text(), nullable=True))
    {more}
    add_index("ix_messages_wish", "messages", ["wish", "type"])
'''


@pytest.fixture
def write_next(tmp_path: Path) -> Callable[[str], Path]:
    """The migrations of a program that is one ahead of this one."""

    def write(more: str) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder)
        file = folder / "versions" / f"{NEXT}_wishes.py"
        file.write_text(MIGRATION.format(next=NEXT, head=HEAD, more=more), encoding="utf-8")
        return folder

    return write


@pytest.fixture
def ledger(ledger_url: str) -> Iterator[Ledger]:
    ledger = open_ledger(ledger_url, patience=5)
    yield ledger
    ledger.close()


def test_messages_come_in_and_go_out_all_the_while(
    make_house: Callable[[str], House], ledger_url: str, ledger: Ledger, write_next: Callable[[str], Path]
) -> None:
    upgrade(ledger_url)
    house = make_house(ledger_url)
    stop, numbers, slowest = threading.Event(), itertools.count(1), [0.0]

    def accept() -> int:
        done = 0
        while not stop.is_set():
            number, began = next(numbers), real_time.monotonic()
            house.accept("one-stop", dossier(number))
            house.accept("one-stop", status(number, 4, 1))
            slowest[0] = max(slowest[0], real_time.monotonic() - began)
            done += 2
        return done

    def deliver() -> None:
        while not stop.is_set():
            house.work("portal")

    with ThreadPoolExecutor(4) as pool:
        accepting, delivering = [pool.submit(accept) for _ in range(2)], pool.submit(deliver)
        real_time.sleep(0.5)
        upgrade(ledger_url, migrations=write_next("pass"))
        real_time.sleep(0.5)
        stop.set()
        accepted = sum(one.result() for one in accepting)
        delivering.result()
    house.work("portal")

    assert accepted > 0
    assert len(house.partners["portal"].effects) == accepted
    assert require_schema(ledger) == NEXT
    with ledger.read() as connection:
        assert conserve(connection) == []
        assert count(connection)["accepted"] >= accepted
        assert "ix_messages_wish" in {i["name"] for i in inspect(connection).get_indexes("messages")}
    assert slowest[0] < 5


def test_a_program_works_on_a_newer_schema_that_keeps_it_and_leaves_it_as_it_is(
    make_house: Callable[[str], House], ledger_url: str, ledger: Ledger, write_next: Callable[[str], Path]
) -> None:
    upgrade(ledger_url, migrations=write_next("pass"))

    upgrade(ledger_url)

    assert revision(ledger) == NEXT
    house = make_house(ledger_url)
    house.accept("one-stop", dossier(1))
    house.work("portal")
    assert len(house.partners["portal"].effects) == 1


def test_a_program_that_the_schema_has_left_behind_is_refused(
    tmp_path: Path, ledger_url: str, ledger: Ledger, write_next: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(ledger_url, migrations=write_next(f'raise_floor("{NEXT}")'))
    monkeypatch.setenv("LIENTHONG_LEDGER", ledger_url)

    with pytest.raises(Misconfigured, match=f"programs of {NEXT} and later") as refused:
        Gateway(tmp_path)

    assert not isinstance(refused.value, SchemaBehind), "nothing to wait for"


@pytest.mark.postgresql
def test_of_two_upgrades_at_once_the_second_waits(postgresql_server: PostgreSQL) -> None:
    name = "t_two_upgrades"
    postgresql_server.execute(f"CREATE DATABASE {name}")
    try:
        with ThreadPoolExecutor(3) as pool:
            for done in [pool.submit(upgrade, postgresql_server.url(name)) for _ in range(3)]:
                done.result(60)
        ledger = open_ledger(postgresql_server.url(name))
        assert revision(ledger) == HEAD
        ledger.close()
    finally:
        postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.mark.postgresql
def test_an_upgrade_that_is_held_up_holds_up_nobody_and_gets_its_turn(
    postgresql_server: PostgreSQL, write_next: Callable[[str], Path]
) -> None:
    migrations = write_next("pass")
    with postgresql_server.database() as url:
        ledger = open_ledger(url)
        with ThreadPoolExecutor(1) as pool:
            with ledger.write() as slow:  # a long transaction, such as a report's, over a table that is to be changed
                slow.execute(text("SELECT count(*) FROM messages"))
                done = pool.submit(upgrade, url, migrations=migrations)
                longest = 0.0
                for _ in range(40):
                    began = real_time.monotonic()
                    with ledger.read() as connection:
                        connection.execute(text("SELECT count(*) FROM messages"))
                    longest = max(longest, real_time.monotonic() - began)
                    real_time.sleep(0.05)
                assert not done.done()
                assert longest < 1.5
            done.result(60)
        assert revision(ledger) == NEXT
        ledger.close()


@pytest.mark.postgresql
def test_an_index_left_half_built_is_built_anew(
    postgresql_server: PostgreSQL, write_next: Callable[[str], Path]
) -> None:
    with postgresql_server.database() as url:
        ledger = open_ledger(url)
        with ledger.write() as connection:  # of that name, of no use
            connection.execute(text("CREATE INDEX ix_messages_wish ON messages (id)"))

        upgrade(url, migrations=write_next("pass"))

        with ledger.read() as connection:
            (found,) = [i for i in inspect(connection).get_indexes("messages") if i["name"] == "ix_messages_wish"]
        assert found["column_names"] == ["wish", "type"]
        ledger.close()
