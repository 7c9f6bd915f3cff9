"""The twins' books against the ledger: what was delivered stands at the partner once, in order, and nothing else does.

`compare` knows the books of the three twins that ship with the project, by partner id: one-stop, portal, vnpost. The head of a lane that is
still open may or may not have arrived; everything else is certain.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

from gateway.canonical.scalars import HANOI
from gateway.ledger import Ledger, standing
from gateway.ledger.tables import OPEN, RETOLD

Book = Mapping[str, Any]


def compare(ledger: Ledger, books: Mapping[str, Book]) -> list[str]:
    """A sentence per difference; an empty list when every book agrees with the ledger. Books are those of GET /_twin/book."""
    found: list[str] = []
    with ledger.read() as connection:
        for partner, book in books.items():
            rows = standing.lanes_told(connection, partner)
            found += _COMPARISONS[partner](rows, book)
            if partner == "vnpost":
                found += _heard(standing.heard_from(connection, partner), book)
    return found


def _lanes(rows: Sequence[Any]) -> Iterator[tuple[str, list[Any], list[Any]]]:
    """Each lane's dossier, what was delivered in it, and what is still open: of that the first may have arrived, wholly or in part.

    What was told again after a difference is left out: it restores what was delivered before, and adds nothing to it.
    """
    for dossier, lane in groupby(rows, key=lambda row: row.dossier):
        every = [row for row in lane if row.type != RETOLD]
        yield (
            dossier,
            [r for r in every if r.state == "delivered"],
            [r for r in every if r.state in OPEN],
        )


# ── the one-stop system: our key is its name for a message ──────────────────────────────────────────────────────


def _one_stop(rows: Sequence[Any], book: Book) -> Iterator[str]:
    there = {dossier: [line["key"] for line in lines] for dossier, lines in book["messages"].items()}
    for dossier, delivered, doubtful in _lanes(rows):
        held = there.pop(dossier, [])
        yield from _sequence(f"one-stop {dossier}", [r.message for r in delivered], held, [r.message for r in doubtful])
    for dossier, held in there.items():
        yield f"one-stop {dossier}: có bản tin mà cổng không gửi · holds messages that the ledger never sent: {held}"


def _sequence(place: str, wanted: Sequence[Any], held: Sequence[Any], perhaps: Sequence[Any]) -> Iterator[str]:
    """The held must be the wanted, in order, each once; behind them may stand the first that is in doubt."""
    if list(held) == list(wanted) or (perhaps and list(held) == [*wanted, perhaps[0]]):
        return
    for one, times in Counter(held).items():
        if times > Counter(wanted)[one]:
            yield f"{place}: thừa · {times} times instead of {Counter(wanted)[one]}: {one}"
    for one in Counter(wanted) - Counter(held):
        yield f"{place}: thiếu · missing: {one}"
    if Counter(held) == Counter(wanted):
        yield f"{place}: sai thứ tự · out of order: {list(held)}"


# ── the portal: it has no room for our key, so a row is known by its moment, its status and its words ───────────


def _portal(rows: Sequence[Any], book: Book) -> Iterator[str]:
    there = dict(book["dossiers"])
    synced: dict[str, list[str]] = {}
    for effect in book["effects"]:
        if effect["kind"] in ("create", "update"):
            synced.setdefault(effect["MaHoSo"], []).append(effect["status"])
    for dossier, delivered, doubtful in _lanes(rows):
        held = there.pop(dossier, None)
        if held is None:
            if delivered:
                yield f"portal {dossier}: thiếu cả hồ sơ · the dossier is missing"
            continue
        born_there = (delivered and delivered[0].origin == "portal") or held["origin"] == "portal"
        place = f"portal {dossier}"
        if born_there:
            yield from _told_back(place, delivered, doubtful, held)
        else:
            yield from _synchronised(place, delivered, doubtful, held, synced.get(dossier, []))
    for dossier, held in there.items():
        if held["origin"] != "portal":
            yield f"portal {dossier}: có hồ sơ mà cổng không gửi · holds a dossier that the ledger never sent"


def _synchronised(
    place: str, delivered: Sequence[Any], doubtful: Sequence[Any], held: Book, told: Sequence[str]
) -> Iterator[str]:
    """A dossier of ours: created once, its progress rows each once and in order, its status the newest told. `told`: of each sync."""
    if held["creates"] != 1:
        yield f"{place}: tạo · created {held['creates']} times"
    if held["creates"] + held["updates"] < len(delivered):
        yield f"{place}: {held['creates'] + held['updates']} lần đồng bộ, phải ít nhất · syncs, at least {len(delivered)}"
    rows = [(row["ThoiDiemXuLy"], row["TrangThai"], row["NoiDungXuLy"]) for row in held["progress"]]
    yield from _sequence(place, _steps(delivered), rows, _steps(doubtful))
    ways = [_way(delivered), _way([*delivered, *doubtful[:1]])]
    if [status for status, _ in groupby(told)] not in ways:
        yield f"{place}: trạng thái đi · statuses went {told}, phải là · should be {ways[0]}"


def _told_back(place: str, delivered: Sequence[Any], doubtful: Sequence[Any], held: Book) -> Iterator[str]:
    """A dossier born on the portal: each status told back once, in order."""
    rows = [(row["NgayXuLy"], row["NoiDung"]) for row in held["statuses"]]
    yield from _sequence(
        place, [(s[0], s[2]) for s in _steps(delivered)], rows, [(s[0], s[2]) for s in _steps(doubtful)]
    )


def _steps(rows: Sequence[Any]) -> list[tuple[str, str, str]]:
    bodies = [json.loads(row.body) for row in rows if row.type == "StatusChanged"]
    return [(_fourteen(body["event_time"]), str(body["status"]), body["content"]) for body in bodies]


def _way(rows: Sequence[Any]) -> list[str]:
    """The statuses that a dossier's syncs show, one after another, without repetition."""
    told: list[str] = []
    for row in rows:
        body = json.loads(row.body)
        if row.type == "StatusChanged" or (row.type == "DossierSubmitted" and not told):
            told.append(str(body["status"]))
    return [status for status, _ in groupby(told)]


def _fourteen(instant: str) -> str:
    return datetime.fromisoformat(instant).astimezone(HANOI).strftime("%Y%m%d%H%M%S")


# ── the post: an order is its number ────────────────────────────────────────────────────────────────────────────


def _vnpost(rows: Sequence[Any], book: Book) -> Iterator[str]:
    held: Counter[str] = Counter(order["OrderNumber"] for order in book["orders"])
    cancelled: Counter[str] = Counter(book["cancels"])
    for kind, there, word in (
        ("PostalOrdered", held, "đơn · order"),
        ("PostalCancelled", cancelled, "lệnh hủy · cancel"),
    ):
        delivered = Counter(_order(r) for r in rows if r.type == kind and r.state == "delivered")
        doubtful = {_order(r) for r in rows if r.type == kind and r.state in OPEN}
        for number in sorted(delivered.keys() | there.keys()):
            if there[number] != delivered[number] and not (number in doubtful and there[number] == 1):
                yield f"vnpost {number}: {word}: {there[number]}, phải là · should be {delivered[number]}"


def _order(row: Any) -> str:
    return str(json.loads(row.body)["order"])


def _heard(heard: Sequence[str], book: Book) -> Iterator[str]:
    """Every event of the feed came in, once, in the feed's order."""
    published = [event["_id"]["$oid"] for event in book["events"]]
    there = set(published)
    polled = [number for one in heard if (number := one.removeprefix("vnpost-")) in there]
    if polled != published[: len(polled)]:
        yield f"vnpost: hành trình đọc sai thứ tự · the feed was read out of order: {polled}"
    for missing in published[len(polled) :]:
        yield f"vnpost: chưa đọc sự kiện · event not read: {missing}"


_COMPARISONS: Mapping[str, Any] = {"one-stop": _one_stop, "portal": _portal, "vnpost": _vnpost}

__all__ = ["Book", "compare"]
