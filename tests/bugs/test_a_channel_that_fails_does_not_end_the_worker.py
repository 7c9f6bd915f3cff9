"""Tickets are hints; a broker that raised ended the thread that listens to it, and with it every delivery of the process."""

from __future__ import annotations

import threading

from gateway.flow.deliver import Work
from gateway.message import utc_now


def test_the_couriers_work_without_tickets(make_house, sqlite_url, monkeypatch) -> None:
    house = make_house(sqlite_url)
    house.gateway.now = utc_now
    failed = threading.Event()

    def take(timeout: float):
        failed.set()
        raise OSError("the folder is gone")

    monkeypatch.setattr(house.gateway.channel, "take", take)
    work = Work(house.gateway)
    work.start()
    try:
        assert failed.wait(5)
        threading.Event().wait(0.2)
        assert work.alive()
    finally:
        work.stop()
