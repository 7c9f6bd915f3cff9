"""Channels: where work is announced. `kombu` in memory or over a folder for the embedded default."""

from __future__ import annotations

from pathlib import Path

from gateway.channels.announcing import Announcing
from gateway.channels.kombu import KombuChannel
from gateway.errors import Misconfigured
from gateway.ports import Channel


def open_channel(kind: str, folder: Path) -> Channel:
    """``memory``: within one process. ``filesystem``: between processes of one machine, tickets as files in `folder`."""
    if kind == "memory":
        return Announcing(KombuChannel())
    if kind == "filesystem":
        return Announcing(KombuChannel(folder))
    raise Misconfigured(f"no channel {kind!r}: use memory or filesystem")


__all__ = ["open_channel"]
