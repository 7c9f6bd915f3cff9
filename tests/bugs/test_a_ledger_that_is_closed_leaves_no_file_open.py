"""The file by which the writers of a SQLite ledger take turns stayed open for ever: one for each ledger that a process opened."""

from __future__ import annotations

import os

from gateway.ledger import open_ledger
from gateway.ledger.facts import set_cursor
from gateway.message import utc_now


def test_opening_and_closing_again_and_again_opens_no_more_files(ledger_url: str) -> None:
    open_ledger(ledger_url).close()
    before = len(os.listdir("/proc/self/fd"))

    for number in range(5):
        ledger = open_ledger(ledger_url)
        with ledger.write() as connection:
            set_cursor(connection, "portal", str(number), utc_now())
        ledger.close()

    assert len(os.listdir("/proc/self/fd")) == before
