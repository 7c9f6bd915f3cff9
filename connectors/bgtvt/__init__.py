"""Transport (BGTVT): the Ministry's list of dossiers comes in; nothing goes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from connectors.bgtvt.settings import Settings
from gateway.ports import Desk, Kind, Partner, Poller

if TYPE_CHECKING:
    from connectors.bgtvt.simulator import BgtvtTwin

FOLDER = Path(__file__).parent


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.bgtvt.client import Client
    from connectors.bgtvt.inbound import feed
    from gateway.outcomes import Outcomes

    settings = cast(Settings, partner.settings)
    return feed(Client(settings, Outcomes.load(FOLDER / "outcomes.toml")), settings, desk)


def simulator(settings: Mapping[str, Any]) -> BgtvtTwin:
    from connectors.bgtvt.simulator import BgtvtTwin

    return BgtvtTwin(settings)


connector = Kind(
    name="bgtvt",
    folder=FOLDER,
    settings=Settings,
    documents={},
    desk_poller=poller,
    simulator=simulator,
)
