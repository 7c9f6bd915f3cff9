"""Channels: where work is announced. `kombu` in memory or over a folder for the embedded default, RabbitMQ past one machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from gateway.channels.announcing import Announcing
from gateway.channels.kombu import KombuChannel
from gateway.channels.topology import topology
from gateway.config import Config
from gateway.errors import Misconfigured
from gateway.ports import Channel

if TYPE_CHECKING:
    from gateway.channels.rabbitmq import RabbitMQ


def open_channel(kind: str, folder: Path, broker: RabbitMQ | None = None) -> Channel:
    """``memory``: within one process. ``filesystem``: between processes of one machine, tickets as files in `folder`.

    ``rabbitmq``: over `broker`, see `open_broker`.
    """
    if kind == "memory":
        return Announcing(KombuChannel())
    if kind == "filesystem":
        return Announcing(KombuChannel(folder))
    if kind == "rabbitmq" and broker is not None:
        return Announcing(broker)
    raise Misconfigured(f"no channel {kind!r}: use memory, filesystem or rabbitmq")


def open_broker(config: Config) -> RabbitMQ:
    """It connects when it is first used. Raises `Misconfigured` for wrong addresses, never because no broker is there."""
    try:
        from gateway.channels.rabbitmq import RabbitMQ  # pika is installed for production only
    except ModuleNotFoundError as missing:
        raise Misconfigured(
            f"kênh rabbitmq cần gói {missing.name} · the channel rabbitmq needs the package {missing.name}: "
            "pip install 'lienthong[production]'"
        ) from missing
    return RabbitMQ(config.settings.rabbitmq, topology(config))


__all__ = ["open_broker", "open_channel"]
