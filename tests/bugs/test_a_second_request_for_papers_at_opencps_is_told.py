"""The papers were given and more were wanted before the next look: the dossier waited again, as it had, and nobody was told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.opencps.simulator import OpenCpsTwin
from gateway.simulation import Serve
from tests.civil import Desk
from tests.connectors.replay import DOSSIER
from tests.connectors.test_opencps import ACTIONS, GIVEN, dossier, dossiers, known, standings, step, told
from tests.trunks import CODE

ASKED = [("SupplementRequested", None), ("StatusChanged", 5)]


@pytest.fixture
def serve() -> Iterator[Serve]:
    serve = Serve(OpenCpsTwin())
    serve.start()
    dossiers(serve).deliver(dossier())
    yield serve
    serve.stop()


def want(serve: Serve, note: str) -> None:
    serve.twin.act({"move": {"code": CODE, "to": "waiting", "note": note}})


def look(serve: Serve, cursor: str | None, status: int) -> tuple[list[tuple[str, Any]], list[Any], str]:
    page = standings(serve, Desk(rows=[known(status=status)])).poll(cursor)
    return told(page.items), [item.body and item.body.get("content") for item in page.items], page.cursor


def test_after_the_first_was_answered(serve: Serve) -> None:
    want(serve, "Thiếu căn cước")
    _, _, cursor = look(serve, None, 2)
    _, _, cursor = look(serve, cursor, 5)
    dossiers(serve, actions=ACTIONS).deliver(step({**GIVEN, "files": []}))  # given here, and taken there
    want(serve, "Thiếu thêm sơ đồ")

    told_now, words, cursor = look(serve, cursor, 4)
    assert (told_now, words[0]) == (ASKED, "Thiếu thêm sơ đồ")
    assert look(serve, cursor, 4)[0] == []


def test_while_the_first_is_still_to_be_answered_it_is_told_afterwards(serve: Serve) -> None:
    want(serve, "Thiếu căn cước")
    _, _, cursor = look(serve, None, 2)
    want(serve, "Thiếu thêm sơ đồ")
    nothing, _, cursor = look(serve, cursor, 5)
    assert nothing == []
    told_now, words, _ = look(serve, cursor, 4)
    assert (told_now, words[0]) == (ASKED, "Thiếu thêm sơ đồ")


def test_a_cursor_with_the_word_alone_is_read_as_told(serve: Serve) -> None:
    want(serve, "Thiếu căn cước")
    nothing, _, cursor = look(serve, json.dumps({DOSSIER: "waiting"}), 4)
    assert (nothing, json.loads(cursor)[DOSSIER].startswith("waiting ")) == ([], True)
    want(serve, "Thiếu thêm sơ đồ")
    assert look(serve, cursor, 4)[0] == ASKED
