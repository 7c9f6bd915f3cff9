"""The status feed: a reader that follows its cursor sees every status once, in one order, however writers commit."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy import select

from gateway.ledger import feed
from gateway.ledger.tables import statuses
from tests.house import House, dossier, status


def read_on(house: House, after: int) -> list:
    with house.gateway.ledger.write() as connection:
        feed.place(connection)
    with house.gateway.ledger.read() as connection:
        return feed.read(connection, after, 7)


def test_a_reader_among_concurrent_writers_misses_nothing(house: House) -> None:
    done = threading.Event()
    seen: list = []

    def follow() -> None:
        after = 0
        while True:
            ending = done.is_set()
            rows = read_on(house, after)
            seen.extend(rows)
            after = rows[-1].position if rows else after
            if ending and not rows:
                return

    def write(number: int) -> None:
        house.accept("one-stop", dossier(number))
        for minute in range(1, 4):
            house.accept("one-stop", status(number, 4, minute))

    reader = threading.Thread(target=follow)
    reader.start()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(1, 25)))
    done.set()
    reader.join()

    assert [r.position for r in seen] == list(range(1, 24 * 4 + 1))
    assert len({r.message for r in seen}) == 24 * 4


def test_a_status_that_commits_late_is_never_stepped_over(house: House) -> None:
    """Two writers take numbers 1 and 2; the second commits first. The first must still come to the reader."""
    if house.gateway.ledger.sqlite:
        return  # SQLite lets one writer in at a time: the case cannot arise
    house.accept("one-stop", dossier(1))
    house.accept("one-stop", dossier(2))
    first = read_on(house, 0)[-1].position
    engine = house.gateway.ledger.engine
    with engine.begin() as slow:
        slow.execute(_status_copy(house, "000.00.01.H99-260105-0001", 1001))
        with engine.begin() as quick:
            quick.execute(_status_copy(house, "000.00.01.H99-260105-0002", 1002))
        ahead = read_on(house, first)
    rest = read_on(house, ahead[-1].position)

    assert [r.dossier[-4:] for r in ahead] == ["0002"]
    assert [r.dossier[-4:] for r in rest] == ["0001"]


def _status_copy(house: House, code: str, seq: int):
    from sqlalchemy import insert, literal

    from gateway.ledger.tables import messages

    with house.gateway.ledger.write() as connection:
        old = connection.execute(select(messages).where(messages.c.dossier == code).limit(1)).one()._asdict()
        connection.execute(insert(messages).values({**old, "seq": seq, "id": f"m{seq}", "source_id": f"s{seq}"}))
    names = ["seq", "message", "dossier", "source", "status", "event_time", "received_time"]
    row = [seq, f"m{seq}", code, "one-stop", 4, old["event_time"], old["received_time"]]
    return insert(statuses).from_select(
        names, select(*[literal(v, statuses.c[n].type) for n, v in zip(names, row, strict=True)])
    )
