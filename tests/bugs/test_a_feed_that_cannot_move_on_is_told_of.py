"""`last` on a feed that includes its boundary: with more things of one moment than a page holds the cursor stayed, and nobody heard of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from gateway.dialect.polling import Polling
from gateway.errors import Unclassified
from tests.unit.test_dialect_feeds import Desk, Partner, feed, ids, read_round

AT_EIGHT = [{"id": f"i{number}", "luc": "2026-01-05T08:00"} for number in range(3)]
LATER = [{"id": "sau", "luc": "2026-01-05T09:00"}]


def polling(rows: list[dict[str, Any]], size: int) -> Polling[Any]:
    def answer(names: Mapping[str, Any]) -> Any:
        return {"ds": [row for row in rows if row["luc"] >= names["cursor"]][:size]}

    return Polling([feed(last="/luc", page_size=size, start="2026-01-01")], Partner(answer), Desk())


def test_more_things_of_one_moment_than_a_page_holds() -> None:
    page = polling(AT_EIGHT + LATER, 2).poll(None)
    stuck = polling(AT_EIGHT + LATER, 2)
    before = stuck.poll(page.cursor)

    assert ids(before.items) == ["i0", "i1"]  # what the page held is not lost with it
    with pytest.raises(Unclassified) as told:
        stuck.poll(before.cursor)
    assert told.value.code == "feed-stuck"


def test_a_larger_page_gets_over_it() -> None:
    items, _ = read_round(polling(AT_EIGHT + LATER, 4), None)

    assert set(ids(items)) == {"i0", "i1", "i2", "sau"}


def test_a_page_that_says_there_is_more_and_shows_no_way_to_it() -> None:
    partner = Partner(lambda _: {"ds": [{"id": "a"}], "tiep": None, "con": True})
    stuck = Polling([feed(cursor="/tiep", more="/con")], partner, Desk())
    page = stuck.poll(None)

    assert ids(page.items) == ["a"]
    with pytest.raises(Unclassified, match="f:"):
        stuck.poll(page.cursor)
