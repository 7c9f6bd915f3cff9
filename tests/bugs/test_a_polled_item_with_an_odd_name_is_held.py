"""A polled item whose id held a NUL or half a surrogate pair could not be written: its page failed for ever, and the clock with it."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from gateway.flow.clock import Clock
from gateway.ledger import facts
from gateway.ledger.tables import messages
from gateway.ports import Page, Submission
from tests.house import House


@pytest.mark.parametrize("name", ["a\x00b", "a\ud800b"])
def test_the_page_is_taken_and_its_cursor_kept(house: House, name: str) -> None:
    class Feed:
        def poll(self, cursor: str | None) -> Page:
            return Page([Submission(name, {"type": name, "id": name}, b"?")], "c1", more=False)

    clock = Clock(house.gateway)
    clock._pollers["vnpost"] = Feed()

    assert clock.poll("vnpost") == 1
    assert clock.poll("vnpost") == 1

    with house.gateway.ledger.read() as connection:
        assert facts.cursor(connection, "vnpost") == "c1"
        assert connection.execute(select(messages.c.source_id, messages.c.held)).all() == [("a\ufffdb", "unreadable")]
