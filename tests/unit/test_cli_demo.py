"""The demo's parts: a day that the gateway takes as it is, and a comparison of books that finds every kind of lie."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.canonical import any_message
from gateway.cli.books import compare
from gateway.cli.samples import day, promotion
from gateway.cli.stage import Stage
from gateway.codes import CsvCodes
from gateway.config import default_folder
from gateway.dossiers.differences import Retelling
from gateway.flow.retell import write_retellings
from gateway.ledger.messages import histories, lock_dossier
from tests.house import House, dossier, status

END = datetime(2026, 1, 5, 9, tzinfo=UTC)
CODE = dossier()["dossier"]


def made(seed: int = 1, count: int = 60):
    return day(count, END, CsvCodes(default_folder() / "codelists"), seed)


def test_the_same_seed_gives_the_same_day_and_another_seed_another() -> None:
    assert made(1) == made(1)
    assert made(1) != made(2)


def test_every_message_of_the_day_is_canonical_and_in_order_and_some_are_to_be_held() -> None:
    pieces = made()

    for piece in pieces:
        any_message.validate_python(piece.body)
    assert pieces == sorted(pieces, key=lambda piece: piece.at)
    assert pieces[-1].at < END
    assert {piece.held for piece in pieces} == {None, "late", "terminal", "not-lawful"}
    assert {piece.body["type"] for piece in pieces} == {
        "DossierSubmitted", "StatusChanged", "ResultIssued", "SupplementRequested", "SupplementProvided", "PaymentRequested", "PaymentPaid",
    }  # fmt: skip


def test_the_gateway_takes_the_day_as_it_is_and_holds_what_must_be_held(house: House) -> None:
    for piece in made(count=40):
        for content in piece.files:
            house.gateway.files.keep([content], media_type="text/plain", source="one-stop", now=END, most=10_000)
        assert house.accept("one-stop", dict(piece.body)).held == piece.held


def test_a_promotion_notice_is_text_throughout() -> None:
    notice = promotion(7, END)

    assert notice["MaHoSo"] == "000.00.00.G22-260105-0007"
    assert json.loads(json.dumps(notice)) == notice


# ── books ───────────────────────────────────────────────────────────────────────────────────────────────────────


def row(minute: str, code: str) -> dict[str, str]:
    return {"ThoiDiemXuLy": f"202601050{minute}00", "TrangThai": code, "NoiDungXuLy": "Đang thẩm định hồ sơ"}


@pytest.fixture
def told(house: House) -> tuple[House, dict[str, Any]]:
    """A dossier delivered to the portal with two moves, an order and an event of the post, and books that say so."""
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 10))
    house.accept("one-stop", status(1, 9, 20))
    place = {"name": "Nguyễn Văn Mẫu", "phone": "0912345678", "address": {"detail": "Số 1", "province": "19"}}
    order = {
        "type": "PostalOrdered", "id": "o1", "dossier": CODE, "event_time": "2026-01-05T10:00:00+07:00", "order": CODE, "leg": "return",
        "sender": place, "receiver": place, "contents": "Kết quả",
    }  # fmt: skip
    house.accept("one-stop", order)
    event = {
        "type": "PostalEvent", "id": "e1", "dossier": CODE, "event_time": "2026-01-05T10:30:00+07:00", "order": CODE, "leg": "return",
        "state": "unlisted", "their_code": "5",
    }  # fmt: skip
    message = house.accept("vnpost", event, lenient=True)
    house.work()
    effects = [("create", "2"), ("update", "4"), ("progress", "4"), ("update", "9"), ("progress", "9")]
    portal = {
        "dossiers": {
            CODE: {
                "origin": "local", "fields": {"MaHoSo": CODE, "TrangThaiHoSo": "9"}, "creates": 1, "updates": 2, "statuses": [],
                "progress": [row("940", "4"), row("950", "9")],
            }
        },
        "effects": [{"kind": kind, "MaHoSo": CODE, "status": code} for kind, code in effects],
    }  # fmt: skip
    return house, {
        "portal": portal,
        "one-stop": {"messages": {CODE: [{"key": message.id}]}},
        "vnpost": {
            "orders": [{"OrderNumber": CODE}],
            "cancels": [],
            "events": [{"_id": {"$oid": "e1"}, "OrderNumber": CODE}],
        },
    }


def test_books_that_agree_differ_in_nothing(told: tuple[House, dict[str, Any]]) -> None:
    house, books = told

    assert compare(house.gateway.ledger, books) == []


def test_what_was_told_again_after_a_difference_is_no_further_message(told: tuple[House, dict[str, Any]]) -> None:
    house, books = told
    with house.gateway.ledger.write() as connection:
        newest = histories(connection, [CODE])[CODE][2]
        row, plan = lock_dossier(connection, CODE), [Retelling(newest.id, None, present=True)]
        write_retellings(connection, row, "portal", plan, "portal-1-0", house.gateway.now(), {})
    house.work("portal")

    assert compare(house.gateway.ledger, books) == []


def _swap(books: dict[str, Any]) -> None:
    books["portal"]["dossiers"][CODE]["progress"].reverse()


LIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "the portal has a row twice": lambda b: b["portal"]["dossiers"][CODE]["progress"].append(row("950", "9")),
    "the portal lacks a row": lambda b: b["portal"]["dossiers"][CODE]["progress"].pop(),
    "the portal has the rows in another order": _swap,
    "the portal lacks the dossier": lambda b: b["portal"]["dossiers"].pop(CODE),
    "the portal has a dossier nobody sent": lambda b: b["portal"]["dossiers"].update(
        {"X": {**b["portal"]["dossiers"][CODE]}}
    ),
    "the portal created it twice": lambda b: b["portal"]["dossiers"][CODE].update(creates=2),
    "the portal missed an update": lambda b: b["portal"]["dossiers"][CODE].update(updates=1),
    "the portal's status went back": lambda b: b["portal"]["effects"].append(
        {"kind": "update", "MaHoSo": CODE, "status": "4"}
    ),
    "the one-stop system has a message twice": lambda b: b["one-stop"]["messages"].update(
        {CODE: b["one-stop"]["messages"][CODE] * 2}
    ),
    "the one-stop system lacks a message": lambda b: b["one-stop"]["messages"].pop(CODE),
    "the one-stop system has a message nobody sent": lambda b: b["one-stop"]["messages"].update({"X": [{"key": "k"}]}),
    "the post lacks an order": lambda b: b["vnpost"]["orders"].clear(),
    "the post has an order twice": lambda b: b["vnpost"]["orders"].append({"OrderNumber": CODE}),
    "an event of the post was not read": lambda b: b["vnpost"]["events"].append({"_id": {"$oid": "e2"}}),
}


@pytest.mark.parametrize("lie", LIES)
def test_a_book_that_lies_is_found(told: tuple[House, dict[str, Any]], lie: str) -> None:
    house, books = told
    books = copy.deepcopy(books)

    LIES[lie](books)

    assert compare(house.gateway.ledger, books) != []


def test_another_terminal_gets_the_demos_environment_from_one_file(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    try:
        file = stage.write_environment()
        told = subprocess.run(
            ["/bin/sh", "-c", 'set -a; . "$1"; set +a; printenv PATH LIENTHONG_HOME LIENTHONG_PORTAL_USERNAME', "sh", file],
            env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, check=True,
        ).stdout.splitlines()  # fmt: skip
    finally:
        stage.close()

    assert told == [f"{Path(sys.executable).parent}:/usr/bin:/bin", str(tmp_path), "mot-cua"]
    assert file.stat().st_mode & 0o077 == 0
