"""Messages out to the owner of the mailbox: the declared calls, over the connector's cautious table."""

from __future__ import annotations

from pathlib import Path

from connectors.mailbox import FOLDER
from connectors.mailbox.settings import Settings
from gateway.dialect.delivering import Rest, rest_of
from gateway.outcomes import Outcomes


def outbound_of(settings: Settings, folder: Path, place: str) -> Rest:
    """`folder` is the configuration's, `place` names the partner's file."""
    return rest_of(settings.open(folder), settings, Outcomes.load(FOLDER / "outcomes.toml"), place)
