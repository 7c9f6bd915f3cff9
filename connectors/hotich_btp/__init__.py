"""The civil-status register of the Ministry of Justice: registrations go out, results are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.hotich_btp.settings import Settings
from gateway.ports import Desk, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from connectors.hotich_btp.simulator import RegisterTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.hotich_btp.client import Client
    from connectors.hotich_btp.outbound import Register
    from gateway.outcomes import Outcomes

    return Register(Client(_settings(partner), Outcomes.load(FOLDER / "outcomes.toml")))


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.hotich_btp.client import Client
    from connectors.hotich_btp.inbound import Results
    from gateway.outcomes import Outcomes

    settings = _settings(partner)
    return Results(Client(settings, Outcomes.load(FOLDER / "outcomes.toml")), settings, desk)


def simulator(settings: Mapping[str, Any]) -> RegisterTwin:
    from connectors.hotich_btp.simulator import RegisterTwin

    return RegisterTwin(settings)


connector = Kind(
    name="hotich_btp",
    folder=FOLDER,
    settings=Settings,
    documents={"StatusChanged": ["registration"]},
    outbound=outbound,
    desk_poller=poller,
    simulator=simulator,
)
