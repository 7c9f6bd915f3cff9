"""The clock and the worker process: lost tickets cost a sweep, one process leads, a feed's page and its cursor stand or fall together."""

from __future__ import annotations

import json
import threading

import pytest
from sqlalchemy import func, select

from gateway.errors import TryLater
from gateway.flow.clock import Clock
from gateway.flow.deliver import Work
from gateway.ledger import facts
from gateway.ledger.tables import deliveries, messages, statuses
from gateway.message import utc_now
from gateway.ports import Page, Submission
from tests.house import House, dossier, status


def event(number: int, name: str, **changes) -> Submission:
    body = {
        "type": "PostalEvent", "id": name, "dossier": dossier(number)["dossier"], "event_time": "2026-01-05T09:45:00+07:00",
        "order": dossier(number)["dossier"], "leg": "return", "state": "unlisted", "their_code": "7",
    }  # fmt: skip
    body |= changes
    return Submission(body["id"], body, json.dumps(body).encode())


class Feed:
    def __init__(self, pages: list[Page]) -> None:
        self.pages = pages
        self.asked: list[str | None] = []

    def poll(self, cursor: str | None) -> Page:
        self.asked.append(cursor)
        if not self.pages:
            raise TryLater("bưu điện không trả lời", code="connect")
        return self.pages.pop(0)


def test_a_lost_ticket_costs_only_a_sweep(house: House) -> None:
    house.accept("one-stop", dossier())

    assert Clock(house.gateway).sweep() == ["portal"]
    house.work("portal")
    assert Clock(house.gateway).sweep() == []


def test_one_of_two_clocks_leads_until_it_is_gone(house: House, time) -> None:
    one, two = Clock(house.gateway), Clock(house.gateway)

    assert (one.leads(), two.leads(), one.leads()) == (True, False, True)
    time.move(seconds=16)
    assert two.leads()
    assert not one.leads()
    two.leave()
    assert one.leads()


def test_a_polled_feed_is_read_to_its_end_once(house: House) -> None:
    house.accept("one-stop", dossier())
    clock = Clock(house.gateway)
    feed = Feed([Page([event(1, "e1"), event(2, "e2")], "c1", more=True), Page([event(1, "e3")], "c2", more=False)])
    clock._pollers["vnpost"] = feed

    assert clock.poll("vnpost") == 3
    assert clock.poll("vnpost") == 0  # it does not answer: nothing is lost, the cursor stands

    assert feed.asked == [None, "c1", "c2"]
    with house.gateway.ledger.read() as connection:
        assert facts.cursor(connection, "vnpost") == "c2"
        held = (
            connection.execute(select(messages.c.source_id).where(messages.c.held == "unknown-dossier")).scalars().all()
        )
    assert set(held) == {"e1", "e2", "e3"}  # vnpost takes no part in these dossiers: kept and held


def test_a_page_that_comes_twice_changes_nothing(house: House) -> None:
    house.accept("one-stop", dossier())
    clock = Clock(house.gateway)
    clock._pollers["vnpost"] = Feed([Page([event(1, "e1")], "c1", False), Page([event(1, "e1")], "c1", False)])
    clock.poll("vnpost")
    clock.poll("vnpost")

    with house.gateway.ledger.read() as connection:
        assert connection.execute(select(func.count()).select_from(messages)).scalar_one() == 2


def test_a_tick_places_statuses_in_the_feed(house: House) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 1))
    house.accept("one-stop", status(1, 10, 2))  # held
    clock = Clock(house.gateway)
    clock._pollers["vnpost"] = Feed([])

    clock.tick()
    clock.tick()

    with house.gateway.ledger.read() as connection:
        rows = connection.execute(select(statuses.c.status, statuses.c.position).order_by(statuses.c.seq)).all()
    assert [tuple(r) for r in rows] == [(2, 1), (4, 2), (10, None)]


@pytest.mark.parametrize("killed", [False, True])
def test_a_worker_takes_up_at_once_what_was_left_and_drains_when_stopped(make_house, sqlite_url, killed) -> None:
    house = make_house(sqlite_url)
    house.gateway.now = utc_now
    for number in range(1, 41):
        house.accept("one-stop", dossier(number))
    if killed:  # every ticket of before is gone
        house.gateway.channel.close()
        from gateway.channels import open_channel

        house.gateway.channel = open_channel("memory", house.gateway.config.data)
    work = Work(house.gateway)
    work.start()
    arrived = threading.Event()

    def wait() -> None:
        while len(house.partners["portal"].effects) < 40:
            threading.Event().wait(0.02)
        arrived.set()

    threading.Thread(target=wait, daemon=True).start()
    assert arrived.wait(20)
    work.stop()

    with house.gateway.ledger.read() as connection:
        states = connection.execute(select(deliveries.c.state)).scalars().all()
    assert states == ["delivered"] * 40
