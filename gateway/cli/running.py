"""What the processes that run for months share: they stay small, wait for a ledger that is away, and run until they are told to end."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from gateway.cli import lifeline

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway
    from gateway.flow.generation import Generation

T = TypeVar("T")


def stay_small() -> None:
    """Call before anything is loaded that logs: structlog would load rich, for tracebacks that these processes never draw (6 MiB each)."""
    sys.modules.setdefault("rich", None)  # type: ignore[arg-type]  # the interpreter's own way to say: not to be imported


def hear_the_end() -> threading.Event:
    """Set once SIGTERM or SIGINT came, or the supervisor ended."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    lifeline.hear_asking(lambda: None)  # until there is somebody to tell
    lifeline.hold()
    return stop


def start(name: str, home: Path, stop: threading.Event, make: Callable[[Gateway], T]) -> T | None:
    """What `make` makes of the gateway, as soon as the ledger is there; None when told to end before. Raises `Misconfigured`, at once."""
    from gateway.cli.options import read_config
    from gateway.flow.waiting import Starting

    def say(words: str) -> None:
        click.echo(f"{name}: {words}", err=True)

    return Starting(read_config(home), say, stop).patiently(make)


def run_generations(name: str, home: Path, stop: threading.Event, make: Callable[[Gateway], Generation]) -> bool:
    """Run what `make` makes until told to end, and what it makes of the operator's files when they were changed.

    False when a thread ended by itself, which is a fault.
    """
    from gateway.flow.generation import Generations
    from gateway.flow.presence import Presence
    from gateway.flow.renewal import Renewal

    made = start(name, home, stop, lambda gateway: (gateway, Generations(make, gateway)))
    if made is None:
        return True
    gateway, generations = made
    renewal = Renewal(gateway, generations.change, Presence(gateway.config.data, name))
    lifeline.hear_asking(renewal.ask)
    generations.start()
    renewal.start()
    try:
        return until_told(generations.names, lambda: generations.alive() and renewal.alive(), stop)
    finally:  # whatever ended the waiting: threads left running would deliver on, unseen
        renewal.end()
        generations.end()
        gateway.close()


def until_told(ready: str, alive: Callable[[], bool], stop: threading.Event | None = None) -> bool:
    """Say that all is ready and wait for the end. False when a thread ended by itself, which is a fault."""
    stop = stop or hear_the_end()
    lifeline.say_ready(ready)
    while not stop.wait(1.0):
        if not alive():
            return False
    return True
