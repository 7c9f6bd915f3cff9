"""A folder that two systems share, for those who have nothing better: files out by rename, files in by turns."""

from __future__ import annotations

from pathlib import Path

from connectors.folder.settings import Settings
from gateway.ports import Desk, Kind, Outbound, Partner, Poller

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.folder.outbound import Drop
    from gateway.outcomes import Outcomes

    return Drop(_settings(partner), Outcomes.load(FOLDER / "outcomes.toml"))


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.folder.inbound import pickup_of

    return pickup_of(_settings(partner), desk, f"config/partners/{partner.id}.toml")


# No document is required: without a mapping the canonical body goes as it is.
connector = Kind(
    name="folder",
    folder=FOLDER,
    settings=Settings,
    documents={},
    outbound=outbound,
    desk_poller=poller,
    settings_mappings=lambda settings: settings.mappings,
)
