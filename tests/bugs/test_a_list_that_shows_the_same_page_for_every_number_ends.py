"""A mailbox whose list gave the same full page for every number was asked for the next page for ever: the poll never returned."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.mailbox.inbound import Boxes
from connectors.mailbox.settings import Box
from gateway.dialect.reading import Reading
from gateway.errors import Unclassified
from gateway.http import Reply
from gateway.ports import Page
from tests.unit.test_dialect_feeds import Desk


class Exchange:
    """`pages` by number; the last of them for every number behind it. Nothing in it is ever gone."""

    def __init__(self, *pages: list[str]) -> None:
        self.pages = pages
        self.calls = 0

    def call(self, method: str, path: str, **call: Any) -> Reply:
        self.calls += 1
        assert self.calls < 100
        if path != "/list":
            return Reply(200, {}, b"{}")
        page = min(int(call["query"]["trang"]), len(self.pages)) - 1
        return Reply(200, {}, json.dumps({"ds": [{"id": name} for name in self.pages[page]]}).encode())


def boxes(exchange: Exchange) -> Boxes:
    row = {
        "name": "b", "mapping": "m", "items": "/ds", "id": "/id", "page_size": 2,
        "list": {"path": "/list", "query": {"trang": "{$page}"}}, "done": {"path": "/done/{$item}", "method": "POST"},
    }  # fmt: skip
    return Boxes([Box.model_validate(row)], exchange, Reading(), Desk())  # type: ignore[arg-type]


@pytest.mark.parametrize("pages", [[["a", "b"]], [["a", "b"], ["c", "d"], ["b", "a"]]])
def test_everything_is_taken_and_then_the_list_is_told_of(pages: list[list[str]]) -> None:
    box, page = boxes(Exchange(*pages)), Page([], "[]", more=True)
    taken: set[str] = set()

    def read_round() -> None:
        nonlocal page
        while page.more:
            page = box.poll(page.cursor)
            taken.update(item.source_id.split("-")[1] for item in page.items)

    with pytest.raises(Unclassified) as told:
        read_round()

    assert told.value.code == "list-stuck"
    assert taken == {name for names in pages for name in names}


def test_pages_that_turn_are_read_to_the_end() -> None:
    box, cursor, taken = boxes(Exchange(["a", "b"], ["b", "c"], ["d"])), None, []
    more = True
    while more:
        page = box.poll(cursor)
        cursor, more = page.cursor, page.more
        taken += [item.source_id.split("-")[1] for item in page.items]

    assert taken == ["a", "b", "c", "d"]
