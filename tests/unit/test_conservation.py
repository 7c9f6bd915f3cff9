"""Conservation: a sound ledger breaks no law, and each kind of lie is found by the law that it breaks."""

from __future__ import annotations

import pytest
from sqlalchemy import update

from gateway.errors import AskFirst, Rejected
from gateway.ledger import feed, people
from gateway.ledger.conservation import LAWS, conserve, count
from gateway.ledger.tables import FAR, lanes
from tests.house import House, dossier, status


@pytest.fixture
def busy(house: House) -> House:
    """Dossier 1 delivered and moved on, with a late event held; 2 parked with more behind it; 3 in doubt; 4 waiting; 5 discarded."""
    for number in range(1, 6):
        house.accept("one-stop", dossier(number))
    house.accept("one-stop", status(1, 4, 10))
    house.accept("one-stop", status(1, 9, 20))
    house.accept("one-stop", status(1, 4, 5))  # late: held
    for number, error in ((1, None), (2, Rejected("sai mã", code="-1")), (3, AskFirst("hết giờ", code="timeout"))):
        turn(house, number, error)
    turn(house, 5, Rejected("thiếu giấy", code="-1"))
    with house.gateway.ledger.write() as connection:
        row = next(r for r in people.parked(connection) if r.dossier.endswith("0005"))
        people.discard(connection, row.id, who="an", reason="nộp nhầm", now=house.gateway.now())
    house.accept("one-stop", status(2, 4, 10))
    with house.gateway.ledger.write() as connection:
        feed.place(connection)
    return house


def turn(house: House, number: int, error: Exception | None) -> None:
    """Let only this dossier be due, and its next call end so."""
    others = update(lanes).where(lanes.c.dossier.not_like(f"%{number:04d}"))
    with house.gateway.ledger.write() as connection:
        connection.execute(others.values(lease_until=FAR))
    house.partners["portal"].script = [error] if error else []
    house.work("portal")
    with house.gateway.ledger.write() as connection:
        connection.execute(others.values(lease_until=None))


def broken(house: House) -> set[str]:
    with house.gateway.ledger.read() as connection:
        return {finding.law for finding in conserve(connection)}


def tamper(house: House, statement: str) -> None:
    """Write a lie past every key of the tables, as a damaged disk or a careless hand would."""
    for name, meaning in NAMES.items():
        statement = statement.replace(name, meaning)
    raw = house.gateway.ledger.engine.raw_connection()
    try:
        cursor = raw.cursor()
        cursor.execute(
            "PRAGMA foreign_keys=OFF" if house.gateway.ledger.sqlite else "SET session_replication_role = replica"
        )
        cursor.execute(statement)
        raw.commit()
    finally:
        raw.invalidate()  # not for reuse: it checks no keys


def test_a_sound_ledger_breaks_no_law(busy: House) -> None:
    with busy.gateway.ledger.read() as connection:
        assert conserve(connection) == []
        sums = count(connection)

    assert sums == {"accepted": 8, "delivered": 3, "waiting": 2, "in_doubt": 1, "parked": 1, "cancelled": 1}


def test_an_empty_ledger_breaks_no_law(house: House) -> None:
    with house.gateway.ledger.read() as connection:
        assert conserve(connection) == []


NAMES = {
    "{first}": "(SELECT min(id) FROM deliveries WHERE state = 'delivered')",
    "{last}": "(SELECT max(id) FROM deliveries WHERE state = 'delivered')",
}

LIES = {
    "a delivery vanished": ("routed", "DELETE FROM deliveries WHERE id = {last}"),
    "a message says it was routed elsewhere": ("routed", "UPDATE messages SET routed = 2 WHERE seq = 1"),
    "a delivery is counted twice over": ("sum", "UPDATE messages SET routed = 0 WHERE seq = 1"),
    "a held message was sent": ("held", "UPDATE messages SET held = 'late' WHERE seq = 1"),
    "a delivery moved to another dossier": ("astray", "UPDATE deliveries SET dossier = 'x' WHERE id = {first}"),
    "a message was erased": ("astray", "DELETE FROM messages WHERE seq = 1"),
    "a delivery is in a state of its own": ("state", "UPDATE deliveries SET state = 'lost' WHERE id = {first}"),
    "a lane forgot an open delivery": ("lane-count", "UPDATE lanes SET open = 0 WHERE open = 1"),
    "a lane boasts of a delivery": ("lane-count", "UPDATE lanes SET delivered = delivered + 1"),
    "a lane was erased": ("no-lane", "DELETE FROM lanes WHERE delivered > 0"),
    "a later message went first": (
        "order",
        "UPDATE deliveries SET state = 'waiting', ended_at = NULL WHERE id = {first}",
    ),
    "good attempts began in the wrong order": (
        "order-of-proofs",
        """UPDATE attempts SET delivery = CASE delivery WHEN {first} THEN {last} ELSE {first} END
            WHERE delivery IN ({first}, {last})""",
    ),
    "a parked lane is not blocked": ("blocked", "UPDATE lanes SET blocked = false"),
    "a free lane is blocked": ("blocked", "UPDATE lanes SET blocked = true WHERE delivered > 0"),
    "a delivery is parked behind another": (
        "parked-behind",
        "UPDATE deliveries SET state = 'parked', reason = 'x' WHERE id = (SELECT max(id) FROM deliveries WHERE state = 'waiting')",
    ),
    "a delivery ended well without an attempt": ("proof", "DELETE FROM attempts WHERE outcome = 'delivered'"),
    "a delivery was done twice": (
        "proof",
        """INSERT INTO attempts (delivery, fence, kind, worker, started_at, ended_at, outcome)
            SELECT delivery, fence, kind, worker, started_at, ended_at, outcome FROM attempts WHERE delivery = {first}""",
    ),
    "a proof has no delivery": ("proof", "UPDATE deliveries SET state = 'cancelled' WHERE id = {last}"),
    "a parked delivery gives no reason": ("reason", "UPDATE deliveries SET reason = NULL WHERE state = 'parked'"),
    "a doubt gives no reason": ("reason", "UPDATE deliveries SET reason = '' WHERE state = 'in_doubt'"),
    "an ended delivery is under way": ("ended", "UPDATE deliveries SET open_attempt = 1 WHERE id = {first}"),
    "a waiting delivery has ended": ("ended", "UPDATE deliveries SET ended_at = created_at WHERE state = 'waiting'"),
    "a cancelled delivery never ended": ("ended", "UPDATE deliveries SET ended_at = NULL WHERE state = 'cancelled'"),
    "an attempt never ended": ("attempt", "UPDATE attempts SET ended_at = NULL WHERE outcome = 'rejected'"),
    "an attempt ended without an outcome": ("attempt", "UPDATE attempts SET outcome = NULL WHERE outcome = 'ask_first'"),
    "a delivery is under way in a finished attempt": (
        "under-way",
        "UPDATE deliveries SET open_attempt = 1 WHERE state = 'in_doubt'",
    ),
    "the history tells another status": ("status-row", "UPDATE statuses SET status = 5 WHERE status = 4"),
    "the history frees a held event": ("status-row", "UPDATE statuses SET held = NULL WHERE held IS NOT NULL"),
    "the history lost an event": ("status-lost", "DELETE FROM statuses WHERE status = 4 AND held IS NULL"),
    "the history lost a beginning": ("status-lost", "DELETE FROM statuses WHERE seq = 1"),
    "a late event was let through": (
        "late-applied",
        "UPDATE statuses SET held = NULL WHERE held = 'late'",
    ),
    "a dossier stands elsewhere": ("replay", "UPDATE dossiers SET status = 10 WHERE status = 9"),
    "a dossier moved at another time": ("replay", "UPDATE dossiers SET status_time = created_at WHERE status = 9"),
    "a dossier vanished": ("no-dossier", "DELETE FROM dossiers WHERE status = 9"),
    "a dossier names an old submission": ("newest", "UPDATE dossiers SET newest = 2 WHERE status = 9"),
    "a belief names no message": ("belief", "UPDATE beliefs SET message = 'none' WHERE how = 'said'"),
    "a belief has another status": ("belief", "UPDATE beliefs SET status = 3 WHERE how = 'accepted'"),
    "a system never said so": ("belief-told", "UPDATE beliefs SET how = 'said' WHERE system = 'portal'"),
    "a system was never told": (
        "belief-told",
        "UPDATE beliefs SET system = 'vnpost', how = 'accepted' WHERE system = 'one-stop'",
    ),
    "something is told again that was never told": (
        "retold",
        "UPDATE messages SET type = 'Retold', because = 'none' WHERE seq = 1",
    ),
    "a ruling on what is not held": (
        "ruling",
        "INSERT INTO rulings (message, ruling, at, who, reason) SELECT id, 'discarded', received_time, 'x', 'x' FROM messages WHERE seq = 1",
    ),
    "a held event counts as applied and was not": (
        "ruling",
        "INSERT INTO rulings (message, ruling, at, who, reason) SELECT id, 'applied', received_time, 'x', 'x' FROM messages WHERE held IS NOT NULL",
    ),
    "the feed has a gap": ("feed", "UPDATE statuses SET position = position + 100 WHERE position = 7"),
    "the feed begins late": ("feed", "UPDATE statuses SET position = NULL WHERE position = 1"),
    "the feed shows a held event": ("feed", "UPDATE statuses SET position = 9 WHERE held IS NOT NULL"),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
def test_a_lie_is_found_by_its_law(busy: House, lie: str) -> None:
    law, statement = LIES[lie]

    tamper(busy, statement)

    assert law in broken(busy), f"{lie}: not found; found instead: {broken(busy)}"


def test_every_law_has_its_lie() -> None:
    assert {law for law, _ in LIES.values()} == {law.word for law in LAWS} | {"sum"}


def test_a_finding_names_the_first_rows_and_counts_all(busy: House) -> None:
    tamper(busy, "UPDATE lanes SET delivered = delivered + 1")

    with busy.gateway.ledger.read() as connection:
        (finding,) = conserve(connection)

    assert (finding.law, finding.count, len(finding.examples)) == ("lane-count", 5, 5)
    assert all(example.startswith("portal 000.00.01.H99-260105-") for example in finding.examples)
