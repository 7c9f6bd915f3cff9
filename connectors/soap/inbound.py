"""What a partner that speaks SOAP is asked on a schedule. It calls us at our own `/soap/v1/dossiers`, which is nothing of this connector's."""

from __future__ import annotations

from connectors.soap.calling import Calls
from connectors.soap.client import Client
from connectors.soap.settings import Poll, Settings
from gateway.dialect.polling import Polling
from gateway.dialect.reading import Told
from gateway.dialect.template import Fields
from gateway.errors import Misconfigured, TryLater
from gateway.ports import Desk


def polling_of(client: Client, settings: Settings, desk: Desk, place: str) -> Polling[Poll]:
    """Raises `Misconfigured`."""
    if not settings.poll:
        raise Misconfigured(f"{place}: poll_seconds cần · wants at least one [[settings.poll]]")
    calls = Calls(client, settings, [feed.ask for feed in settings.poll])

    def ask(feed: Poll, fields: Fields) -> Told:
        """Raises `TryLater` for a fault: a feed that failed is read again, and none of it is lost."""
        said = calls.make(feed.ask, fields)()
        if said.fault:
            words = f"{feed.name}: {said.told.code}: {said.told.text[:160]}"
            raise TryLater(words, code=said.told.code, answer=said.told.body, retry_after=said.told.retry_after)
        return said.told

    return Polling(settings.poll, ask, desk)
