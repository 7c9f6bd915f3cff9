"""Criminal records (lý lịch tư pháp) through VNeID: two sides, one folder.

A partner file is either VNeID's (it asks for codes, hands in dossiers, gets results) or that of the Ministry's system (it gets dossiers and
is asked for results).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.lltp.settings import Settings
from gateway.ports import Desk, Hook, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from connectors.lltp.simulator import LltpTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.lltp.client import MinistryClient, VneidClient
    from connectors.lltp.outbound import Ministry, Vneid
    from gateway.outcomes import Outcomes

    settings, outcomes = _settings(partner), Outcomes.load(FOLDER / "outcomes.toml")
    if settings.vneid is not None:
        return Vneid(VneidClient(settings.vneid, outcomes))
    assert settings.ministry is not None  # noqa: S101 - the settings have one of the two
    return Ministry(MinistryClient(settings.ministry, outcomes))


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.lltp.client import MinistryClient
    from connectors.lltp.polling import Results
    from gateway.outcomes import Outcomes

    settings = _settings(partner).ministry
    if settings is None:
        raise ValueError(f"{partner.id}: VNeID is not polled: take poll_seconds out of its file")
    return Results(MinistryClient(settings, Outcomes.load(FOLDER / "outcomes.toml")), settings, desk)


def hooks(partner: Partner) -> Sequence[Hook]:
    from connectors.lltp.inbound import hooks_of

    settings = _settings(partner).vneid
    return hooks_of(settings) if settings is not None else ()


def simulator(settings: Mapping[str, Any]) -> LltpTwin:
    from connectors.lltp.simulator import LltpTwin

    return LltpTwin(settings)


connector = Kind(
    name="lltp",
    folder=FOLDER,
    settings=Settings,
    documents={"StatusChanged": ["lltp"]},
    outbound=outbound,
    desk_poller=poller,
    hooks=hooks,
    simulator=simulator,
)
