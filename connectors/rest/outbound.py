"""Messages out to a partner that speaks REST: the declared calls, over the connector's cautious table."""

from __future__ import annotations

from pathlib import Path

from connectors.rest import FOLDER
from connectors.rest.settings import Settings
from gateway.dialect.delivering import Rest, rest_of
from gateway.outcomes import Outcomes


def outbound_of(settings: Settings, folder: Path, place: str) -> Rest:
    """`folder` is the configuration's, `place` names the partner's file."""
    return rest_of(settings.open(folder), settings, Outcomes.load(FOLDER / "outcomes.toml"), place)
