"""The RabbitMQ channel and bus against a real server: what it promises when the broker, a queue or the network misbehaves."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pika
import pytest
import structlog

from gateway.channels import declaration
from gateway.channels.rabbitmq import RabbitMQ
from gateway.channels.topology import Queue, Topology, topology
from gateway.ports import BusAway, Confirm, Publication
from tests.brokers import Cluster, at_broker, free_port
from tests.bus import BUS, QUORUM, event, letter, numbers, publish, receive, receive_and_answer, until

pytestmark = [pytest.mark.rabbitmq, pytest.mark.slow]

Opened = Callable[..., RabbitMQ]


@pytest.fixture
def opened(rabbitmq_url: str, tmp_path: Path) -> Iterator[Opened]:
    """Channels in a virtual host of the test's own."""
    made: list[RabbitMQ] = []

    def make(addresses: Sequence[str] = (), queues: Topology = BUS, **rules: Any) -> RabbitMQ:
        config = at_broker(tmp_path, addresses or [rabbitmq_url], **rules)
        made.append(RabbitMQ(config.settings.rabbitmq, queues))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The lines that the broker's parts log."""
    lines: list[dict[str, Any]] = []

    def note(_logger: Any, method: str, event: Any) -> Any:
        lines.append({**event, "level": method})
        raise structlog.DropEvent

    logger = structlog.wrap_logger(
        None, processors=[note], wrapper_class=structlog.BoundLogger
    )  # whatever is set up for all
    for part in ("link", "declaration", "publisher", "consumer"):
        monkeypatch.setattr(f"gateway.channels.{part}.log", logger)
    return lines


@contextmanager
def by_hand(address: str) -> Iterator[Any]:
    """An AMQP channel of the test's own."""
    connection = pika.BlockingConnection(pika.URLParameters(address))
    try:
        yield connection.channel()
    finally:
        connection.close()


def close_connections(server: Cluster, vhost: str) -> int:
    """The broker ends the connections of a virtual host. Returns how many."""
    found = [c for c in server.call("GET", "/api/connections") if c.get("vhost") == vhost]
    for connection in found:
        server.call("DELETE", f"/api/connections/{connection['name'].replace(' ', '%20').replace('>', '%3E')}")
    return len(found)


def vhost_of(address: str) -> str:
    return address.rpartition("/")[2]


# ── confirms ────────────────────────────────────────────────────────────────────────────────────────────────────


def test_more_messages_than_the_window_holds_are_all_kept_and_come_in_order(opened: Opened) -> None:
    channel = opened()

    confirms = publish(channel, [letter(n) for n in range(3000)])
    channel.attend(["inbox.tax"], 100)
    came = receive_and_answer(channel, 3000)

    assert set(confirms) == {Confirm.KEPT}
    assert came == list(range(3000))


def test_many_threads_publish_at_once_and_each_learns_of_its_own(opened: Opened) -> None:
    channel = opened()
    found: dict[int, Sequence[Confirm]] = {}

    def work(thread: int) -> None:
        keys = ["dossier.a.b.1" if n % 3 else "nobody" for n in range(200)]
        found[thread] = publish(channel, [event(thread * 1000 + n, key) for n, key in enumerate(keys)])

    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    expected = [Confirm.KEPT if n % 3 else Confirm.UNROUTED for n in range(200)]
    assert all(found[n] == expected for n in range(6))


def test_a_message_that_no_queue_wants_is_told_apart_though_its_id_is_not_its_own(opened: Opened) -> None:
    channel = opened()

    confirms = publish(channel, [event(1), event(1, "nobody"), event(1), event(1, "nobody"), event(2, "nobody")])

    unrouted, kept = Confirm.UNROUTED, Confirm.KEPT
    assert confirms == [kept, unrouted, kept, unrouted, unrouted]


def test_a_full_queue_refuses(opened: Opened) -> None:
    full = Queue("reply.tax", {**QUORUM, "x-max-length": 1, "x-overflow": "reject-publish"})
    channel = opened(queues=Topology([], [full]))

    confirms = [publish(channel, [letter(n, "reply.tax")])[0] for n in range(8)]

    assert confirms[0] is Confirm.KEPT
    assert confirms[-1] is Confirm.REFUSED


def test_a_publication_that_amqp_cannot_carry_harms_no_other(opened: Opened) -> None:
    channel = opened()
    assert publish(channel, [event(1)]) == [Confirm.KEPT]
    since = channel.state().since

    with pytest.raises(ValueError, match="more than 255 bytes"):
        publish(channel, [event(2, "dossier." + "ạ" * 200)])
    with pytest.raises(ValueError, match="dossier"):
        publish(channel, [Publication("dossier", "dossier.a", b"", "1", headers={"x": object()})])  # type: ignore[dict-item]

    assert publish(channel, [event(3)]) == [Confirm.KEPT]
    assert channel.state().since == since


def test_an_exchange_that_is_missing_costs_only_what_was_under_way(opened: Opened, told: list[dict[str, Any]]) -> None:
    channel = opened()

    assert publish(channel, [Publication("elsewhere", "k", b"", "1")]) == [Confirm.UNSAID]
    assert any("elsewhere" in line.get("cause", "") for line in told)
    until(lambda: publish(channel, [event(1)]) == [Confirm.KEPT])


# ── queues that go, or are not as declared ──────────────────────────────────────────────────────────────────────


def test_a_queue_that_was_deleted_is_declared_and_consumed_again(
    opened: Opened, rabbitmq_url: str, told: list[dict[str, Any]]
) -> None:
    channel = opened()
    channel.listen(["portal", "vnpost"])
    channel.ring("portal")
    assert channel.take(10.0)

    with by_hand(rabbitmq_url) as hand:
        hand.queue_delete("tickets.portal")

    until(lambda: any(line["event"] == "consuming_again" for line in told))
    channel.ring("portal")
    ticket = channel.take(10.0)
    assert ticket is not None
    assert ticket.destination == "portal"
    assert {line["where"] for line in told if line["event"] == "consuming_ended"} == {"tickets.portal"}


def test_a_ring_for_a_missing_queue_has_it_declared(opened: Opened, rabbitmq_url: str) -> None:
    channel = opened()
    assert publish(channel, [event(1)]) == [Confirm.KEPT]  # all is declared
    with by_hand(rabbitmq_url) as hand:
        hand.queue_delete("tickets.portal")

    channel.ring("portal")

    def declared() -> bool:
        with by_hand(rabbitmq_url) as hand:
            try:
                hand.queue_declare("tickets.portal", passive=True)
            except pika.exceptions.ChannelClosedByBroker:
                return False
            return True

    until(declared)


def test_a_queue_declared_otherwise_is_named_with_the_difference_and_the_rest_works(
    opened: Opened, rabbitmq_url: str, told: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(declaration, "AGAIN", 0.2)
    with by_hand(rabbitmq_url) as hand:
        hand.queue_declare("inbox.tax", durable=True, arguments={**QUORUM, "x-delivery-limit": 7})
    channel = opened()
    channel.listen(["portal"])

    channel.ring("portal")
    assert channel.take(10.0)
    assert publish(channel, [event(1), letter(1)]) == [Confirm.KEPT, Confirm.KEPT]
    time.sleep(1.0)  # several rounds

    lines = [line for line in told if line["event"] == "declaration_refused"]
    assert len(lines) == 1
    assert lines[0]["where"] == "queue inbox.tax"
    assert "x-" in lines[0]["cause"]

    with by_hand(rabbitmq_url) as hand:
        hand.queue_delete("inbox.tax")
    until(lambda: any(line["event"] == "declared_at_last" for line in told))


def test_the_whole_shipped_topology_is_declared(
    opened: Opened, rabbitmq_server: Cluster, rabbitmq_url: str, tmp_path: Path
) -> None:
    asked = topology(at_broker(tmp_path, [rabbitmq_url]))
    channel = opened(queues=asked)

    publish(channel, [event(1)])

    there = {queue["name"]: queue for queue in rabbitmq_server.call("GET", f"/api/queues/{vhost_of(rabbitmq_url)}")}
    assert set(there) == {queue.name for queue in asked.queues}
    assert all(queue["type"] == "quorum" and queue["durable"] for queue in there.values())


# ── messages that come in ───────────────────────────────────────────────────────────────────────────────────────


def test_what_is_put_back_comes_again_in_its_old_place(opened: Opened) -> None:
    channel = opened()
    publish(channel, [letter(n) for n in range(20)])
    channel.attend(["inbox.tax"], 10)

    first = receive(channel, 3, 3)
    channel.put_back(first)
    again = receive(channel, 2, 20 - 12)
    channel.done(again)

    assert numbers(first) == [0, 1, 2]
    assert numbers(again) == list(range(8))
    assert [arrival.again for arrival in again][:4] == [True, True, True, False]
    assert numbers(receive(channel, 5, 10)) == list(range(8, 18))


def test_no_more_are_out_unanswered_than_was_asked_for(opened: Opened) -> None:
    channel = opened()
    publish(channel, [letter(n) for n in range(20)])
    channel.attend(["inbox.tax"], 5)

    came = receive(channel, 10, 5)

    assert channel.receive(10, 0.5) == []
    channel.done(came[:2])
    assert numbers(receive(channel, 10, 2)) == [5, 6]


def test_two_processes_take_an_inbox_one_after_the_other(opened: Opened) -> None:
    one, other = opened(), opened()
    publish(one, [letter(n) for n in range(10)])
    one.attend(["inbox.tax"], 4)
    assert numbers(receive(one, 4, 4)) == [0, 1, 2, 3]
    other.attend(["inbox.tax"], 4)

    assert other.receive(4, 0.5) == []
    one.close()

    assert receive_and_answer(other, 10) == list(range(10))


def test_headers_ids_and_the_sender_are_handed_over(opened: Opened, rabbitmq_url: str) -> None:
    channel = opened()
    sent = Publication("", "inbox.tax", "hồ sơ".encode(), "m-1", "text/plain", "q-1", {"cloudEvents:type": "x"})
    publish(channel, [sent])
    with by_hand(rabbitmq_url) as hand:
        hand.basic_publish("", "inbox.tax", b"", pika.BasicProperties(user_id="lienthong"))

    channel.attend(["inbox.tax"], 5)
    first, second = receive(channel, 5, 2)

    assert (first.queue, first.body.decode(), first.content_type) == ("inbox.tax", "hồ sơ", "text/plain")
    assert (first.id, first.reply_of, first.user) == ("m-1", "q-1", None)
    assert first.headers == {"cloudEvents:type": "x"}
    assert (second.user, second.id, second.content_type) == ("lienthong", None, "")


# ── the connection ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_worker_that_is_busy_for_long_keeps_its_connection(opened: Opened) -> None:
    """The broker gives up a connection that is silent for two heartbeats."""
    channel = opened(heartbeat=1)
    channel.attend(["inbox.tax"], 1)
    publish(channel, [letter(1)])
    since = channel.state().since
    (arrival,) = receive(channel, 1, 1)

    time.sleep(5)

    assert channel.state().since == since
    channel.done([arrival])
    publish(channel, [letter(2)])
    assert numbers(receive(channel, 1, 1)) == [2]


def test_what_was_taken_over_a_lost_connection_comes_again_and_its_answer_is_no_error(
    opened: Opened, rabbitmq_server: Cluster, rabbitmq_url: str
) -> None:
    channel = opened()
    channel.attend(["inbox.tax"], 10)
    channel.listen(["portal"])
    publish(channel, [letter(n) for n in range(5)])
    channel.ring("portal")
    ticket = channel.take(10.0)
    assert ticket is not None
    old = receive(channel, 2, 2)
    since = channel.state().since

    until(lambda: close_connections(rabbitmq_server, vhost_of(rabbitmq_url)))
    until(lambda: channel.state().connected and channel.state().since > since)
    channel.done(old)
    channel.done(ticket)
    channel.put_back(old)

    assert receive_and_answer(channel, 5) == [0, 1, 2, 3, 4]
    again = channel.take(10.0)
    assert again is not None
    assert again.destination == "portal"


def test_the_next_address_is_used_when_one_is_away_and_the_outage_is_one_line(
    opened: Opened, rabbitmq_url: str, told: list[dict[str, Any]]
) -> None:
    away = f"amqp://who:very-secret@127.0.0.1:{free_port()}/x"
    channel = opened([away, rabbitmq_url])

    channel.listen(["portal"])
    channel.ring("portal")
    assert channel.take(10.0)

    assert [line["event"] for line in told] == ["broker_away", "broker_back"]
    assert "very-secret" not in str(told)
    assert "Connection refused" in told[0]["cause"]
    assert channel.state().connected


def test_no_broker_at_all_is_no_reason_to_fail_or_to_wait(
    opened: Opened, told: list[dict[str, Any]], rabbitmq_server: Cluster
) -> None:
    begun = time.monotonic()
    channel = opened([f"amqp://who:very-secret@127.0.0.1:{free_port()}/x"])
    channel.listen(["portal"])
    for _ in range(1000):
        channel.ring("portal")
    with pytest.raises(BusAway, match="Connection refused"):
        publish(channel, [event(1)])
    assert channel.take(0.1) is None
    assert channel.receive(10, 0.1) == []
    assert time.monotonic() - begun < 5

    time.sleep(2)
    assert len(told) == 1
    assert "very-secret" not in f"{told}{channel.state()}"
    assert not channel.state().connected


def test_a_wrong_password_is_told_as_such(opened: Opened, rabbitmq_url: str, told: list[dict[str, Any]]) -> None:
    who, _, where = rabbitmq_url.rpartition("@")
    channel = opened([f"{who}-wrong@{where}"])

    with pytest.raises(BusAway, match="ACCESS_REFUSED"):
        publish(channel, [event(1)])
    assert "ACCESS_REFUSED" in told[0]["cause"]


def test_a_blocked_broker_is_seen_and_nobody_hangs(opened: Opened, rabbitmq_server: Cluster) -> None:
    """A broker that is short of disk stops reading from whoever publishes."""
    channel, node = opened(), rabbitmq_server.nodes[0]
    assert publish(channel, [event(1)]) == [Confirm.KEPT]
    node.ctl("set_disk_free_limit", "1000000GB")
    try:
        begun = time.monotonic()

        def is_blocked() -> bool:
            """It tells those who publish, and checks its disk now and then."""
            try:
                channel.publish([event(2)], 2.0)
            except BusAway:
                return True
            return False

        until(is_blocked, 30)
        assert channel.state().blocked == "low on disk"
        begun = time.monotonic()
        for _ in range(100):
            channel.ring("portal")
        with pytest.raises(BusAway, match="low on disk"):
            publish(channel, [event(n) for n in range(10)])
        assert time.monotonic() - begun < 2
    finally:
        node.ctl("set_disk_free_limit", "16MB")
    until(lambda: channel.state().blocked is None, 30)
    assert publish(channel, [event(3)]) == [Confirm.KEPT]
    channel.listen(["portal"])
    assert channel.take(10.0)


def test_a_fault_in_a_callback_does_not_end_the_thread(opened: Opened, told: list[dict[str, Any]]) -> None:
    channel = opened()
    assert publish(channel, [event(1)]) == [Confirm.KEPT]

    channel._link.call(lambda: next(iter(())))

    until(lambda: any(line["event"] == "broker_thread_failed" for line in told))
    until(lambda: channel.state().connected)
    assert publish(channel, [event(2)]) == [Confirm.KEPT]


# ── leaving ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_who_leaves_waits_for_the_brokers_word_and_gives_back_what_it_holds(opened: Opened) -> None:
    one, other = opened(), opened()
    publish(one, [letter(n) for n in range(6)])
    one.attend(["inbox.tax"], 4)
    one.listen(["vnpost"])
    held = receive(one, 4, 4)
    one.done(held[:2])
    one.ring("portal")
    one.ring("vnpost")
    assert one.take(10.0)

    one.close()
    other.attend(["inbox.tax"], 10)
    other.listen(["portal", "vnpost"])

    assert receive_and_answer(other, 4) == [2, 3, 4, 5]
    tickets = {other.take(10.0).destination, other.take(10.0).destination}  # type: ignore[union-attr]
    assert tickets == {"portal", "vnpost"}


def test_who_leaves_without_ever_having_used_it_opens_no_connection(opened: Opened) -> None:
    before = threading.active_count()
    channel = opened()

    channel.close()

    assert threading.active_count() == before


def test_after_leaving_nothing_hangs(opened: Opened) -> None:
    channel = opened()
    publish(channel, [event(1)])
    channel.close()

    channel.ring("portal")
    with pytest.raises(BusAway):
        channel.publish([event(2)], 0.5)
    channel.close()
