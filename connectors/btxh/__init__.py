"""Social protection (bảo trợ xã hội): dossiers and their steps go to the Ministry's system."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from connectors.btxh.settings import Settings
from gateway.ports import Kind, Outbound, Partner

if TYPE_CHECKING:
    from connectors.btxh.simulator import BtxhTwin

FOLDER = Path(__file__).parent


def outbound(partner: Partner) -> Outbound:
    from connectors.btxh.client import Client
    from connectors.btxh.outbound import Btxh
    from gateway.outcomes import Outcomes

    return Btxh(Client(cast(Settings, partner.settings), Outcomes.load(FOLDER / "outcomes.toml")))


def simulator(settings: Mapping[str, Any]) -> BtxhTwin:
    from connectors.btxh.simulator import BtxhTwin

    return BtxhTwin(settings)


connector = Kind(
    name="btxh",
    folder=FOLDER,
    settings=Settings,
    documents={
        "DossierSubmitted": ["dossier"],
        "StatusChanged": ["dossier", "progress"],
        "ResultIssued": ["dossier"],
        "SupplementProvided": ["dossier"],
    },
    outbound=outbound,
    simulator=simulator,
)
