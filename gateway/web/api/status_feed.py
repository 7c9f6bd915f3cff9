"""GET /status-feed"""

from __future__ import annotations

from typing import Any

from flask import Response

from gateway.errors import Forbidden
from gateway.ledger import feed, queries
from gateway.ledger.restoring import Restored
from gateway.web.api import api
from gateway.web.here import answer, cursor, gateway, number, parameters, plain, reader, write_cursor
from gateway.web.openapi import AFTER, answers, limit, with_parameters
from gateway.web.shapes import FeedPage

MOST, USUAL = 1000, 200
PLACE_BITS = 36


@api.get(
    "/status-feed",
    summary="Dòng trạng thái, không sót, không lặp / the feed of statuses: no gaps, no repeats",
    description="Every status event that moved a dossier, in one order that never changes. Keep `next` and ask with it; ask at once while `more`.",
    operation_id="readStatusFeed",
    responses=answers(400, 401, 403, _200=(FeedPage, "một trang / a page")),
    openapi_extensions=with_parameters(AFTER, limit(MOST, USUAL)),
)  # fmt: skip
@plain
def read_status_feed() -> Response:
    given = parameters("after", "limit")
    after, most, who = _place(cursor(given)), number(given, "limit", USUAL, MOST), reader()
    if who.reads == "none":
        words = f"đối tác {who.partner} không được đọc", f"partner {who.partner} may not read"
        raise Forbidden.of("", "may-not-read", *words)
    _place_new()
    with gateway().ledger.read() as connection:
        # The end is read first: places are given in rising order, so whatever is below it is seen by the next statement too.
        end = queries.feed_end(connection)
        rows = feed.read(connection, after, most + 1, None if who.reads == "all" else who.partner)
    full, rows = len(rows) > most, rows[:most]
    last = rows[-1].position if rows else after
    seen = end if who.reads == "all" else min(end, after + queries.LOOK)
    place = last if full else max(last, seen)
    return answer({"items": [_item(row) for row in rows], "next": _cursor(place), "more": full or place < end})


def _cursor(place: int) -> str:
    """The place, behind the minute of the last time that a copy of the ledger was put back (0: never)."""
    eras = [_minute(one) for one in gateway().restores]
    return write_cursor(max(eras, default=0) << PLACE_BITS | place)


def _place(given: int) -> int:
    """A cursor from before a copy was put back may stand behind places that were given anew: it goes back to where the copy ended."""
    era, place = given >> PLACE_BITS, given & (1 << PLACE_BITS) - 1
    return min([place, *(one.feed_end for one in gateway().restores if _minute(one) > era)])


def _minute(one: Restored) -> int:
    return int(one.at.timestamp()) // 60


def _place_new() -> None:
    """The clock gives places each second; who asks in between need not wait for it."""
    with gateway().ledger.read() as connection:
        new = feed.has_unplaced(connection)
    if new:
        with gateway().ledger.write() as connection:
            feed.place(connection)


def _item(row: Any) -> dict[str, Any]:
    return {
        "cursor": _cursor(row.position),
        "message": row.message,
        "dossier": row.dossier,
        "source": row.source,
        "status": row.status,
        "event_time": row.event_time,
        "received_time": row.received_time,
    }
