"""A partner moved from one connector to another kept its cursor, and every poll failed with a TypeError, for ever."""

from __future__ import annotations

import json
from typing import Any

import pytest
from structlog.testing import capture_logs

from connectors.mailbox.inbound import Boxes
from connectors.mailbox.settings import Box
from gateway.dialect.polling import Polling
from gateway.dialect.reading import Reading
from gateway.http import Reply
from tests.unit.test_dialect_feeds import Desk, Partner, feed, ids

FOREIGN = [
    "2026-01-05+2026-01-05T09:00:00+07:00+20",
    "7",
    "null",
    "[]x",
    '{"f": {"cursor": 7}}',
    '{"f": {"to": "hôm qua"}}',
    '{"f": {"done": "2026-01-05T09:00:00"}}',
    '{"f": {"x": "1"}}',
]
OF_REST = '{"f": {"cursor": "a"}, "": "f"}'
OF_FOLDER = '[["a.json", "0123", []]]'
OF_MAILBOX = '[["b", "a", "done", {"id": "a"}]]'


def polling(**way: Any) -> Polling[Any]:
    return Polling([feed(**way)], Partner(lambda _: {"ds": [{"id": "1"}]}), Desk())


@pytest.mark.parametrize("way", [{"cursor": "/tiep"}, {"window": "1h"}])
@pytest.mark.parametrize("cursor", [*FOREIGN, OF_FOLDER, OF_MAILBOX])
def test_a_feed_is_read_from_the_beginning_and_the_log_tells(cursor: str, way: dict[str, str]) -> None:
    with capture_logs() as logs:
        page = polling(**way).poll(cursor)

    assert ids(page.items) == ["1"]
    assert [log["event"] for log in logs] == ["cursor_of_another_shape"]
    assert json.loads(page.cursor)[""] == "f"


class Exchange:
    def __init__(self) -> None:
        self.acknowledged: list[str] = []

    def call(self, method: str, path: str, **call: Any) -> Reply:
        if path != "/list":
            self.acknowledged.append(path)
        return Reply(200, {}, json.dumps({"ds": [{"id": "z"}]}).encode())


@pytest.mark.parametrize("cursor", [*FOREIGN, OF_FOLDER, OF_REST])
def test_a_box_is_read_with_nothing_left_to_acknowledge(cursor: str) -> None:
    exchange = Exchange()
    row = {
        "name": "b",
        "mapping": "m",
        "items": "/ds",
        "id": "/id",
        "list": {"path": "/list"},
        "done": {"path": "/done/{$item}"},
    }
    box = Boxes([Box.model_validate(row)], exchange, Reading(), Desk())  # type: ignore[arg-type]

    with capture_logs() as logs:
        page = box.poll(cursor)

    assert [item.source_id.split("-")[1] for item in page.items] == ["z"]
    assert exchange.acknowledged == []
    assert [log["event"] for log in logs] == ["cursor_of_another_shape"]
    with capture_logs() as logs:
        box.poll(page.cursor)
    assert (exchange.acknowledged, logs) == (["/done/z"], [])


def test_its_own_cursor_is_read_as_it_was_written() -> None:
    with capture_logs() as logs:
        assert ids(polling(cursor="/tiep").poll(OF_REST).items) == ["1"]
    assert logs == []
