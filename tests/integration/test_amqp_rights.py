"""What an agency's user may do at a real broker, and above all what it may not. Agency `so-y-te` is let in; `so-cong-thuong` is its neighbour."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import AMQPError, ChannelClosedByBroker, NackError, ProbableAuthenticationError, UnroutableError

from gateway.channels.management import Management
from gateway.channels.topology import topology
from gateway.config import Config, default_folder
from gateway.errors import Misconfigured
from tests.brokers import Cluster

pytestmark = pytest.mark.rabbitmq

HEALTH = "dossier.000-00-18-H99.#"
TRADE = "dossier.000-00-02-H99.#"
AGENCY = """\
id = "{id}"
name = "Cơ quan {id}"
name_en = "Agency {id}"
connector = "one_stop_rest"
sends = ["StatusChanged"]

[amqp]
inbox = true
events = ["{key}"]
"""


@dataclass
class Broker:
    config: Config
    management: Management
    cluster: Cluster
    vhost: str

    def connect(self, user: str, password: str) -> pika.BlockingConnection:
        (address,) = self.cluster.addresses(self.vhost, user, password)
        return pika.BlockingConnection(pika.URLParameters(address))

    def admin(self) -> pika.BlockingConnection:
        return self.connect("lienthong", self.cluster.password)


@pytest.fixture
def broker(tmp_path: Path, rabbitmq_server: Cluster) -> Iterator[Broker]:
    shutil.copytree(default_folder(), tmp_path / "config")
    for name, key in (("so-y-te", HEALTH), ("so-cong-thuong", TRADE)):
        (tmp_path / "config" / "partners" / f"{name}.toml").write_text(AGENCY.format(id=name, key=key))
    with rabbitmq_server.vhost() as vhost:
        config = Config(tmp_path)
        rules = config.settings.rabbitmq.model_copy(
            update={"addresses": rabbitmq_server.addresses(vhost), "management": rabbitmq_server.management()}
        )
        config.settings = config.settings.model_copy(update={"rabbitmq": rules})
        made = Broker(config, Management(rules), rabbitmq_server, vhost)
        with made.admin() as connection:
            declare(connection.channel(), config)
        yield made
        for name in ("so-y-te", "so-cong-thuong"):
            made.management.take_access(name)


def declare(channel: BlockingChannel, config: Config) -> None:
    wanted = topology(config)
    for exchange in wanted.exchanges:
        channel.exchange_declare(exchange.name, exchange.kind, durable=True)
    for queue in wanted.queues:
        channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
        for source, key in queue.bindings:
            channel.queue_bind(queue.name, source, key)


@pytest.fixture
def agency(broker: Broker) -> Iterator[pika.BlockingConnection]:
    password = broker.management.give_access(broker.config.partners["so-y-te"])
    connection = broker.connect("so-y-te", password)
    yield connection
    if connection.is_open:
        connection.close()


def publish(channel: BlockingChannel, exchange: str, key: str, **properties: Any) -> None:
    channel.confirm_delivery()
    channel.basic_publish(exchange, key, b"{}", pika.BasicProperties(**properties), mandatory=True)


def test_an_agency_reaches_its_inbox_and_reads_its_answers_and_events(broker, agency) -> None:
    channel = agency.channel()

    publish(channel, "send.so-y-te", "inbox.so-y-te", user_id="so-y-te")
    channel.queue_bind("events.so-y-te", "dossier", "dossier.000-00-18-H99.1-001193.*")
    with broker.admin() as admin:
        ours = admin.channel()
        publish(ours, "", "reply.so-y-te")
        publish(ours, "dossier", "dossier.000-00-18-H99.1-001193.9")

    assert channel.basic_get("reply.so-y-te")[0] is not None
    assert channel.basic_get("events.so-y-te")[0] is not None
    assert channel.basic_get("events.so-y-te")[0] is None  # bound twice, it still comes once


FORBIDDEN: dict[str, Callable[[BlockingChannel], Any]] = {
    "publish to the default exchange": lambda c: publish(c, "", "inbox.so-y-te"),
    "publish to a neighbour's inbox": lambda c: publish(c, "", "inbox.so-cong-thuong"),
    "publish by a neighbour's door": lambda c: publish(c, "send.so-cong-thuong", "inbox.so-cong-thuong"),
    "publish an event": lambda c: publish(c, "dossier", "dossier.000-00-18-H99.1-001193.9"),
    "publish a ticket": lambda c: publish(c, "", "tickets.portal"),
    "publish to a predeclared exchange": lambda c: publish(c, "amq.topic", "x"),
    "publish to the dead letters": lambda c: publish(c, "dead", ""),
    "forge the user": lambda c: publish(c, "send.so-y-te", "inbox.so-y-te", user_id="so-cong-thuong"),
    "read its own inbox": lambda c: c.basic_get("inbox.so-y-te"),
    "read a neighbour's inbox": lambda c: c.basic_get("inbox.so-cong-thuong"),
    "read a neighbour's answers": lambda c: c.basic_get("reply.so-cong-thuong"),
    "consume a neighbour's events": lambda c: c.basic_consume("events.so-cong-thuong", lambda *_: None),
    "read the dead letters": lambda c: c.basic_get("dead"),
    "read what was left unread": lambda c: c.basic_get("unread"),
    "read tickets": lambda c: c.basic_get("tickets.portal"),
    "empty a neighbour's queue": lambda c: c.queue_purge("reply.so-cong-thuong"),
    "bind a neighbour's events": lambda c: c.queue_bind("events.so-cong-thuong", "dossier", HEALTH),
    "unbind a neighbour's events": lambda c: c.queue_unbind("events.so-cong-thuong", "dossier", TRADE),
    "bind its answers": lambda c: c.queue_bind("reply.so-y-te", "dossier", HEALTH),
    "bind its inbox": lambda c: c.queue_bind("inbox.so-y-te", "dossier", HEALTH),
    "bind another's keys": lambda c: c.queue_bind("events.so-y-te", "dossier", TRADE),
    "bind every key": lambda c: c.queue_bind("events.so-y-te", "dossier", "#"),
    "bind a wider key": lambda c: c.queue_bind("events.so-y-te", "dossier", "dossier.*.#"),
    "bind around a word": lambda c: c.queue_bind("events.so-y-te", "dossier", "dossier.#.000-00-18-H99.#"),
    "bind a key with a line end": lambda c: c.queue_bind("events.so-y-te", "dossier", "dossier.000-00-18-H99.#.#.\n"),
    "bind to a neighbour's door": lambda c: c.queue_bind("events.so-y-te", "send.so-cong-thuong", "inbox.so-cong-thuong"),
    "bind the dead letters": lambda c: c.queue_bind("events.so-y-te", "dead", ""),
    "lead events into a neighbour's door": lambda c: c.exchange_bind("send.so-cong-thuong", "dossier", HEALTH),
    "declare a queue": lambda c: c.queue_declare("so-y-te"),
    "declare a queue of its own": lambda c: c.queue_declare("", exclusive=True),
    "declare a queue named by a line end": lambda c: c.queue_declare("\n"),
    "declare an exchange": lambda c: c.exchange_declare("so-y-te"),
    "declare an exchange named by a line end": lambda c: c.exchange_declare("\n"),
    "delete its queue": lambda c: c.queue_delete("events.so-y-te"),
    "delete a neighbour's queue": lambda c: c.queue_delete("events.so-cong-thuong"),
    "delete the exchange of the events": lambda c: c.exchange_delete("dossier"),
}  # fmt: skip


@pytest.fixture
def own(agency: Any) -> Callable[[], BlockingChannel]:
    def channel() -> BlockingChannel:
        return agency.channel()

    return channel


def test_an_agency_is_refused_all_else(broker: Broker, own: Callable[[], BlockingChannel]) -> None:
    """One connection for all: a refusal closes the channel alone."""
    allowed = []
    for what, act in FORBIDDEN.items():
        code = 0
        try:
            act(own())
        except ChannelClosedByBroker as refused:
            code = refused.reply_code
        if code not in (403, 406):  # 406: the user it names is not itself
            allowed.append(what)

    assert allowed == []
    with broker.admin() as admin:
        ours = admin.channel()
        waiting = [
            ours.queue_declare(q.name, passive=True).method.message_count for q in topology(broker.config).queues
        ]
        assert sum(waiting) == 0


def test_events_led_to_its_own_door_never_come_into_its_inbox(broker: Broker, agency) -> None:
    """It may write to its door and read the events, so RabbitMQ lets it bind the one to the other; the door knows one key only."""
    agency.channel().exchange_bind("send.so-y-te", "dossier", HEALTH)

    with broker.admin() as admin:
        ours = admin.channel()
        publish(ours, "dossier", "dossier.000-00-18-H99.1-001193.9")
        assert ours.queue_declare("inbox.so-y-te", passive=True).method.message_count == 0


def test_what_goes_by_the_door_under_another_key_is_returned(agency) -> None:
    with pytest.raises(UnroutableError):
        publish(agency.channel(), "send.so-y-te", "inbox.so-cong-thuong")


def test_a_second_password_ends_the_first_and_whoever_is_in_with_it(broker: Broker) -> None:
    partner = broker.config.partners["so-y-te"]
    first = broker.management.give_access(partner)
    inside = broker.connect("so-y-te", first)

    second = broker.management.give_access(partner)

    assert thrown_out(inside)
    with pytest.raises(ProbableAuthenticationError):
        broker.connect("so-y-te", first)
    broker.connect("so-y-te", second).close()


def test_an_agency_that_is_removed_is_out(broker: Broker) -> None:
    password = broker.management.give_access(broker.config.partners["so-y-te"])
    inside = broker.connect("so-y-te", password)

    assert broker.management.take_access("so-y-te")
    assert not broker.management.take_access("so-y-te")

    assert thrown_out(inside)
    with pytest.raises(AMQPError):
        broker.connect("so-y-te", password)


def test_the_gateways_own_user_and_strangers_are_left_alone(broker: Broker) -> None:
    broker.cluster.add_user("nguoi-khac", "x")
    for name in ("lienthong", "nguoi-khac"):
        with pytest.raises(Misconfigured, match="left alone"):
            broker.management.take_access(name)
        with pytest.raises(Misconfigured, match="left alone"):
            broker.management.give_access(broker.config.partners["so-y-te"].model_copy(update={"id": name}))
    broker.cluster.call("DELETE", "/api/users/nguoi-khac")
    broker.admin().close()


def test_a_full_inbox_says_no(broker: Broker, agency) -> None:
    with broker.admin() as admin:
        channel = admin.channel()
        channel.queue_delete("inbox.so-y-te")
        small = {"x-queue-type": "quorum", "x-max-length": 1, "x-overflow": "reject-publish"}
        channel.queue_declare("inbox.so-y-te", durable=True, arguments=small)
        channel.queue_bind("inbox.so-y-te", "send.so-y-te", "inbox.so-y-te")

    assert not all(taken(agency.channel()) for _ in range(20))


def thrown_out(connection: pika.BlockingConnection) -> bool:
    try:
        connection.process_data_events(time_limit=10)
        connection.channel()
    except AMQPError:
        return True
    return False


def taken(channel: BlockingChannel) -> bool:
    try:
        publish(channel, "send.so-y-te", "inbox.so-y-te")
    except NackError:
        return False
    return True
