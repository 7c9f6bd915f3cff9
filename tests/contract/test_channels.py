"""The contract of a channel. Every implementation passes it."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.channels import open_broker, open_channel
from gateway.ports import Channel
from tests.brokers import at_broker


@pytest.fixture(params=["memory", "filesystem", pytest.param("rabbitmq", marks=pytest.mark.rabbitmq)])
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Channel]]:
    made: list[Channel] = []
    address = request.getfixturevalue("rabbitmq_url") if request.param == "rabbitmq" else ""

    def make() -> Channel:
        broker = open_broker(at_broker(tmp_path, [address])) if address else None
        made.append(open_channel(request.param, tmp_path / "tickets", broker))
        return made[-1]

    yield make
    for channel in made:
        channel.close()


def drain(channel: Channel, first: float = 5.0, seconds: float = 0.3) -> list[str]:
    """The destinations of all tickets; a broker may take a moment until the first one is there."""
    found: list[str] = []
    while (ticket := channel.take(seconds if found else first)) is not None:
        found.append(ticket.destination)
        channel.done(ticket)
    return found


def test_a_ring_is_heard_by_who_listens_to_that_destination(opened) -> None:
    channel = opened()
    channel.listen(["portal", "vnpost"])

    channel.ring("portal")

    assert drain(channel) == ["portal"]


def test_nobody_hears_a_destination_it_does_not_listen_to(opened) -> None:
    channel = opened()
    channel.listen(["vnpost"])

    channel.ring("portal")
    channel.ring("vnpost")

    assert drain(channel) == ["vnpost"]


def test_a_ring_before_anybody_listens_is_kept(opened) -> None:
    channel = opened()
    channel.ring("portal")
    time.sleep(0.1)

    channel.listen(["portal"])

    assert drain(channel) == ["portal"]


def test_a_thousand_rings_are_a_few_tickets_and_never_none(opened) -> None:
    channel = opened()
    channel.listen(["portal"])

    begun = time.monotonic()
    for _ in range(1000):
        channel.ring("portal")
    spent = time.monotonic() - begun

    assert 1 <= len(drain(channel)) <= 2 + spent / 0.02


def test_the_last_ring_is_never_swallowed(opened) -> None:
    """A ring that falls between two announcements still brings a ticket after it."""
    channel = opened()
    channel.listen(["portal"])
    for _ in range(20):
        channel.ring("portal")
        ticket = channel.take(5.0)
        assert ticket is not None
        channel.done(ticket)
        drain(channel, 0.05, 0.05)


def test_taking_from_an_empty_channel_ends_in_time(opened) -> None:
    channel = opened()
    channel.listen(["portal"])
    begun = time.monotonic()

    assert channel.take(0.2) is None
    assert time.monotonic() - begun < 2


def test_a_folder_carries_tickets_between_processes(tmp_path: Path) -> None:
    folder = tmp_path / "tickets"
    channel = open_channel("filesystem", folder)
    channel.listen(["portal"])
    ring = (
        "import sys, time; from pathlib import Path; from gateway.channels import open_channel\n"
        "c = open_channel('filesystem', Path(sys.argv[1])); c.ring('portal'); time.sleep(0.2); c.close()"
    )

    subprocess.run([sys.executable, "-c", ring, str(folder)], check=True)

    assert drain(channel) == ["portal"]
    channel.close()
