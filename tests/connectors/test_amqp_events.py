"""Events on the bus: CloudEvents under the right key, one confirm for each, and what each confirm means."""

from __future__ import annotations

import json
import shutil
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from connectors.amqp_events import FOLDER, connector
from connectors.amqp_events.client import routing_key
from connectors.amqp_events.outbound import Events
from connectors.amqp_events.settings import Settings
from gateway.channels.memory_bus import MemoryBroker, MemoryBus
from gateway.channels.topology import Exchange, Queue, Topology, topology
from gateway.config import Config, default_folder
from gateway.errors import TryLater
from gateway.flow.deliver import Courier
from gateway.flow.gateway import Gateway
from gateway.outcomes import Outcomes
from gateway.ports import Bus, BusAway, Confirm, Found, Partner, Publication, Receipt
from tests.conftest import Time
from tests.connectors.replay import DOSSIER, Watched, outcome_of, parcel, read_samples, words_of
from tests.house import House, dossier, plain_config, status

OUTCOMES = Outcomes.load(FOLDER / "outcomes.toml")
SAMPLES = read_samples(FOLDER)
HEADING = {"organisation": "000.00.02.H99", "procedure": "1.001193", "status": "4"}


class Saying(MemoryBus):
    """A broker whose word is given."""

    def __init__(self, word: str) -> None:
        super().__init__(MemoryBroker(Topology([Exchange("dossier", "topic")], [])))
        self.word = word
        self.published: list[Publication] = []

    def publish(self, publications: Sequence[Publication], timeout: float) -> Sequence[Confirm]:
        if self.word == "away":
            raise BusAway("127.0.0.1:5672: refused")
        self.published += publications
        return [Confirm(self.word) for _ in publications]


def event(**more: Any) -> Any:
    body = {"type": "StatusChanged", "id": "tt-1", "dossier": DOSSIER, "status": 4, "content": "Đang thẩm định"}
    return parcel("StatusChanged", {"message": body, "heading": HEADING}, body, **more)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda s: s.name)
def test_every_sample_ends_as_its_table_says(sample: Any) -> None:
    watched = Watched(OUTCOMES._rules)
    bus: Bus = Saying(sample.reply.json()["confirm"])
    documents = {"message": sample.request, "heading": HEADING}

    outcome, reason = outcome_of(
        lambda: Events(bus, watched, 5).deliver(parcel("StatusChanged", documents, sample.request))
    )

    assert (outcome, watched.decided) == (sample.expected["outcome"], [sample.expected["rule"]])
    assert reason == "" or reason.endswith(words_of(OUTCOMES, sample.expected["rule"]))


def test_every_row_of_the_table_has_a_sample_and_every_word_of_the_bus_a_row() -> None:
    assert {s.expected["rule"] for s in SAMPLES} == {v.rule for v in OUTCOMES.verdicts}
    assert {s.reply.json()["confirm"] for s in SAMPLES} == {c.value for c in Confirm} | {"away"}


def test_an_event_carries_all_its_attributes() -> None:
    bus = Saying("kept")
    trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

    receipt = Events(bus, OUTCOMES, 5).deliver(event(trace=trace))

    (sent,) = bus.published
    assert receipt == Receipt("kept", "")
    assert (sent.exchange, sent.key) == ("dossier", "dossier.000-00-02-H99.1-001193.4")
    assert (sent.id, sent.content_type) == ("0199aa00-0000-7000-8000-000000000001", "application/json")
    assert json.loads(sent.body)["content"] == "Đang thẩm định"
    assert sent.headers == {
        "cloudEvents_specversion": "1.0",
        "cloudEvents_id": sent.id,
        "cloudEvents_source": "urn:lienthong:partner:one-stop",
        "cloudEvents_type": "vn.lienthong.dossier.StatusChanged.v1",
        "cloudEvents_subject": DOSSIER,
        "cloudEvents_time": "2026-01-05T05:00:00Z",
        "cloudEvents_dataschema": "urn:lienthong:schema:StatusChanged:v1",
        "cloudEvents_traceparent": trace,
    }


def test_a_code_is_one_word_of_the_key() -> None:
    assert routing_key("000.00.02.H99", "1.001193", "10") == "dossier.000-00-02-H99.1-001193.10"


def test_events_in_one_go_each_have_their_own_end() -> None:
    class Mixed(Saying):
        def publish(self, publications: Sequence[Publication], timeout: float) -> Sequence[Confirm]:
            return [Confirm.KEPT, Confirm.REFUSED, Confirm.UNROUTED, Confirm.UNSAID][: len(publications)]

    results = Events(Mixed("kept"), OUTCOMES, 5).deliver_together([event() for _ in range(4)])

    assert [type(r).__name__ for r in results] == ["Receipt", "TryLater", "Receipt", "AskFirst"]


def test_a_broker_that_is_away_is_told_once_for_all() -> None:
    with pytest.raises(TryLater, match=r"127\.0\.0\.1:5672"):
        Events(Saying("away"), OUTCOMES, 5).deliver_together([event(), event()])


def test_sending_again_cannot_double_anything() -> None:
    assert Events(Saying("away"), OUTCOMES, 5).find(event(in_doubt=True)) is Found.ABSENT


def test_a_check_publishes_nothing_that_anybody_keeps() -> None:
    broker = MemoryBroker(Topology([Exchange("dossier", "topic")], [Queue("all", {}, [("dossier", "#")])]))
    (well,) = Events(broker.connect(), OUTCOMES, 5).check()
    broker.go_away()
    (ill,) = Events(broker.connect(), OUTCOMES, 5).check()

    assert (well.ok, ill.ok) == (True, False)
    assert not broker.boxes["all"].waiting


def test_the_connector_says_what_it_is() -> None:
    told = tomllib.loads((FOLDER / "connector.toml").read_text(encoding="utf-8"))
    assert told["name"] == connector.name == FOLDER.name
    assert all(v == "done" or v["exempt"] for v in told["quality"].values())
    assert connector.delivers


def test_the_status_table_knows_all_ten() -> None:
    rows = tomllib.loads((FOLDER / "statuses.toml").read_text(encoding="utf-8"))["status"]
    assert [(r["theirs"], r["ours"]) for r in rows] == [(str(n), n) for n in range(1, 11)]


# ── through the gateway ─────────────────────────────────────────────────────────────────────────────────────────

BUS = (
    'id = "bus"\nname = "Trục sự kiện"\nname_en = "Event bus"\nconnector = "amqp_events"\nsends = []\nreads = "none"\n'
)
READER = (
    'id = "so-y-te"\nname = "Sở Y tế"\nname_en = "Health"\nconnector = "one_stop_rest"\n[amqp]\nevents = ["{key}"]\n'
)
ROUTE = '\n[[route]]\nname = "Mọi bản tin lên trục sự kiện"\nwhen = {}\nto = ["bus"]\n'


@pytest.fixture
def house(tmp_path: Path, sqlite_url: str, time: Time, addresses: None) -> Iterator[House]:
    home = tmp_path / "home"
    shutil.copytree(default_folder(), home / "config")
    plain_config(home / "config")
    (home / "config" / "partners" / "bus.toml").write_text(BUS, encoding="utf-8")
    (home / "config" / "partners" / "so-y-te.toml").write_text(
        READER.format(key="dossier.000-00-01-H99.1-001193.*"), encoding="utf-8"
    )
    with (home / "config" / "routes.toml").open("a", encoding="utf-8") as routes:
        routes.write(ROUTE)
    config = Config(home)
    config.settings = config.settings.model_copy(update={"ledger": sqlite_url})
    bus = MemoryBroker(topology(config)).connect()
    made = House(Gateway(home, now=time, config=config, bus=bus))
    partner = Partner("bus", "", "", "amqp_events", Settings(), {})
    assert connector.over_bus is not None
    made.gateway._outbounds["bus"] = connector.over_bus(partner, bus)
    yield made
    made.gateway.close()


def test_a_dossiers_messages_reach_the_subscriber_in_order_with_the_status_as_of_each(house: House) -> None:
    house.accept("one-stop", dossier(1))
    house.accept("one-stop", status(1, 4, 10))
    house.accept("one-stop", status(1, 9, 20))
    courier = Courier(house.gateway, "bus")
    while courier.step() or courier._flying:
        pass
    courier._drain()

    bus = house.gateway.bus
    bus.attend(["events.so-y-te"], 10)
    came = bus.receive(10, 1)

    assert [a.headers["cloudEvents_type"].split(".")[3] for a in came] == [
        "DossierSubmitted",
        "StatusChanged",
        "StatusChanged",
    ]
    assert [json.loads(a.body)["status"] for a in came] == [2, 4, 9]
    assert {a.headers["cloudEvents_subject"] for a in came} == {dossier(1)["dossier"]}
    with house.gateway.ledger.read() as connection:
        states = connection.exec_driver_sql("SELECT DISTINCT state FROM deliveries WHERE destination = 'bus'").all()
    assert [tuple(s) for s in states] == [("delivered",)]
