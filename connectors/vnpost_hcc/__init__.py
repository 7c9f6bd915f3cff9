"""VNPost for public administration (HCC): postal orders out, the tracking feed in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.vnpost_hcc.settings import Settings
from gateway.ports import Kind, Outbound, Partner, Poller, Translate

if TYPE_CHECKING:
    from connectors.vnpost_hcc.simulator import VnpostTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.vnpost_hcc.client import Client
    from connectors.vnpost_hcc.outbound import Post
    from gateway.outcomes import Outcomes

    outcomes = Outcomes.load(FOLDER / "outcomes.toml")
    return Post(Client(_settings(partner), outcomes), outcomes)


def poller(partner: Partner, translate: Translate) -> Poller:
    from connectors.vnpost_hcc.client import Client
    from connectors.vnpost_hcc.inbound import Feed
    from gateway.outcomes import Outcomes

    outcomes, settings = Outcomes.load(FOLDER / "outcomes.toml"), _settings(partner)
    return Feed(Client(settings, outcomes), settings, outcomes, translate)


def simulator(settings: Mapping[str, Any]) -> VnpostTwin:
    from connectors.vnpost_hcc.simulator import VnpostTwin

    return VnpostTwin(settings)


# Each process loads only the side it uses: the front door neither calls out nor plays the twin.
connector = Kind(
    name="vnpost_hcc",
    folder=FOLDER,
    settings=Settings,
    documents={"PostalOrdered": ["order"], "PostalCancelled": ["cancel"]},
    outbound=outbound,
    poller=poller,
    simulator=simulator,
)
