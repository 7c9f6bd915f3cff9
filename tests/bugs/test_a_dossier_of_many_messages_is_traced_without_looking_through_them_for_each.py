"""For each message `lienthong trace` looked through every delivery: of a dossier with 1,500 messages that was three quarters of its time."""

from __future__ import annotations

import sys
from typing import Any

from gateway.cli.trace import gather
from tests.conftest import Time
from tests.house import House, dossier, status

CODE = dossier()["dossier"]


def test_twice_the_messages_take_twice_the_steps(house: House, time: Time) -> None:
    time.move(days=1)
    house.accept("one-stop", dossier())
    taken = []
    for some in (range(1, 60), range(60, 120)):
        for minute in some:
            house.accept("one-stop", status(1, 4, minute))
        found, lines = count_lines(house)
        taken.append(lines)

    assert [len(one["deliveries"]) for one in found["messages"]] == [1] * 120
    assert taken[1] < 3 * taken[0]


def count_lines(house: House) -> tuple[dict[str, Any], int]:
    """What `trace` gathers, and how many lines of its own module ran for it."""
    count = 0

    def watch(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        if not frame.f_code.co_filename.endswith("cli/trace.py"):
            return None
        count += event == "line"
        return watch

    sys.settrace(watch)
    try:
        found = gather(house.gateway.ledger, CODE, house.gateway)
    finally:
        sys.settrace(None)
    return found, count
