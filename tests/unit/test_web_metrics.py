"""/metrics: gauges from the ledger at each scrape, totals counted a little at a time, whoever wrote the rows."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.errors import TryLater
from gateway.ledger import metrics
from gateway.ledger.tables import attempts
from gateway.web.operations import Gauges
from tests.conftest import Time
from tests.house import House, dossier, status


class Scrape:
    """What a monitor reads, by name and labels."""

    def __init__(self, house: House) -> None:
        self.registry = CollectorRegistry()
        self.registry.register(Gauges(house.gateway))

    def __call__(self, name: str, **labels: str) -> float:
        text = generate_latest(self.registry).decode()
        samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
        found = [s.value for s in samples if s.name == name and s.labels == labels]
        assert len(found) <= 1
        return found[0] if found else 0.0


@pytest.fixture
def scrape(house: House) -> Scrape:
    return Scrape(house)


def test_totals_grow_with_what_any_process_accepts_and_delivers(house: House, scrape: Scrape) -> None:
    assert scrape("lienthong_accepted_total", source="one-stop", type="DossierSubmitted") == 0
    for number in (1, 2, 3):
        house.accept("one-stop", dossier(number))
    house.accept("one-stop", status(1, 4, 5))
    assert scrape("lienthong_accepted_total", source="one-stop", type="DossierSubmitted") == 3
    assert scrape("lienthong_accepted_total", source="one-stop", type="StatusChanged") == 1
    house.work("portal")
    for _ in range(2):
        assert scrape("lienthong_delivered_total", destination="portal") == 4
    house.accept("one-stop", dossier(4))
    house.work("portal")
    assert scrape("lienthong_accepted_total", source="one-stop", type="DossierSubmitted") == 4
    assert scrape("lienthong_delivered_total", destination="portal") == 5


def test_what_was_there_before_the_process_is_not_counted_again(house: House) -> None:
    house.accept("one-stop", dossier(1))
    house.work("portal")
    scrape = Scrape(house)
    assert scrape("lienthong_accepted_total", source="one-stop", type="DossierSubmitted") == 0
    assert scrape("lienthong_delivered_total", destination="portal") == 0


def test_waiting_its_age_and_the_open_breaker_are_read_at_each_scrape(house: House, scrape: Scrape, time: Time) -> None:
    house.partners["portal"].script = [TryLater("busy", code="503") for _ in range(20)]
    for number in range(1, 7):
        house.accept("one-stop", dossier(number))
    time.move(seconds=40)
    assert scrape("lienthong_waiting", destination="portal", state="waiting") == 6
    assert scrape("lienthong_oldest_undelivered_seconds", destination="portal") == 40
    assert scrape("lienthong_breaker_open", destination="portal") == 0
    house.work("portal")
    assert scrape("lienthong_breaker_open", destination="portal") == 1
    assert scrape("lienthong_waiting", destination="one-stop", state="parked") == 0


def test_held_messages_are_counted(house: House, scrape: Scrape) -> None:
    house.accept("one-stop", dossier(1))
    assert scrape("lienthong_held_total") == 0
    house.accept("one-stop", status(1, 10, 5))
    assert scrape("lienthong_held_total") == 1


def test_an_attempt_that_ends_long_after_later_ones_is_still_counted_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "WINDOW", 2)
    tally = metrics.delivered()
    ledger, count = house.gateway.ledger, lambda: _count(house, tally)
    for number in range(1, 7):
        house.accept("one-stop", dossier(number))
    count()
    house.work("portal")
    with ledger.write() as connection:  # the first attempt is still under way, the others have ended
        rows = connection.execute(attempts.select().order_by(attempts.c.id)).all()
        connection.execute(attempts.update().where(attempts.c.id == rows[0].id).values(ended_at=None, outcome=None))
    assert count() == 5
    with ledger.write() as connection:
        connection.execute(
            attempts.update().where(attempts.c.id == rows[0].id).values(ended_at=rows[0].ended_at, outcome="delivered")
        )
    assert [count(), count()] == [6, 6]


def test_a_long_silence_is_made_up_stride_by_stride(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "WINDOW", 1)
    monkeypatch.setattr(metrics, "STRIDE", 2)
    tally = metrics.accepted()
    with house.gateway.ledger.read() as connection:
        tally.count(connection)
    for number in range(1, 8):
        house.accept("one-stop", dossier(number))
    with house.gateway.ledger.read() as connection:
        assert tally.count(connection) == {("one-stop", "DossierSubmitted"): 7}


def _count(house: House, tally: metrics.Tally) -> int:
    with house.gateway.ledger.read() as connection:
        return tally.count(connection).get(("portal",), 0)


def test_the_metrics_tell_of_no_dossier(house: House, scrape: Scrape) -> None:
    house.accept("one-stop", dossier(1))
    text = generate_latest(scrape.registry).decode()
    assert "H99-26" not in text
    assert "Mẫu" not in text


def test_a_scrape_reads_only_indexes_and_what_is_new(make_house: Callable[[str], House], sqlite_url: str) -> None:
    house = make_house(sqlite_url)
    plans = {
        "SELECT destination, state, count(*), min(created_at) FROM deliveries WHERE ended_at IS NULL GROUP BY destination, state":
            "ix_deliveries_open",
        "SELECT count(*) FROM messages WHERE held IS NOT NULL": "ix_messages_held",
        "SELECT seq, source, type FROM messages WHERE seq > 5": "INTEGER PRIMARY KEY",
    }  # fmt: skip
    with house.gateway.ledger.read() as connection:
        for statement, index in plans.items():
            plan = " ".join(row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}"))
            assert index in plan, plan
