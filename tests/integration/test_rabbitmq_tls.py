"""amqps: the broker's name and certificate are verified, ours is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.channels.rabbitmq import RabbitMQ
from gateway.ports import BusAway, Confirm
from tests.brokers import Cluster, at_broker
from tests.bus import BUS, event, publish

pytestmark = [pytest.mark.rabbitmq, pytest.mark.slow]

Secure = Callable[..., RabbitMQ]


@pytest.fixture
def secure(rabbitmq_server: Cluster, tmp_path: Path) -> Iterator[Secure]:
    """A channel over TLS; without `who` only the certificate says who we are."""
    made: list[RabbitMQ] = []
    certificates, port = rabbitmq_server.certificates, rabbitmq_server.nodes[0].tls_port
    assert certificates is not None
    right = {
        "ca_file": str(certificates.ca),
        "client_cert": str(certificates.client),
        "client_key": str(certificates.client_key),
    }

    def make(who: str = f"lienthong:{rabbitmq_server.password}@", host: str = "localhost", **rules: Any) -> RabbitMQ:
        address = f"amqps://{who}{host}:{port}/{vhost}"
        config = at_broker(tmp_path, [address], **{**right, **rules})
        made.append(RabbitMQ(config.settings.rabbitmq, BUS))
        return made[-1]

    with rabbitmq_server.vhost() as vhost:
        yield make
        for channel in made:
            channel.close()


def test_with_the_right_certificates_all_is_well(secure: Secure) -> None:
    channel = secure()

    assert publish(channel, [event(1)]) == [Confirm.KEPT]
    assert channel.state().address.startswith("amqps://localhost:")


def test_the_certificate_alone_can_say_who_we_are(secure: Secure) -> None:
    assert publish(secure(who=""), [event(1)]) == [Confirm.KEPT]


def test_a_broker_that_an_unknown_authority_signed_is_not_trusted(secure: Secure, rabbitmq_server: Cluster) -> None:
    assert rabbitmq_server.certificates is not None

    with pytest.raises(BusAway, match="CERTIFICATE_VERIFY_FAILED"):
        publish(secure(ca_file=str(rabbitmq_server.certificates.stranger)), [event(1)])


def test_a_broker_with_another_name_is_not_trusted(secure: Secure) -> None:
    with pytest.raises(BusAway, match="IP address mismatch"):
        publish(secure(host="127.0.0.1"), [event(1)])


def test_without_a_client_certificate_the_broker_turns_us_away(secure: Secure) -> None:
    channel = secure(client_cert="", client_key="")

    with pytest.raises(BusAway):
        publish(channel, [event(1)])
    assert not channel.state().connected
