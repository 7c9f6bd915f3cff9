"""A one-stop system that speaks our canonical model over REST, both ways."""

from __future__ import annotations

from pathlib import Path

from connectors.one_stop_rest.client import Client
from connectors.one_stop_rest.outbound import OneStop
from connectors.one_stop_rest.settings import Settings
from connectors.one_stop_rest.simulator import OneStopTwin
from gateway.outcomes import Outcomes
from gateway.ports import Kind, Outbound, Partner

FOLDER = Path(__file__).parent


def outbound(partner: Partner) -> Outbound:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return OneStop(Client(partner.settings), Outcomes.load(FOLDER / "outcomes.toml"))


# No document is required: without a mapping the canonical body goes as it is.
connector = Kind(
    name="one_stop_rest",
    folder=FOLDER,
    settings=Settings,
    documents={},
    outbound=outbound,
    simulator=OneStopTwin,
)
