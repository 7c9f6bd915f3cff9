"""A cluster of three: what was confirmed survives a node, and all of them, being killed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.channels.rabbitmq import RabbitMQ
from gateway.ports import BusAway, Confirm
from tests.brokers import Cluster, at_broker
from tests.bus import BUS, letter, publish, until

pytestmark = [pytest.mark.rabbitmq, pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def opened(rabbitmq_cluster: Cluster, tmp_path: Path) -> Iterator[Callable[[int], RabbitMQ]]:
    """Channels whose first address is that of the given node."""
    made: list[RabbitMQ] = []
    with rabbitmq_cluster.vhost() as vhost:
        addresses = rabbitmq_cluster.addresses(vhost)

        def make(first: int) -> RabbitMQ:
            config = at_broker(tmp_path, addresses[first:] + addresses[:first])
            made.append(RabbitMQ(config.settings.rabbitmq, BUS))
            made[-1].vhost = vhost  # type: ignore[attr-defined]
            return made[-1]

        yield make
        for channel in made:
            channel.close()


class Sender:
    """Publishes numbers until it is told to stop, and remembers which were confirmed. What was not, it sends again."""

    def __init__(self, channel: RabbitMQ) -> None:
        self.channel = channel
        self.kept: set[int] = set()
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self) -> None:
        first = 0
        while not self.ending.is_set():
            batch = list(range(first, first + 50))
            while batch:
                try:
                    confirms = self.channel.publish([letter(n) for n in batch], 5.0)
                except BusAway:
                    self.ending.wait(0.2)
                    if self.ending.is_set():
                        return
                    continue
                self.kept |= {n for n, c in zip(batch, confirms, strict=True) if c is Confirm.KEPT}
                batch = [n for n in batch if n not in self.kept]
            first += 50
            self.ending.wait(0.02)

    def stop(self) -> set[int]:
        self.ending.set()
        self.thread.join()
        return self.kept


def take_all(channel: RabbitMQ, wanted: set[int]) -> set[int]:
    """What of it never comes: nothing more has come for 20 seconds."""
    missing = set(wanted)
    while missing and (arrivals := channel.receive(100, 20.0)):
        missing -= {int(arrival.body) for arrival in arrivals}
        channel.done(arrivals)
    return missing


def test_nothing_confirmed_is_lost_when_the_leading_node_is_killed(
    rabbitmq_cluster: Cluster, opened: Callable[[int], RabbitMQ]
) -> None:
    publish(opened(0), [letter(0)])
    vhost = opened(0).vhost  # type: ignore[attr-defined]
    leader = rabbitmq_cluster.leader(vhost, "inbox.tax")
    sender, reader = Sender(opened(leader)), opened((leader + 1) % 3)
    reader.attend(["inbox.tax"], 100)
    until(lambda: len(sender.kept) > 200)

    rabbitmq_cluster.nodes[leader].kill()
    before = len(sender.kept)
    until(lambda: len(sender.kept) > before + 200, 60)
    rabbitmq_cluster.start()
    kept = sender.stop()

    assert take_all(reader, kept) == set()
    assert sender.channel.state().connected


def test_nothing_confirmed_is_lost_when_every_node_is_killed(
    rabbitmq_cluster: Cluster, opened: Callable[[int], RabbitMQ]
) -> None:
    channel, reader = opened(0), opened(1)
    sender = Sender(channel)
    until(lambda: len(sender.kept) > 200)

    rabbitmq_cluster.kill()
    until(lambda: not channel.state().connected)
    with pytest.raises(BusAway):
        channel.publish([letter(1)], 1.0)
    channel.ring("portal")
    rabbitmq_cluster.start()
    before = len(sender.kept)
    until(lambda: len(sender.kept) > before, 60)
    kept = sender.stop()

    reader.attend(["inbox.tax"], 100)
    reader.listen(["portal"])
    assert take_all(reader, kept) == set()
    ticket = reader.take(20.0)
    assert ticket is not None
    assert ticket.destination == "portal"
