"""A mailbox: what is stored is acknowledged, what is not stored never is, whatever happens in between."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sqlalchemy import text

from connectors.mailbox import connector
from connectors.mailbox.inbound import boxes_of
from connectors.mailbox.settings import Settings
from connectors.mailbox.simulator import MailboxTwin, twin_of
from gateway.flow.clock import Clock
from gateway.flow.gateway import Gateway
from gateway.ledger import facts
from gateway.simulation import Chaos, Serve
from tests import generic
from tests.conftest import Time
from tests.connectors.replay import DOSSIER
from tests.door import fresh_ledger, make_home
from tests.house import House, dossier
from tests.unit.test_dialect_feeds import Desk


class Exchange:
    """The README's mailbox: its twin, and a gateway that knows it by its file."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
        monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(home.parent))
        for name, value in generic.SECRETS.items():
            monkeypatch.setenv(name, value)
        file = generic.add_partner(home, "mailbox", options.get("change", str))
        self.twin: MailboxTwin = twin_of(generic.partner_file(file))
        self.serve = Serve(self.twin)
        monkeypatch.setenv("LIENTHONG_TRUC_URL", self.serve.start())
        self.home = home
        self.time = Time()
        self.start()

    def start(self) -> None:
        """A process begins."""
        self.gateway = Gateway(self.home, now=self.time)
        self.house = House(self.gateway)
        del self.gateway._outbounds["truc-ho-so"]
        self.clock = Clock(self.gateway)

    def put(self, name: str, **told: Any) -> None:
        content = {"errorCode": "0", **generic.row(**told)}
        self.twin.act(
            {"put": {"box": "ho-so", "row": {"profileId": name, "ten": "Nguyễn Văn Mẫu"}, "content": content}}
        )

    def poll(self) -> int:
        return self.clock.poll("truc-ho-so")

    def stored(self) -> list[tuple[str, str | None]]:
        query = "SELECT source_id, held FROM messages WHERE source = 'truc-ho-so' ORDER BY seq"
        with self.gateway.ledger.read() as connection:
            return [(row.source_id.split("-")[2], row.held) for row in connection.execute(text(query))]

    def cursor(self) -> str:
        with self.gateway.ledger.read() as connection:
            return str(facts.cursor(connection, "truc-ho-so"))

    def acknowledged(self) -> list[tuple[str, str]]:
        return [(one["item"], one["how"]) for one in self.twin.book()["acknowledged"]]


@pytest.fixture
def exchange(tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exchange]:
    made = Exchange(make_home(tmp_path), monkeypatch)
    made.house.accept("one-stop", dossier(1))
    made.house.work()
    yield made
    made.serve.stop()
    made.gateway.close()


def test_what_is_stored_is_acknowledged_and_what_cannot_be_read_is_said_to_have_failed(exchange: Exchange) -> None:
    exchange.put("P1")
    exchange.put("P2", status="LA")
    exchange.poll()

    assert exchange.stored() == [("P1", None), ("P2", "unreadable")]
    assert exchange.acknowledged() == [("P1", "done"), ("P2", "failed")]
    assert exchange.twin.book()["held"] == {"ho-so": []}


def test_nothing_is_acknowledged_before_it_is_stored(exchange: Exchange) -> None:
    exchange.put("P1")
    poller = exchange.clock._poller("truc-ho-so")
    page = poller.poll(None)  # fetched, and the process dies before the commit

    assert len(page.items) == 1
    assert exchange.acknowledged() == []
    exchange.gateway.close()
    exchange.start()
    exchange.poll()
    assert len(exchange.stored()) == 1
    assert exchange.acknowledged() == [("P1", "done")]


def test_what_was_stored_before_a_crash_is_acknowledged_after_it(exchange: Exchange) -> None:
    exchange.put("P1")
    exchange.clock.poll("truc-ho-so", lambda: False)  # one page is committed, and the process dies before the next
    assert exchange.acknowledged() == []
    exchange.gateway.close()
    exchange.start()
    exchange.poll()

    assert exchange.acknowledged() == [("P1", "done")]
    assert len(exchange.stored()) == 1


def test_the_cursor_holds_no_more_of_a_row_than_the_acknowledgement_needs(exchange: Exchange) -> None:
    exchange.put("P1")
    exchange.clock.poll("truc-ho-so", lambda: False)

    assert exchange.cursor() == '[["ho-so", "P1", "done", {"profileId": "P1"}]]'


@pytest.mark.parametrize(
    "chaos", [{"error_500": 1.0}, {"wrong_type": 1.0}, {"drop_after": 1.0}, {"drop_before": 1.0}, {"down": True}]
)
def test_a_mailbox_in_trouble_loses_and_doubles_nothing(exchange: Exchange, chaos: dict[str, Any]) -> None:
    for number in range(1, 6):
        exchange.put(f"P{number}", noiDung=f"lần {number}")
    exchange.serve.chaos = Chaos(**chaos)
    assert exchange.poll() == 0
    exchange.serve.chaos = Chaos()
    exchange.clock.poll("truc-ho-so", lambda: False)
    exchange.serve.chaos = Chaos(**chaos)
    exchange.poll()
    exchange.serve.chaos = Chaos()
    exchange.poll()

    assert len(exchange.stored()) == 5
    assert sorted({item for item, _ in exchange.acknowledged()}) == [f"P{n}" for n in range(1, 6)]
    assert exchange.twin.book()["held"] == {"ho-so": []}


def test_under_every_misfortune_at_once_all_arrive_once(exchange: Exchange) -> None:
    for number in range(1, 31):
        exchange.put(f"P{number}", noiDung=f"lần {number}")
    exchange.serve.chaos = Chaos(
        seed=7, error_500=0.1, drop_after=0.1, drop_before=0.1, wrong_type=0.1, duplicate_answer=0.1
    )
    for _ in range(40):
        exchange.poll()
    exchange.serve.chaos = Chaos()
    exchange.poll()

    assert len(exchange.stored()) == 30
    assert sorted(set(exchange.acknowledged())) == sorted((f"P{n}", "done") for n in range(1, 31))


def test_one_that_cannot_be_fetched_holds_up_no_other(exchange: Exchange) -> None:
    row = {"profileId": "P1"}
    exchange.twin.act({"put": {"box": "ho-so", "row": row, "content": {"errorCode": "0"}}})
    exchange.twin._held["ho-so"]["P0"] = ({"profileId": "khác"}, {})
    exchange.put("P2")

    exchange.poll()

    assert ("P2", "done") in exchange.acknowledged()


def test_without_failed_what_cannot_be_read_stays_until_the_mapping_reads_it(
    tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def change(file: str) -> str:
        return "\n".join(line for line in file.splitlines() if not line.startswith("failed"))

    exchange = Exchange(make_home(tmp_path), monkeypatch, change=change)
    exchange.house.accept("one-stop", dossier(1))
    exchange.house.work()
    exchange.put("P1", status="LA")
    exchange.poll()
    exchange.poll()
    assert exchange.acknowledged() == []
    assert len(exchange.stored()) == 1

    codes = exchange.home / "config/mappings/so_y_te_status/codes.csv"
    codes.write_text(codes.read_text(encoding="utf-8") + "status,LA,4,\n", encoding="utf-8")
    exchange.gateway.close()
    exchange.start()
    exchange.poll()

    assert exchange.acknowledged() == [("P1", "done")]
    assert [held for _, held in exchange.stored()] == ["unreadable", None]
    exchange.serve.stop()
    exchange.gateway.close()


def test_what_the_exchange_gets_from_us_goes_by_the_declared_calls(exchange: Exchange) -> None:
    book = exchange.twin.book()

    assert [body["maHoSo"] for body in book["bodies"]] == [DOSSIER]
    assert len(set(book["keys"])) == 1


def test_a_list_with_pages_is_read_past_what_stays_in_it() -> None:
    box = {
        "name": "b", "list": {"path": "/l", "query": {"trang": "{$page}"}}, "items": "/ds", "id": "/id", "page_size": 2,
        "done": {"method": "POST", "path": "/a/{$item}"}, "mapping": "m",
    }  # fmt: skip
    settings = {"url": "http://127.0.0.1:9", "box": [box]}
    twin = MailboxTwin(Settings.model_validate(settings))
    for number in range(5):
        twin.act({"put": {"box": "b", "row": {"id": str(number), **({"sai": 1} if number < 4 else {})}}})
    serve = Serve(twin)
    told = Settings.model_validate({**settings, "url": serve.start()})
    boxes = boxes_of(told, Path(), Desk(), "test")
    items: list[Any] = []
    cursor = None
    for _ in range(6):
        page = boxes.poll(cursor)
        items, cursor = [*items, *page.items], page.cursor
    serve.stop()

    assert [item.body is None for item in items][:5] == [True] * 4 + [False]
    assert twin.book()["held"] == {"b": ["0", "1", "2", "3"]}


@pytest.mark.parametrize(
    ("box", "told"),
    [
        ({"items": None}, "items"),
        ({"id": []}, "id"),
        ({"done": None}, "done"),
        ({"done": {"path": "/a/{$page}"}}, "done.path"),
        ({"fetch": {"path": "http://noi-khac/{$item}"}}, "hosts"),
    ],
)
def test_a_box_that_is_written_wrongly_is_refused_when_it_is_loaded(box: dict[str, Any], told: str) -> None:
    whole = {"name": "b", "list": {"path": "/l"}, "items": "/ds", "id": "/id", "done": {"path": "/a"}, "mapping": "m"}

    with pytest.raises(ValidationError) as caught:
        connector.settings.model_validate({"url": "http://127.0.0.1:9", "box": [{**whole, **box}]})
    assert told in str([(e["loc"], e["msg"]) for e in caught.value.errors()]).replace("', '", ".")
