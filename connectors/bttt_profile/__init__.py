"""The Ministry's exchange of profiles: a mailbox of dossiers, steps and results, read, kept and only then acknowledged; and the way back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.bttt_profile.settings import Settings
from gateway.ports import Desk, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from connectors.bttt_profile.simulator import ProfileTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.bttt_profile.client import Client
    from connectors.bttt_profile.outbound import Profiles
    from gateway.outcomes import Outcomes

    settings = _settings(partner)
    return Profiles(settings, Client(settings, Outcomes.load(FOLDER / "outcomes.toml")))


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.bttt_profile.client import Client
    from connectors.bttt_profile.inbound import ProfileBox
    from gateway.outcomes import Outcomes

    settings = _settings(partner)
    return ProfileBox(Client(settings, Outcomes.load(FOLDER / "outcomes.toml")), settings, desk)


def simulator(settings: Mapping[str, Any]) -> ProfileTwin:
    from connectors.bttt_profile.simulator import ProfileTwin

    return ProfileTwin(settings)


connector = Kind(
    name="bttt_profile",
    folder=FOLDER,
    settings=Settings,
    documents={"DossierSubmitted": ["profile"], "StatusChanged": ["profile", "status"]},
    outbound=outbound,
    desk_poller=poller,
    simulator=simulator,
)
