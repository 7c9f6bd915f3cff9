"""The national linked-service software (DVCLT): dossiers of births and deaths come in, statuses and results go back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.dvclt.settings import Settings
from gateway.ports import Desk, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from connectors.dvclt.simulator import DvcltTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.dvclt.client import Client
    from connectors.dvclt.outbound import Statuses
    from gateway.outcomes import Outcomes

    return Statuses(Client(_settings(partner), Outcomes.load(FOLDER / "outcomes.toml")))


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.dvclt.client import Client
    from connectors.dvclt.inbound import Dossiers
    from gateway.outcomes import Outcomes

    settings = _settings(partner)
    return Dossiers(Client(settings, Outcomes.load(FOLDER / "outcomes.toml")), settings, desk)


def simulator(settings: Mapping[str, Any]) -> DvcltTwin:
    from connectors.dvclt.simulator import DvcltTwin

    return DvcltTwin(settings)


connector = Kind(
    name="dvclt",
    folder=FOLDER,
    settings=Settings,
    documents={"StatusChanged": ["status"]},
    outbound=outbound,
    desk_poller=poller,
    simulator=simulator,
)
