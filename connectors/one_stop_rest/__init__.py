"""A one-stop system that speaks our canonical model over REST, both ways."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.one_stop_rest.settings import Settings
from gateway.ports import Kind, Outbound, Partner

if TYPE_CHECKING:
    from connectors.one_stop_rest.simulator import OneStopTwin

FOLDER = Path(__file__).parent


def outbound(partner: Partner) -> Outbound:
    from connectors.one_stop_rest.client import Client
    from connectors.one_stop_rest.outbound import CountingOneStop, OneStop
    from gateway.outcomes import Outcomes

    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    kind = CountingOneStop if partner.settings.days else OneStop
    return kind(Client(partner.settings), Outcomes.load(FOLDER / "outcomes.toml"))


def simulator(settings: Mapping[str, Any]) -> OneStopTwin:
    from connectors.one_stop_rest.simulator import OneStopTwin

    return OneStopTwin(settings)


# No document is required: without a mapping the canonical body goes as it is.
connector = Kind(
    name="one_stop_rest",
    folder=FOLDER,
    settings=Settings,
    documents={},
    outbound=outbound,
    simulator=simulator,
)
