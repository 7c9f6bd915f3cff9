"""An agency that runs OpenCPS: dossiers go there over its REST interface, and it is asked how they stand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.opencps.settings import Settings
from gateway.ports import Desk, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from connectors.opencps.simulator import OpenCpsTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.opencps.client import Client
    from connectors.opencps.outbound import Dossiers
    from gateway.outcomes import Outcomes

    settings = _settings(partner)
    return Dossiers(settings, Client(settings, Outcomes.load(FOLDER / "outcomes.toml")))


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.opencps.client import Client
    from connectors.opencps.polling import Standings
    from gateway.outcomes import Outcomes

    settings = _settings(partner)
    return Standings(Client(settings, Outcomes.load(FOLDER / "outcomes.toml")), settings, desk)


def simulator(settings: Mapping[str, Any]) -> OpenCpsTwin:
    from connectors.opencps.simulator import OpenCpsTwin

    return OpenCpsTwin(settings)


connector = Kind(
    name="opencps",
    folder=FOLDER,
    settings=Settings,
    documents={
        "DossierSubmitted": ["dossier"],
        "StatusChanged": ["dossier", "step"],
        "SupplementProvided": ["step"],
    },
    outbound=outbound,
    desk_poller=poller,
    simulator=simulator,
)
