"""A standby after a failover refuses every write, and a full pool waits in vain: both came out as errors that ended the worker's threads."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from gateway.ledger.facts import spend_nonce
from gateway.ledger.opening import LedgerAway, open_ledger
from tests.house import House


def test_a_standby_is_away(house: House) -> None:
    ledger = house.gateway.ledger
    with ledger.engine.connect() as connection:
        if ledger.sqlite:
            connection.execute(text("PRAGMA query_only = 1"))
        else:
            name = connection.execute(text("SELECT current_database()")).scalar_one()
            connection.execute(text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
            connection.commit()
    if not ledger.sqlite:
        ledger.engine.dispose()

    with pytest.raises(LedgerAway), ledger.write() as connection:
        spend_nonce(connection, "key", "nonce", house.gateway.now())


def test_a_full_pool_is_away(ledger_url: str) -> None:
    ledger = open_ledger(ledger_url, pool=1)
    ledger.engine.pool._timeout = 0.1  # type: ignore[attr-defined]
    with ledger.read(), ledger.read(), pytest.raises(LedgerAway), ledger.read():
        pass
    ledger.close()
