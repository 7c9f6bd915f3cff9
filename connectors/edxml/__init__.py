"""The document trunk: edXML (QCVN 102:2016) over VXP, or over a province's own trunk."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.edxml.settings import Settings
from gateway.ports import Desk, Kind, Outbound, Partner, Poller

if TYPE_CHECKING:
    from connectors.edxml.simulator import EdxmlTwin

FOLDER = Path(__file__).parent


def _settings(partner: Partner) -> Settings:
    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return partner.settings


def outbound(partner: Partner) -> Outbound:
    from connectors.edxml.client import Client
    from connectors.edxml.outbound import Documents, ListedDocuments
    from gateway.outcomes import Outcomes

    settings = _settings(partner)
    kind = ListedDocuments if settings.vxp is not None else Documents  # a province's own trunk cannot be asked
    return kind(settings, Client(settings, Outcomes.load(FOLDER / "outcomes.toml")), partner.folder)


def poller(partner: Partner, desk: Desk) -> Poller:
    from connectors.edxml.client import Client
    from connectors.edxml.inbound import DocumentBox
    from gateway.outcomes import Outcomes

    settings = _settings(partner)
    return DocumentBox(Client(settings, Outcomes.load(FOLDER / "outcomes.toml")), settings, desk, partner.folder)


def simulator(settings: Mapping[str, Any]) -> EdxmlTwin:
    from connectors.edxml.simulator import EdxmlTwin

    return EdxmlTwin(settings)


connector = Kind(
    name="edxml",
    folder=FOLDER,
    settings=Settings,
    documents={
        "DossierSubmitted": ["document"],
        "StatusChanged": ["document", "recall"],
        "SupplementProvided": ["document"],
    },
    outbound=outbound,
    desk_poller=poller,
    simulator=simulator,
)
