"""The provincial or national axis' one-stop service, "MSync": whole dossiers and the trace of their steps, told only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.msync.settings import Settings
from gateway.ports import Kind, Outbound, Partner

if TYPE_CHECKING:
    from connectors.msync.simulator import MsyncTwin

FOLDER = Path(__file__).parent
TOLD = (
    "DossierSubmitted",
    "SupplementRequested",
    "SupplementProvided",
    "PaymentRequested",
    "PaymentPaid",
    "ResultIssued",
)


def outbound(partner: Partner) -> Outbound:
    from connectors.msync.client import Client
    from connectors.msync.outbound import Axis
    from gateway.outcomes import Outcomes

    settings = partner.settings
    if not isinstance(settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return Axis(settings, Client(settings, Outcomes.load(FOLDER / "outcomes.toml")))


def simulator(settings: Mapping[str, Any]) -> MsyncTwin:
    from connectors.msync.simulator import MsyncTwin

    return MsyncTwin(settings)


connector = Kind(
    name="msync",
    folder=FOLDER,
    settings=Settings,
    documents={**{kind: ["document"] for kind in TOLD}, "StatusChanged": ["document", "trace"]},
    outbound=outbound,
    simulator=simulator,
)
