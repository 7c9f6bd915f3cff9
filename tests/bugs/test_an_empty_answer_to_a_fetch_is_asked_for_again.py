"""A fetch answered 200 with nothing in it was kept as `null` and acknowledged as failed: the mailbox forgot the thing, and it was lost."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.mailbox.inbound import Boxes
from connectors.mailbox.settings import Box
from gateway.dialect.reading import Reading
from gateway.errors import TryLater
from gateway.http import Reply
from tests.unit.test_dialect_feeds import Desk


class Exchange:
    """One thing, whose content is `empty` when it is first fetched."""

    def __init__(self, status: int, empty: bytes) -> None:
        self.fetches = [Reply(status, {}, empty), Reply(200, {}, b'{"maHoSo": "1"}')]
        self.acknowledged: list[str] = []

    def call(self, method: str, path: str, **call: Any) -> Reply:
        if path == "/list":
            return Reply(200, {}, json.dumps({"ds": [] if self.acknowledged else [{"id": "a"}]}).encode())
        if path.startswith("/get/"):
            return self.fetches.pop(0)
        self.acknowledged.append(path)
        return Reply(200, {}, b"{}")


@pytest.mark.parametrize(("status", "empty"), [(200, b""), (200, b" \n"), (200, b"null"), (204, b"")])
def test_and_acknowledged_only_when_its_content_is_kept(status: int, empty: bytes) -> None:
    exchange = Exchange(status, empty)
    row = {
        "name": "b", "mapping": "m", "items": "/ds", "id": "/id", "list": {"path": "/list"}, "fetch": {"path": "/get/{$item}"},
        "done": {"path": "/done/{$item}", "method": "POST"}, "failed": {"path": "/failed/{$item}", "method": "POST"},
    }  # fmt: skip
    boxes = Boxes([Box.model_validate(row)], exchange, Reading(), Desk())  # type: ignore[arg-type]

    nothing = boxes.poll(None)
    with pytest.raises(TryLater) as told:
        boxes.poll(nothing.cursor)
    assert nothing.items == []
    assert (told.value.code, exchange.acknowledged) == ("empty", [])

    page = boxes.poll(nothing.cursor)
    boxes.poll(page.cursor)
    assert [json.loads(item.original) for item in page.items] == [{"maHoSo": "1"}]
    assert exchange.acknowledged == ["/done/a"]
