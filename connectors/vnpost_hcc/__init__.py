"""VNPost for public administration (HCC): postal orders out, the tracking feed in."""

from __future__ import annotations

from pathlib import Path

from connectors.vnpost_hcc.client import Client
from connectors.vnpost_hcc.inbound import Feed
from connectors.vnpost_hcc.outbound import Post
from connectors.vnpost_hcc.settings import Settings
from connectors.vnpost_hcc.simulator import VnpostTwin
from gateway.outcomes import Outcomes
from gateway.ports import Kind, Outbound, Partner, Poller, Translate

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    outcomes = Outcomes.load(FOLDER / "outcomes.toml")
    return Post(Client(_settings(partner), outcomes), outcomes)


def poller(partner: Partner, translate: Translate) -> Poller:
    outcomes, settings = Outcomes.load(FOLDER / "outcomes.toml"), _settings(partner)
    return Feed(Client(settings, outcomes), settings, outcomes, translate)


connector = Kind(
    name="vnpost_hcc",
    folder=FOLDER,
    settings=Settings,
    documents={"PostalOrdered": ["order"], "PostalCancelled": ["cancel"]},
    outbound=outbound,
    poller=poller,
    simulator=VnpostTwin,
)
