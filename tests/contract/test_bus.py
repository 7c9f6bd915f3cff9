"""The contract of a bus. The one in memory and RabbitMQ pass it."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from gateway.channels.memory_bus import MemoryBroker
from gateway.channels.topology import Topology, topology
from gateway.config import Config, default_folder
from gateway.ports import Arrival, Confirm, Publication

AGENCY = """\
id = "{id}"
name = "Cơ quan {id}"
name_en = "Agency {id}"
connector = "one_stop_rest"

[amqp]
inbox = true
events = {events}
"""
EVENTS = {"so-y-te": '["dossier.000-00-18-H99.*.9", "dossier.000-00-18-H99.1-001193.#"]', "so-tu-phap": '["#"]'}
Connect = Callable[[], Any]


@pytest.fixture
def wanted(tmp_path: Path) -> Topology:
    """Two agencies; queues that are soon full, messages that soon came back too often."""
    shutil.copytree(default_folder(), tmp_path / "config")
    for name, events in EVENTS.items():
        (tmp_path / "config" / "partners" / f"{name}.toml").write_text(AGENCY.format(id=name, events=events))
    config = Config(tmp_path)
    small = {"answers": 5, "inbox_bytes": 100_000, "delivery_limit": 2}
    rules = config.settings.rabbitmq.model_copy(update=small)
    config.settings = config.settings.model_copy(update={"rabbitmq": rules})
    return topology(config)


@pytest.fixture(params=["memory", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def connect(request: pytest.FixtureRequest, wanted: Topology) -> Iterator[Connect]:
    """A further connection to one broker, each time it is called."""
    opened: list[Any] = []
    if request.param == "memory":
        broker = MemoryBroker(wanted)
        make: Connect = broker.connect
    else:
        from gateway.channels.rabbitmq import RabbitMQ
        from gateway.config import RabbitMQ as Rules

        address = request.getfixturevalue("rabbitmq_url")

        def make() -> Any:
            return RabbitMQ(Rules(addresses=[address]), wanted)

    def one() -> Any:
        opened.append(make())
        return opened[-1]

    yield one
    for bus in opened:
        bus.close()


def letter(text: str = "x", exchange: str = "send.so-y-te", key: str = "inbox.so-y-te", **more: Any) -> Publication:
    return Publication(exchange, key, text.encode(), more.pop("id", str(uuid4())), **more)


def read(bus: Any, many: int, seconds: float = 15.0, *, done: bool = True) -> list[Arrival]:
    """`many` messages, acknowledged unless told otherwise; fewer when no more come in time."""
    found: list[Arrival] = []
    until = time.monotonic() + seconds
    while len(found) < many and time.monotonic() < until:
        found += bus.receive(many - len(found), 0.2)
    if done:
        bus.done(found)
    return found


def texts(arrivals: Sequence[Arrival]) -> list[str]:
    return [a.body.decode() for a in arrivals]


def test_what_is_published_arrives_whole(connect: Connect) -> None:
    bus = connect()
    sent = letter(
        "thân", id="m-1", content_type="text/plain; charset=utf-8", reply_of="m-0", headers={"tên": "giá trị"}
    )

    assert list(bus.publish([sent], 10)) == [Confirm.KEPT]
    bus.attend(["inbox.so-y-te"], 10)
    (came,) = read(bus, 1)

    assert (came.queue, came.body.decode(), came.id, came.reply_of) == ("inbox.so-y-te", "thân", "m-1", "m-0")
    assert (came.content_type, came.headers["tên"], came.again) == ("text/plain; charset=utf-8", "giá trị", False)


def test_an_event_goes_once_to_each_queue_that_wants_it(connect: Connect) -> None:
    bus, reader = connect(), connect()
    keys = {
        "both, by two bindings": "dossier.000-00-18-H99.1-001193.9",
        "both": "dossier.000-00-18-H99.1-001193.4",
        "the second": "dossier.000-00-02-H99.1-001193.9",
    }

    assert list(bus.publish([letter(t, "dossier", k) for t, k in keys.items()], 10)) == [Confirm.KEPT] * 3

    reader.attend(["events.so-y-te"], 10)
    assert texts(read(reader, 3, 1.0)) == ["both, by two bindings", "both"]
    reader.attend(["events.so-tu-phap"], 10)
    assert texts(read(reader, 4, 1.0)) == list(keys)


def test_what_no_queue_wants_is_told(connect: Connect) -> None:
    bus = connect()
    strangers = [letter(key="inbox.so-tu-phap"), letter(exchange="", key="reply.nobody"), letter()]

    assert list(bus.publish(strangers, 10)) == [Confirm.UNROUTED, Confirm.UNROUTED, Confirm.KEPT]


def test_the_order_of_a_queue_is_kept(connect: Connect) -> None:
    bus = connect()
    wanted = [str(n) for n in range(300)]

    assert set(bus.publish([letter(t) for t in wanted], 20)) == {Confirm.KEPT}
    bus.attend(["inbox.so-y-te"], 50)

    assert texts([a for _ in range(10) for a in read(bus, 30)]) == wanted


def test_a_connection_that_is_lost_gives_back_what_it_did_not_acknowledge(connect: Connect) -> None:
    bus, lost = connect(), connect()
    bus.publish([letter(str(n)) for n in range(6)], 10)
    lost.attend(["inbox.so-y-te"], 10)
    held = read(lost, 4, done=False)
    lost.done(held[:2])
    time.sleep(0.2)

    lost.close()
    bus.attend(["inbox.so-y-te"], 10)

    came = read(bus, 4)
    assert texts(came) == ["2", "3", "4", "5"]
    assert [a.again for a in came[:2]] == [True, True]
    lost.done(held)  # said too late: no error, and no effect


def test_what_is_put_back_comes_again_in_its_old_place(connect: Connect) -> None:
    bus = connect()
    bus.publish([letter(str(n)) for n in range(5)], 10)
    bus.attend(["inbox.so-y-te"], 10)
    held = read(bus, 3, done=False)

    bus.done(held[:1])
    bus.put_back(held[1:])

    assert texts(read(bus, 4)) == ["1", "2", "3", "4"]


def test_of_several_who_attend_a_queue_one_gets_it_until_it_goes(connect: Connect) -> None:
    bus, first, second = connect(), connect(), connect()
    first.attend(["inbox.so-y-te"], 10)
    bus.publish([letter("0")], 10)
    assert texts(read(first, 1)) == ["0"]  # it is the one
    second.attend(["inbox.so-y-te"], 10)
    time.sleep(0.3)

    bus.publish([letter(str(n)) for n in range(1, 5)], 10)
    held = read(first, 4, done=False)
    assert len(held) == 4
    assert list(second.receive(10, 0.3)) == []

    first.close()
    assert texts(read(second, 4)) == ["1", "2", "3", "4"]


def test_who_attends_nothing_more_gives_up_what_it_held(connect: Connect) -> None:
    first, second = connect(), connect()
    first.publish([letter(str(n)) for n in range(3)], 10)
    first.attend(["inbox.so-y-te"], 10)
    assert len(read(first, 3, done=False)) == 3
    second.attend(["inbox.so-y-te"], 10)

    first.attend([], 10)

    assert texts(read(second, 3)) == ["0", "1", "2"]
    assert list(first.receive(1, 0.2)) == []


def test_no_more_are_out_than_asked_for(connect: Connect) -> None:
    bus = connect()
    bus.publish([letter(str(n)) for n in range(9)], 10)
    bus.attend(["inbox.so-y-te"], 4)

    held = read(bus, 9, 1.0, done=False)

    assert len(held) == 4
    bus.done(held)
    assert len(read(bus, 4)) == 4


def test_a_full_inbox_refuses_and_keeps_what_it_has(connect: Connect) -> None:
    bus = connect()
    large = "x" * 20_000

    said = [bus.publish([letter(large)], 10)[0] for _ in range(12)]

    kept = said.count(Confirm.KEPT)
    assert said == [Confirm.KEPT] * kept + [Confirm.REFUSED] * (12 - kept)
    assert 1 <= kept < 12
    bus.attend(["inbox.so-y-te"], 20)
    assert len(read(bus, 12, 1.0)) == kept


def test_a_full_reply_queue_drops_its_oldest(connect: Connect) -> None:
    bus = connect()

    said = bus.publish([letter(str(n), "", "reply.so-y-te") for n in range(9)], 10)

    assert set(said) == {Confirm.KEPT}
    bus.attend(["reply.so-y-te"], 20)
    assert texts(read(bus, 9, 1.0)) == ["4", "5", "6", "7", "8"]


def test_a_full_events_queue_drops_its_oldest_where_a_person_can_find_them(connect: Connect) -> None:
    bus = connect()

    said = bus.publish([letter(str(n), "dossier", "dossier.x.y.1") for n in range(7)], 10)

    assert set(said) == {Confirm.KEPT}
    bus.attend(["events.so-tu-phap"], 20)
    assert texts(read(bus, 7, 1.0)) == ["2", "3", "4", "5", "6"]
    bus.attend(["unread"], 20)
    assert texts(read(bus, 2)) == ["0", "1"]


def test_what_comes_back_too_often_goes_to_the_dead_letters_and_the_rest_goes_on(connect: Connect) -> None:
    bus, looking = connect(), connect()
    bus.publish([letter("poison"), letter("good")], 10)
    bus.attend(["inbox.so-y-te"], 10)

    good: list[str] = []
    until = time.monotonic() + 15
    while "good" not in good and time.monotonic() < until:
        for one in bus.receive(1, 0.2):
            if one.body == b"poison":
                bus.put_back([one])
            else:
                good.append(one.body.decode())
                bus.done([one])

    looking.attend(["dead"], 10)
    (dead,) = read(looking, 1)
    assert dead.body == b"poison"
    assert dead.headers["x-first-death-queue"] == "inbox.so-y-te"
    assert list(bus.receive(5, 0.3)) == []


def test_an_empty_queue_is_waited_for_no_longer_than_asked(connect: Connect) -> None:
    bus = connect()
    bus.attend(["inbox.so-y-te"], 10)
    begun = time.monotonic()

    assert list(bus.receive(5, 0.3)) == []
    assert time.monotonic() - begun < 3
