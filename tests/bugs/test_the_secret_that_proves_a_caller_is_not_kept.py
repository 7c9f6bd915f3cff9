"""The secret of a hook's proof stood in the document: in the original that the ledger keeps, and in the digest that names the message."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gateway.dialect.hooks import HookRow, answer
from gateway.ports import Incoming
from tests.unit.test_dialect_feeds import Desk

SECRET = "bi-mat-0123456789abcdef"


def hear(place: str, method: str = "POST", body: bytes = b"", query: Any = None, **settings: Any) -> Desk:
    proof = {"place": place, "name": "CodeGet", "secret": SECRET}
    row = {"name": "h", "path": "x", "method": method, "mapping": "m", "id": "/id", "proof": proof, **settings}
    desk = Desk()
    answer(HookRow.model_validate(row), Incoming(method, "x", {}, query or {}, body), desk)
    return desk


@pytest.mark.parametrize("place", ["query", "body"])
def test_of_what_can_be_read_all_but_the_secret_is_kept(place: str) -> None:
    told = {"id": "1", "CodeGet": SECRET}
    desk = hear("query", "GET", query=told) if place == "query" else hear("body", body=json.dumps(told).encode())

    [made] = desk.accepted
    assert (made.original, made.body) == (b'{"id":"1"}', {"mapping": "m", "made": {"id": "1"}})


@pytest.mark.parametrize(
    ("body", "steps"),
    [
        (json.dumps({"CodeGet": SECRET, "x": 1}).encode(), ["json", "at /data"]),
        (b'{"CodeGet": "%s", "x": 1, "x": 2}' % SECRET.encode(), ["json"]),
    ],
    ids=["nothing where it should be", "a key twice"],
)
def test_nor_is_it_kept_of_what_cannot_be_read(body: bytes, steps: list[str]) -> None:
    [kept] = hear("body", body=body, unwrap=steps, hold=True).held

    assert SECRET.encode() not in kept.original
    assert b'"x"' in kept.original
