"""What an agency may do at the broker, as RabbitMQ writes it down: three patterns over names, one over the keys it may bind.

A pattern is searched for in a name, so each is anchored at both ends. Names of exchanges and queues are not told apart by RabbitMQ.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from gateway.channels.topology import EVENTS, events_of, reply_of, send_of
from gateway.config import PartnerFile

NEVER = "^$"
_WORD = "[A-Za-z0-9_-]+"


@dataclass(frozen=True, slots=True)
class Permission:
    """Regular expressions. `bind` is over the keys under which the agency may bind a queue of its own to the events."""

    configure: str
    write: str
    read: str
    bind: str


def permission(partner: PartnerFile) -> Permission:
    """Write: its own door, and (to bind it) its own events queue. Read: its answers, its events. Declare or remove: nothing.

    To bind a queue is to write to the queue and to read the exchange; that is why `dossier` may be read.
    """
    write, read = [], []
    if partner.amqp.inbox:
        write.append(send_of(partner.id))
        read.append(reply_of(partner.id))
    if partner.amqp.events:
        write.append(events_of(partner.id))
        read += [events_of(partner.id), EVENTS]
    return Permission(NEVER, _one_of(write), _one_of(read), _keys_within(partner.amqp.events))


def covers(allowed: str, key: str) -> bool:
    """Whatever a binding under `key` brings, a binding under `allowed` brings too."""
    return re.search(_keys_within([allowed]), key) is not None


def _one_of(names: Sequence[str]) -> str:
    return f"^({'|'.join(re.escape(name) for name in names)})$" if names else NEVER


def _keys_within(allowed: Sequence[str]) -> str:
    """Every binding key that asks for no more than one of `allowed` does. `*` stands for one word, `#` for any number of them."""
    return f"^({'|'.join(_within(key) for key in allowed)})$" if allowed else NEVER


def _within(key: str) -> str:
    """A word is itself; for `*` any word may be bound, or `*`; for `#` any words, `*` and `#`."""
    found = ""
    for number, word in enumerate(key.split(".")):
        dot = r"\." if number else ""
        if word == "#":
            any_word = rf"({_WORD}|\*|#)"
            found += rf"({dot}{any_word})*" if number else rf"({any_word}(\.{any_word})*)?"
        elif word == "*":
            found += rf"{dot}({_WORD}|\*)"
        else:
            found += dot + re.escape(word)
    return found
