"""A mailbox over REST: list → fetch → store → acknowledge, joined by one partner file and its mappings."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.mailbox.settings import Settings
from gateway.ports import Desk, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from connectors.mailbox.simulator import MailboxTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.mailbox.outbound import outbound_of

    return outbound_of(_settings(partner), partner.folder, f"config/partners/{partner.id}.toml")


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.mailbox.inbound import boxes_of

    return boxes_of(_settings(partner), partner.folder, desk, f"config/partners/{partner.id}.toml")


def simulator(file: Mapping[str, Any]) -> MailboxTwin:
    from connectors.mailbox.simulator import twin_of

    return twin_of(file)


# No document is required: without a mapping the canonical body goes as it is.
connector = Kind(
    name="mailbox",
    folder=FOLDER,
    settings=Settings,
    documents={},
    outbound=outbound,
    desk_poller=poller,
    settings_mappings=lambda settings: settings.mappings,
    simulator=simulator,
)
