"""A database that refuses, vanishes, or is there and says nothing: whoever asks is told soon, and all goes on when it is back."""

from __future__ import annotations

import time as real_time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text

from gateway.ledger.opening import Clash, Ledger, LedgerAway, open_ledger, place_of
from tests.engines import PostgreSQL
from tests.proxy import Proxy

PATIENCE = 0.4  # of the server with a statement; of us with the server half as long again

pytestmark = pytest.mark.postgresql


@pytest.fixture
def wire(postgresql_server: PostgreSQL) -> Iterator[Proxy]:
    proxy = Proxy(postgresql_server.folder / ".s.PGSQL.5432")
    yield proxy
    proxy.speak()
    proxy.shut()


@pytest.fixture
def ledger(postgresql_server: PostgreSQL, wire: Proxy) -> Iterator[Ledger]:
    wire.open()
    with postgresql_server.database() as url:
        name = url.partition("?")[0].rpartition("/")[2]
        ledger = open_ledger(f"postgresql+psycopg://lienthong@127.0.0.1:{wire.port}/{name}", patience=PATIENCE)
        yield ledger
        ledger.close()


def ask(ledger: Ledger, statement: str = "SELECT 1") -> object:
    with ledger.read() as connection:
        return connection.execute(text(statement)).scalar()


def seconds_until_told(ledger: Ledger) -> float:
    began = real_time.monotonic()
    with pytest.raises(LedgerAway):
        ask(ledger)
    return real_time.monotonic() - began


def test_a_database_that_goes_silent_keeps_nobody_waiting_and_is_used_again_when_it_speaks(
    ledger: Ledger, wire: Proxy
) -> None:
    with ThreadPoolExecutor(20) as pool:
        assert list(pool.map(lambda _: ask(ledger), range(20))) == [1] * 20

        wire.hush()
        took = list(pool.map(lambda _: seconds_until_told(ledger), range(20)))

        assert max(took) < 10
        later = list(pool.map(lambda _: seconds_until_told(ledger), range(60)))
        assert sorted(later)[-6] < 0.2, "one asks whether it is back, the others are told at once"

        wire.speak()
        end = real_time.monotonic() + 20
        while real_time.monotonic() < end:
            try:
                assert ask(ledger) == 1
                break
            except LedgerAway:
                real_time.sleep(0.05)
        assert list(pool.map(lambda _: ask(ledger), range(20))) == [1] * 20


def test_connections_that_the_database_ended_are_thrown_away_without_anybody_noticing(
    ledger: Ledger, postgresql_server: PostgreSQL
) -> None:
    assert ask(ledger) == 1
    postgresql_server.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname LIKE 't\\_%' AND pid <> pg_backend_pid()"
    )

    assert [ask(ledger) for _ in range(5)] == [1] * 5


def test_a_statement_that_takes_too_long_is_ended_by_the_database_itself(ledger: Ledger) -> None:
    with pytest.raises(LedgerAway, match="statement timeout"):
        ask(ledger, "SELECT pg_sleep(5)")
    assert ask(ledger) == 1


def test_whoever_waits_too_long_for_a_lock_is_told_that_another_was_first(ledger: Ledger) -> None:
    with ledger.write() as connection:
        connection.execute(text("LOCK TABLE leaders IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(Clash):
            ask(ledger, "SELECT count(*) FROM leaders")


def test_a_ledger_opened_without_patience_lets_a_statement_take_its_time(postgresql_server: PostgreSQL) -> None:
    with postgresql_server.database() as url:
        ledger = open_ledger(url)
        assert ask(ledger, "SHOW statement_timeout") == "0"
        ledger.close()


def test_the_operators_own_options_win(postgresql_server: PostgreSQL) -> None:
    with postgresql_server.database() as url:
        ledger = open_ledger(f"{url}&options=-c%20statement_timeout%3D7s", patience=PATIENCE)
        assert ask(ledger, "SHOW statement_timeout") == "7s"
        ledger.close()


def test_an_address_is_told_without_its_password() -> None:
    told = place_of("postgresql+psycopg://lienthong:geheim@/ledger?host=a,b&port=1,2&password=auch")
    assert "geheim" not in told
    assert "auch" not in told
    assert "host=a,b" in told.replace("%2C", ",")
