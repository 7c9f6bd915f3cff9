"""A partner that takes part in few dossiers reads its pages in steps: none of them walks the whole ledger."""

from __future__ import annotations

from sqlalchemy import insert

from gateway.ledger import feed
from gateway.ledger.queries import DeliveriesPage, Reader, deliveries_page
from gateway.ledger.tables import lanes
from tests.house import House, dossier

POST = Reader("vnpost", "own")


def fill(house: House) -> str:
    """Nine dossiers, of which the post takes part in the eighth; its code."""
    receipts = [house.accept("one-stop", dossier(number)) for number in range(1, 10)]
    code = receipts[7].dossier
    with house.gateway.ledger.write() as connection:
        now = house.gateway.now()
        row = {"destination": "vnpost", "dossier": code, "open": 0, "due_at": now, "urgency": now}
        connection.execute(insert(lanes), row)
        feed.place(connection)
    return code


def test_deliveries_are_looked_through_in_steps_and_the_one_is_found(house: House) -> None:
    code = fill(house)
    pages: list[DeliveriesPage] = []
    with house.gateway.ledger.read() as connection:
        while not pages or pages[-1].more:
            after = pages[-1].upto if pages else 0
            pages.append(deliveries_page(connection, POST, after=after, limit=2, look=3))
        whole = deliveries_page(connection, POST, after=0, limit=2)
        of_one = deliveries_page(connection, POST, after=0, limit=2, dossier=code, look=3)
        every = deliveries_page(connection, Reader("portal", "all"), after=0, limit=20, look=3)
    assert [[row.dossier for row in page.rows] for page in pages] == [[], [], [code]]
    assert ([row.dossier for row in whole.rows], whole.more) == ([code], False)
    assert [row.dossier for row in of_one.rows] == [code]
    assert (len(every.rows), every.more) == (9, False)


def test_a_full_page_ends_at_its_last_row(house: House) -> None:
    fill(house)
    with house.gateway.ledger.read() as connection:
        page = deliveries_page(connection, Reader("one-stop", "own"), after=0, limit=2, look=3)
    assert (len(page.rows), page.upto, page.more) == (2, page.rows[-1].id, True)


def test_the_feed_is_looked_through_in_steps(house: House) -> None:
    code = fill(house)
    with house.gateway.ledger.read() as connection:
        steps = [feed.read(connection, after, 5, "vnpost", look=3) for after in (0, 3, 6)]
        whole = feed.read(connection, 0, 5, "vnpost")
    assert [[row.dossier for row in rows] for rows in steps] == [[], [], [code]]
    assert [row.dossier for row in whole] == [code]
