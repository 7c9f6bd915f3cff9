"""A partner that speaks REST, joined by one partner file and its mappings, without any Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.rest.settings import Settings
from gateway.ports import Description, Desk, Hook, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from gateway.dialect.twin import DialectTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.rest.outbound import outbound_of

    return outbound_of(_settings(partner), partner.folder, f"config/partners/{partner.id}.toml")


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.rest.inbound import polling_of

    return polling_of(_settings(partner), partner.folder, desk, f"config/partners/{partner.id}.toml")


def hooks(partner: Partner) -> Sequence[Hook]:
    from gateway.dialect.hooks import hooks_of

    return hooks_of(_settings(partner).hook)


def describe(file: Path) -> Description:
    from connectors.rest.description import describe as read

    return read(file)


def simulator(file: Mapping[str, Any]) -> DialectTwin:
    from connectors.rest.simulator import twin_of

    return twin_of(file)


# No document is required: without a mapping the canonical body goes as it is.
connector = Kind(
    name="rest",
    folder=FOLDER,
    settings=Settings,
    documents={},
    outbound=outbound,
    desk_poller=poller,
    hooks=hooks,
    settings_mappings=lambda settings: settings.mappings,
    simulator=simulator,
    passes_on=True,
    describe=describe,
)
