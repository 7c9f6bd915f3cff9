"""Statistics looked for ratings among all messages, bodies and all, at every question; the look for held events whose cause is mended walked
all of them by their ids, every five seconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sqlalchemy import insert, text

from gateway.ledger import believing, doubts, lives, reconciling, rulings
from gateway.ledger.queries import Reader
from gateway.ledger.tables import deliveries, differences, dossiers, lanes, messages
from tests.bugs.test_the_work_index_answers_which_lane_is_due import plans
from tests.house import House

START = datetime(2026, 1, 5, tzinfo=UTC)
MANY = 8000


def fill(house: House) -> None:
    """Many finished things, and very few of what is looked for."""
    instants = [START + timedelta(minutes=n) for n in range(MANY)]
    told = [
        {
            "seq": n, "id": f"m{n}", "source": "one-stop", "source_id": f"s{n}", "type": "RatingGiven" if n % 1000 == 0 else "StatusChanged",
            "dossier": f"d{n}", "event_time": at, "received_time": at, "digest": "", "content_type": "", "original": b"", "body": "{}",
            "held": "not-lawful" if n % 2000 == 1 else None, "routed": 1,
        }
        for n, at in enumerate(instants, start=1)
    ]  # fmt: skip
    codes = [
        {
            "code": f"d{n}", "owner": "one-stop", "origin": "local", "procedure": "p", "organisation": "o", "channel": 1, "status": 9,
            "status_time": at, "status_seq": n, "newest": n, "created_at": at,
        }
        for n, at in enumerate(instants, start=1)
    ]  # fmt: skip
    gone = [
        {
            "message_seq": n, "dossier": f"d{n}", "destination": "portal", "state": "delivered" if n % 2000 else "in_doubt", "created_at": at,
            "ended_at": at if n % 2000 else None,
        }
        for n, at in enumerate(instants, start=1)
    ]  # fmt: skip
    ways = [
        {
            "destination": "portal",
            "dossier": f"d{n}",
            "open": int(n % 2000 == 0),
            "delivered": 1,
            "due_at": at,
            "urgency": at,
        }
        for n, at in enumerate(instants, start=1)
    ]
    differing = [
        {
            "system": "portal", "dossier": f"d{n}", "kind": "behind", "state": "healed", "seen": 1, "rounds": 0, "plan": "[]", "found_at": at,
            "again_at": at, "ended_at": at if n % 2000 else None,
        }
        for n, at in enumerate(instants, start=1)
    ]  # fmt: skip
    rows = ((messages, told), (dossiers, codes), (deliveries, gone), (lanes, ways), (differences, differing))
    with house.gateway.ledger.write() as connection:
        for table, some in rows:
            connection.execute(insert(table), some)
    with house.gateway.ledger.write() as connection:
        for table, _ in rows:
            connection.execute(text(f"ANALYZE {table.name}"))


def test_what_is_asked_often_is_answered_by_an_index(house: House) -> None:
    fill(house)
    until = START + timedelta(days=1)
    wanted = {
        "ix_messages_ratings": lambda c: lives.ratings(c, Reader("", "all"), since=START, until=until),
        "uq_differences_open": lambda c: reconciling.due_again(c, "portal", until),
        "ix_deliveries_lane": lambda c: reconciling.told_rows(c, "portal", "d5"),
        "ix_messages_held": lambda c: rulings.mended(c, "", 200),
        "ix_deliveries_open": lambda c: doubts.doubts(c, destination="portal"),
    }

    found = {index: plans(house, ask) for index, ask in wanted.items()}

    assert [index for index, told in found.items() if not any(index in plan for plan in told)] == []
    counted = plans(house, lambda c: reconciling.open_count(c, "portal"))
    assert all("uq_differences_open" in plan for plan in counted)


def test_one_dossiers_beliefs_are_gathered_without_a_scan(house: House) -> None:
    fill(house)

    found = plans(house, lambda c: believing.gather(c, "d5"))

    walked = [
        plan
        for plan in found
        for t in ("messages", "deliveries", "lanes")
        if f"SCAN {t}" in plan or f"Seq Scan on {t}" in plan
    ]
    assert walked == []
