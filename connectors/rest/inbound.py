"""What a partner that speaks REST is asked on a schedule. What it calls is declared too: `gateway.dialect.hooks`."""

from __future__ import annotations

from pathlib import Path

from connectors.rest.settings import Poll, Settings
from gateway.dialect.calling import ask
from gateway.dialect.polling import Polling
from gateway.dialect.reading import Told
from gateway.dialect.template import Fields
from gateway.errors import Misconfigured
from gateway.ports import Desk


def polling_of(settings: Settings, folder: Path, desk: Desk, place: str) -> Polling[Poll]:
    """Raises `Misconfigured` where there is nothing to read."""
    if not settings.poll:
        raise Misconfigured(f"{place}: poll_seconds cần · wants at least one [[settings.poll]]")
    caller = settings.open(folder, desk.now)

    def read(feed: Poll, fields: Fields) -> Told:
        return ask(feed.ask, caller, fields, settings.answer)

    return Polling(settings.poll, read, desk)
