"""A partner that speaks SOAP, joined by its WSDL and one partner file, without any Python."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.soap.settings import Settings
from gateway.ports import Description, Desk, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from connectors.soap.simulator import SoapTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.soap.client import Client
    from connectors.soap.outbound import soap_of
    from gateway.outcomes import Outcomes

    settings, place = _settings(partner), f"config/partners/{partner.id}.toml"
    return soap_of(Client(settings, partner.folder), settings, Outcomes.load(FOLDER / "outcomes.toml"), place)


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.soap.client import Client
    from connectors.soap.inbound import polling_of

    settings = _settings(partner)
    return polling_of(Client(settings, partner.folder), settings, desk, f"config/partners/{partner.id}.toml")


def describe(file: Path) -> Description:
    from connectors.soap.description import describe as read

    return read(file)


def simulator(file: Mapping[str, Any]) -> SoapTwin:
    from connectors.soap.simulator import SoapTwin

    return SoapTwin(file)


# No document is required: without a mapping the canonical body goes as it is.
connector = Kind(
    name="soap",
    folder=FOLDER,
    settings=Settings,
    documents={},
    outbound=outbound,
    desk_poller=poller,
    settings_mappings=lambda settings: settings.mappings,
    simulator=simulator,
    describe=describe,
)
