"""A province's list was always of the last week: what came in the days before, while the gateway was away for longer, was never asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from connectors.edxml.simulator import EdxmlTwin
from gateway.errors import TryLater
from gateway.simulation import Chaos, Request, Response, Serve
from tests.connectors.test_edxml import CODE, NOW, Desk, mailbox, read_all


class Days(EdxmlTwin):
    """Keeps the first day of each list it was asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def answer(self, request: Request) -> Response:
        if request.path.endswith("ReceivedEdocList"):
            self.asked.append(request.query.get("fromDate", ""))
        return super().answer(request)


class Later(Desk):
    at = NOW

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def serve() -> Iterator[Serve]:
    serve = Serve(Days())
    serve.start()
    yield serve
    serve.stop()


def asked(serve: Serve) -> str:
    assert isinstance(serve.twin, Days)
    return serve.twin.asked[-1]


@pytest.mark.parametrize("cursor", [None, "[]"])  # none yet, and one of before the day stood in it
def test_it_is_asked_back_to_the_day_that_was_read_whole(serve: Serve, cursor: str | None) -> None:
    desk = Later()
    page = mailbox(serve, desk, "province").poll(cursor)
    assert (asked(serve), json.loads(page.cursor)) == ("2025/12/30", {"left": [], "read_to": "2026-01-06"})

    desk.at = NOW + timedelta(days=20)
    page = mailbox(serve, desk, "province").poll(page.cursor)
    assert asked(serve) == "2026/01/06"

    mailbox(serve, desk, "province").poll(page.cursor)
    assert asked(serve) == "2026/01/19"  # at least a week


def test_a_day_counts_as_read_only_when_all_of_it_was(serve: Serve) -> None:
    desk = Later()
    feed = mailbox(serve, desk, "province")
    cursor = feed.poll(None).cursor
    serve.twin.act({"status": {"dossier": CODE, "code": "05"}})
    desk.at = NOW + timedelta(days=20)

    page = feed.poll(cursor)
    assert page.more
    assert json.loads(page.cursor)["read_to"] == "2026-01-06"  # the round goes on, and its document is not acknowledged
    serve.chaos = Chaos(error_500=1)
    with pytest.raises(TryLater):
        feed.poll(page.cursor)
    serve.chaos = Chaos()

    last = mailbox(serve, desk, "province").poll(page.cursor)
    assert json.loads(last.cursor) == {"left": [], "read_to": "2026-01-26"}


def test_a_trunk_that_gives_its_whole_list_needs_no_day(serve: Serve) -> None:
    assert read_all(mailbox(serve, Later(), "vxp"))[-1].cursor == "[]"
