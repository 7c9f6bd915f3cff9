"""Driving licences (GPLX): the Ministry's system speaks mapi. Its dossiers come in; nothing goes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from connectors.gplx.settings import Settings
from gateway.ports import Desk, Kind, Partner, Poller

if TYPE_CHECKING:
    from connectors.gplx.simulator import GplxTwin

FOLDER = Path(__file__).parent


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.gplx.client import Client
    from connectors.gplx.inbound import feed
    from gateway.outcomes import Outcomes

    settings = cast(Settings, partner.settings)
    return feed(Client(settings, Outcomes.load(FOLDER / "outcomes.toml")), settings, desk)


def simulator(settings: Mapping[str, Any]) -> GplxTwin:
    from connectors.gplx.simulator import GplxTwin

    return GplxTwin(settings)


connector = Kind(
    name="gplx",
    folder=FOLDER,
    settings=Settings,
    documents={},
    desk_poller=poller,
    simulator=simulator,
)
