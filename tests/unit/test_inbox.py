"""The inbox: CloudEvents from agencies' queues, receipts and problems back, and what happens when something dies in between."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gateway.canonical.cloudevents import event_type, write_headers
from gateway.channels.memory_bus import MemoryBroker, MemoryBus
from gateway.channels.topology import topology
from gateway.cli.work import _inbox
from gateway.config import Config, default_folder
from gateway.errors import Misconfigured, Refused
from gateway.flow.event import read_event
from gateway.flow.gateway import Gateway
from gateway.flow.inbox import Inbox
from gateway.ledger.opening import LedgerAway
from gateway.ports import Arrival, Confirm, Publication
from tests.conftest import Time
from tests.house import House, dossier, plain_config, status

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Agency:
    """The one-stop system, over the broker: what it sends, and what it is answered."""

    def __init__(self, broker: MemoryBroker, partner: str = "one-stop") -> None:
        self.partner = partner
        self.bus = broker.connect(user=partner)
        self.bus.attend([f"reply.{partner}"], 1000)

    def send(self, body: Any, **changes: Any) -> None:
        """A message as a CloudEvent in binary mode. `attributes` and `headers` are laid over what is right; the rest is AMQP's."""
        attributes = {"specversion": "1.0", "id": body["id"], "source": "/mot-cua", "type": event_type(body["type"])}
        attributes |= changes.pop("attributes", {})
        raw = changes.pop("raw", None) or json.dumps(body, ensure_ascii=False).encode()
        headers = write_headers(attributes) | changes.pop("headers", {})
        self.put(raw, id=changes.pop("id", f"amqp-{body['id']}"), headers=headers, **changes)

    def put(self, raw: bytes, **more: Any) -> None:
        sent = Publication(f"send.{self.partner}", f"inbox.{self.partner}", raw, **more)
        assert list(self.bus.publish([sent], 5)) == [Confirm.KEPT]

    def answers(self) -> list[Arrival]:
        came = list(self.bus.receive(1000, 0))
        self.bus.done(came)
        return came


class Town:
    """A house that agencies may write to, its broker, and inboxes that can be killed."""

    def __init__(self, home: Path, url: str, time: Time) -> None:
        shutil.copytree(default_folder(), home / "config")
        plain_config(home / "config")
        for name in ("one-stop", "portal"):
            file = home / "config" / "partners" / f"{name}.toml"
            file.write_text(file.read_text(encoding="utf-8") + "\n[amqp]\ninbox = true\n", encoding="utf-8")
        config = Config(home)
        rules = config.settings.rabbitmq.model_copy(update={"delivery_limit": 3})
        config.settings = config.settings.model_copy(update={"ledger": url, "rabbitmq": rules})
        self.house = House(Gateway(home, now=time, config=config))
        self.broker = MemoryBroker(topology(config))
        self.agency = Agency(self.broker)

    def inbox(self, bus: Any = None) -> Inbox:
        """A process's inbox, attending."""
        made = Inbox(self.house.gateway, bus or self.broker.connect(), pause=0.01, patience=0.05)
        made.bus.attend(list(made.partners), 200)
        return made

    def work(self, inbox: Inbox | None = None) -> list[tuple[str, dict[str, Any]]]:
        """Until the inboxes are empty; the answers by correlation id."""
        mine = inbox or self.inbox()
        while mine.step(timeout=0):
            pass
        if inbox is None:
            mine.bus.close()  # type: ignore[attr-defined]
        return [(a.reply_of or "", json.loads(a.body) | {"http": a.headers["status"]}) for a in self.agency.answers()]

    def count(self, table: str) -> int:
        with self.house.gateway.ledger.read() as connection:
            return int(connection.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608


@pytest.fixture
def town(tmp_path: Path, ledger_url: str, time: Time, addresses: None) -> Iterator[Town]:
    made = Town(tmp_path / "home", ledger_url, time)
    yield made
    made.house.gateway.close()


@pytest.fixture
def small(tmp_path: Path, sqlite_url: str, time: Time, addresses: None) -> Iterator[Town]:
    """The same, where the engine does not matter."""
    made = Town(tmp_path / "home", sqlite_url, time)
    yield made
    made.house.gateway.close()


# ── what comes in ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_dossier_and_its_status_are_accepted_in_order_and_answered_as_rest_does(town: Town) -> None:
    town.agency.send(dossier(1))
    town.agency.send(status(1, 4, 10))

    (first, one), (second, two) = town.work()

    assert (first, one["http"], one["type"]) == ("amqp-" + dossier(1)["id"], "202", "DossierSubmitted")
    assert (second, two["http"], two["type"]) == ("amqp-" + status(1, 4, 10)["id"], "202", "StatusChanged")
    assert one["source"] == "one-stop"
    assert set(one) - {"http"} == {
        "id", "source", "source_id", "type", "dossier", "received_time", "destinations", "held", "repeated", "warnings", "doubts"
    }  # fmt: skip
    assert town.count("messages") == 2


def test_what_was_sent_twice_is_accepted_once_and_gets_its_first_receipt_again(town: Town) -> None:
    for _ in range(3):
        town.agency.send(dossier(1))

    answers = [body for _, body in town.work()]

    assert [a["repeated"] for a in answers] == [False, True, True]
    assert [a["http"] for a in answers] == ["202", "200", "200"]
    assert len({a["id"] for a in answers}) == 1
    assert town.count("messages") == 1


def test_a_message_that_came_by_rest_is_known_over_amqp(small: Town) -> None:
    first = small.house.accept("one-stop", dossier(1))

    small.agency.send(dossier(1))

    ((_, answer),) = small.work()
    assert (answer["id"], answer["repeated"]) == (first.id, True)


def test_structured_mode_and_the_other_spelling_of_headers_are_read_too(small: Town) -> None:
    body = dossier(1)
    event = {"specversion": "1.0", "id": body["id"], "source": "/x", "type": event_type(body["type"]), "data": body}
    small.agency.put(json.dumps(event).encode(), id="m1", content_type="application/cloudevents+json; charset=UTF-8")
    body = dossier(2)
    event = {"specversion": "1.0", "id": body["id"], "source": "/x", "type": event_type(body["type"])}
    headers = {f"cloudEvents:{k}": v for k, v in event.items()}
    small.agency.put(json.dumps(body).encode(), id="m2", headers=headers)

    assert [(m, a["http"]) for m, a in small.work()] == [("m1", "202"), ("m2", "202")]


def test_type_and_id_may_stand_in_the_event_alone(small: Town) -> None:
    body = dossier(1)
    bare = {k: v for k, v in body.items() if k not in ("id", "type")}
    small.agency.send(body, raw=json.dumps(bare).encode())
    small.agency.send(body)

    assert [a["http"] for _, a in small.work()] == ["202", "200"]


def test_an_answer_names_the_events_id_where_the_message_has_none(small: Town) -> None:
    small.agency.send(dossier(1), id="")

    ((cause, _),) = small.work()
    assert cause == dossier(1)["id"]


def test_the_trace_of_each_message_is_kept(small: Town) -> None:
    small.agency.send(dossier(1), attributes={"traceparent": TRACE})
    small.agency.send(dossier(2), attributes={"traceparent": "nonsense"})
    small.work()

    with small.house.gateway.ledger.read() as connection:
        kept = connection.execute(text("SELECT trace FROM messages ORDER BY seq")).scalars().all()
    assert list(kept) == [TRACE, None]


def test_what_no_database_takes_in_a_header_does_no_harm(town: Town) -> None:
    """An AMQP header may hold a zero byte; an HTTP header cannot."""
    town.agency.send(
        dossier(1), content_type="application/json; x=\0", attributes={"traceparent": f"{TRACE[:-2]}01-\0"}
    )
    town.agency.send(dossier(2), attributes={"source": "\0", "subject": "\0"}, headers={"\0": "\0"})

    assert [a["http"] for _, a in town.work()] == ["202", "202"]


# ── what is refused ─────────────────────────────────────────────────────────────────────────────────────────────


def refusal(town: Town) -> tuple[str, dict[str, str]]:
    """HTTP status, and pointer → code of every fault, of the one answer; nothing is left in the inbox."""
    ((_, body),) = town.work()
    assert body["type"].startswith("urn:lienthong:problem:")
    assert body["instance"] == "inbox.one-stop"
    assert all(f["detail"] and f["detail_en"] for f in body["faults"])
    assert not town.broker.boxes["inbox.one-stop"].waiting
    return body["http"], {f["pointer"]: f["code"] for f in body["faults"]}


def test_every_fault_of_a_message_is_told(small: Town) -> None:
    small.agency.send(dossier(1, channel=9, status="2", strange=1))

    status_, faults = refusal(small)

    assert status_ == "422"
    assert {"/channel", "/status", "/strange"} <= set(faults)


def test_a_type_or_an_id_that_differs_is_told_with_all_else(small: Town) -> None:
    small.agency.send(dossier(1, channel=9), attributes={"type": event_type("StatusChanged"), "id": "other"})

    status_, faults = refusal(small)

    assert status_ == "422"
    assert faults["/type"] == "type-differs"
    assert faults["/id"] == "id-differs"
    assert len(faults) > 2


@pytest.mark.parametrize(
    ("changes", "answered", "faults"),
    [
        ({"raw": b"{"}, "400", {"": "not-json"}),
        ({"raw": b'{"a":1,"a":2}'}, "400", {"": "name-twice"}),
        ({"raw": b"\xff"}, "400", {"": "not-utf8"}),
        ({"content_type": "application/xml"}, "415", {"": "unsupported-type"}),
        ({"content_type": ""}, "415", {"": "unsupported-type"}),
        ({"content_type": "application/json; charset=utf-16"}, "415", {"": "unsupported-type"}),
        ({"content_type": "application/cloudevents+avro"}, "415", {"": "unsupported-type"}),
        ({"content_type": "application/cloudevents-batch+json"}, "415", {"": "unsupported-type"}),
        ({"attributes": {"specversion": "0.3"}}, "400", {"cloudEvents_specversion": "specversion"}),
        ({"attributes": {"specversion": None, "source": ""}}, "400",
         {"cloudEvents_specversion": "missing", "cloudEvents_source": "missing"}),
        ({"attributes": {"type": "com.example.happened"}}, "400", {"cloudEvents_type": "event-type"}),
        ({"headers": {"cloudEvents:id": "x"}}, "400", {"": "two-spellings"}),
        ({"raw": b" " * (1 << 20) + b"{}"}, "413", {"": "too-large"}),
        ({"raw": b'"text"'}, "422", {"": "model-type"}),
        ({"attributes": {"type": event_type("Nonsense")}}, "422", {"/type": "type-differs"}),
    ],
)  # fmt: skip
def test_what_is_no_event_of_ours_gets_a_problem(small: Town, changes: Any, answered: str, faults: Any) -> None:
    small.agency.send(dossier(1), **changes)

    status_, found = refusal(small)

    assert status_ == answered
    assert faults.items() <= found.items()
    assert small.count("messages") == 0


@pytest.mark.parametrize("raw", [b"", b"null", b"[]", b"{}", b'{"data": 1}', b'{"data_base64": "e30="}', b"x" * 70000])
def test_any_structured_body_gets_an_answer(small: Town, raw: bytes) -> None:
    small.agency.put(raw, id="m", content_type="application/cloudevents+json")

    assert refusal(small)[0] in ("400", "422")


def test_a_message_without_any_event_gets_a_problem(small: Town) -> None:
    small.agency.put(json.dumps(dossier(1)).encode(), id="m")

    assert refusal(small) == ("400", {"": "not-an-event"})


def test_what_another_user_published_is_refused(small: Town) -> None:
    stranger = Agency(small.broker)
    stranger.bus = small.broker.connect(user="portal")
    stranger.send(dossier(1))

    assert refusal(small) == ("403", {"": "other-user"})


def test_what_the_partner_may_not_say_is_refused_as_over_rest(small: Town) -> None:
    small.agency.send(dossier(1, origin="portal"))

    assert refusal(small) == ("403", {"/origin": "origin-not-allowed"})


def test_a_bad_one_does_not_keep_the_good_ones_out(small: Town) -> None:
    small.agency.send(dossier(1))
    small.agency.send(dossier(2), raw=b"{")
    small.agency.send(dossier(3, channel=9))
    small.agency.send(dossier(4))

    assert [a["http"] for _, a in small.work()] == ["202", "400", "422", "202"]


header_values = st.one_of(
    st.text(max_size=20), st.integers(), st.none(), st.binary(max_size=9), st.lists(st.integers())
)


@given(
    st.binary(max_size=60) | st.sampled_from([b"{}", b'{"data":{}}', json.dumps(dossier(1)).encode()]),
    st.sampled_from(["", "application/json", "application/cloudevents+json", "application/json;charset=x", "\x00;"]),
    st.dictionaries(
        st.sampled_from([f"cloudEvents{s}{n}" for s in "_:" for n in ("id", "type", "source", "specversion", "traceparent")]),
        header_values,
    ),
)  # fmt: skip
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_comes_is_read_or_refused_and_nothing_else(raw: bytes, kind: str, headers: dict[str, Any]) -> None:
    arrival = Arrival("inbox.one-stop", raw, kind, None, None, None, headers, again=False)
    with suppress(Refused):
        assert read_event(arrival, "one-stop", 1 << 20).original == raw


# ── when something dies ─────────────────────────────────────────────────────────────────────────────────────────


class Killed(BaseException):
    """The process ends here."""


class Mortal(MemoryBus):
    """A connection whose process is killed right before, or right after, one of the bus's verbs."""

    def __init__(self, broker: MemoryBroker, verb: str, *, after: bool) -> None:
        super().__init__(broker)
        self.verb, self.after = verb, after

    def _die(self, verb: str, *, after: bool) -> None:
        if (verb, after) == (self.verb, self.after):
            raise Killed

    def publish(self, publications: Sequence[Publication], timeout: float) -> Sequence[Confirm]:
        self._die("publish", after=False)
        said = super().publish(publications, timeout)
        self._die("publish", after=True)
        return said

    def done(self, arrivals: Sequence[Arrival]) -> None:
        self._die("done", after=False)
        super().done(arrivals)
        self._die("done", after=True)


@pytest.mark.parametrize(("verb", "after", "repeated"), [
    ("publish", False, [True, True]),
    ("publish", True, [False, False, True, True]),
    ("done", False, [False, False, True, True]),
    ("done", True, [False, False]),
])  # fmt: skip
def test_killed_anywhere_nothing_is_lost_and_nothing_is_accepted_twice(
    town: Town, verb: str, after: bool, repeated: list[bool]
) -> None:
    town.agency.send(dossier(1))
    town.agency.send(dossier(2))
    bus = Mortal(town.broker, verb, after=after)
    with pytest.raises(Killed):
        town.inbox(bus).step(timeout=0)
    bus.close()

    answers = [body for _, body in town.work()]

    assert [a["repeated"] for a in answers] == repeated
    assert len({a["id"] for a in answers}) == 2
    assert town.count("messages") == 2
    assert not town.broker.boxes["inbox.one-stop"].waiting


def test_an_answer_that_nobody_keeps_leaves_the_message_where_it_was(small: Town) -> None:
    reply = small.broker.boxes.pop("reply.one-stop")
    small.agency.send(dossier(1))
    inbox = small.inbox()
    inbox.step(timeout=0)
    assert len(small.broker.boxes["inbox.one-stop"].waiting) == 1

    small.broker.boxes["reply.one-stop"] = reply

    ((_, answer),) = small.work(inbox)
    assert answer["repeated"]
    assert small.count("messages") == 1


def test_a_broker_that_goes_away_before_the_answer_brings_the_message_again(small: Town) -> None:
    class Going(MemoryBus):
        def publish(self, publications: Sequence[Publication], timeout: float) -> Sequence[Confirm]:
            small.broker.go_away()
            return super().publish(publications, timeout)

    small.agency.send(dossier(1))
    bus = Going(small.broker)
    small.inbox(bus).step(timeout=0)
    small.broker.come_back()
    bus.close()

    ((_, answer),) = small.work()
    assert answer["repeated"]


def test_while_the_ledger_is_away_nothing_is_answered_and_nothing_is_worn_out(small: Town) -> None:
    """Far longer than the delivery limit would allow, if the messages went round all the while."""
    ledger = small.house.gateway.ledger
    small.agency.send(dossier(1))
    inbox = small.inbox()
    away = threading.Event()
    away.set()

    def write_together(work: Any) -> Any:
        if away.is_set():
            raise LedgerAway("no answer")
        return type(ledger).write_together(ledger, work)

    tries = []

    def write() -> Any:
        tries.append(1)
        if away.is_set():
            raise LedgerAway("no answer")
        return type(ledger).write(ledger)

    ledger.write_together, ledger.write = write_together, write  # type: ignore[method-assign]
    thread = threading.Thread(target=inbox.run)
    thread.start()
    while len(tries) < 50:
        threading.Event().wait(0.02)
    assert not small.agency.answers()

    away.clear()
    answers: list[Arrival] = []
    for _ in range(500):
        if answers := small.agency.answers():
            break
        threading.Event().wait(0.02)
    inbox.stop()
    thread.join()

    assert [a.headers["status"] for a in answers] == ["202"]
    assert not small.broker.boxes["dead"].waiting


def test_poison_is_buried_after_a_few_tries_and_the_rest_goes_on(small: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    from gateway.flow import inbox as module

    def read(arrival: Arrival, partner: str, most: int) -> Any:
        if b"poison" in arrival.body:
            raise ZeroDivisionError
        return read_event(arrival, partner, most)

    monkeypatch.setattr(module, "read_event", read)
    small.agency.send(dossier(1))
    small.agency.send(dossier(2, summary="poison"))
    small.agency.send(dossier(3))

    answers = small.work()

    assert [a["http"] for _, a in answers] == ["202", "202"]
    (dead,) = small.broker.boxes["dead"].waiting
    assert b"poison" in dead.publication.body
    assert dead.publication.headers["x-first-death-reason"] == "delivery_limit"


def test_an_order_to_stop_leaves_what_is_not_begun(small: Town) -> None:
    inbox = small.inbox()
    thread = threading.Thread(target=inbox.run)
    thread.start()
    inbox.stop()
    thread.join(5)
    small.agency.send(dossier(1))

    assert not thread.is_alive()
    assert len(small.broker.boxes["inbox.one-stop"].waiting) == 1


def test_shuffled_and_doubled_over_several_processes_each_is_accepted_once(small: Town) -> None:
    """Statuses that come before their dossier are refused and come again, as a sender would do it."""
    bodies = [dossier(n) for n in range(1, 6)]
    for n in range(5):
        for body in bodies[n:] + bodies[:n]:
            small.agency.send(body)
    inboxes = [small.inbox() for _ in range(3)]
    threads = [threading.Thread(target=i.run) for i in inboxes]
    for thread in threads:
        thread.start()
    answers: list[Arrival] = []
    for _ in range(500):
        answers += small.agency.answers()
        if len(answers) == 25:
            break
        threading.Event().wait(0.02)
    for inbox in inboxes:
        inbox.stop()
    for thread in threads:
        thread.join()

    told = [json.loads(a.body) for a in answers]
    assert len(told) == 25
    assert sum(not t["repeated"] for t in told) == 5
    assert small.count("messages") == 5


# ── the worker ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_takes_the_inboxes_if_there_are_any(small: Town, house: House) -> None:
    small.house.gateway._bus = small.broker.connect()

    assert _inbox(small.house.gateway) is not None
    assert _inbox(house.gateway) is None


def test_an_inbox_without_a_broker_is_a_mistake_in_the_files(small: Town) -> None:
    with pytest.raises(Misconfigured, match="RabbitMQ"):
        _inbox(small.house.gateway)
