"""The national portal (Cổng Dịch vụ công Quốc gia), which speaks mapi.

Dossiers, progress and statuses go out; look-ups and promotion notices come in. Its catalogue is read, to be compared with ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from connectors.mapi.inbound import hooks
from connectors.mapi.settings import Settings
from gateway.ports import Catalogue, Kind, Outbound, Partner

if TYPE_CHECKING:
    from connectors.mapi.simulator import PortalTwin


def _outbound(partner: Partner) -> Outbound:
    from connectors.mapi.outbound import MapiOutbound

    return MapiOutbound(cast(Settings, partner.settings))


def _catalogue(partner: Partner) -> Catalogue:
    from connectors.mapi.catalogue import PortalCatalogue

    return PortalCatalogue(cast(Settings, partner.settings))


def _simulator(settings: Mapping[str, Any]) -> PortalTwin:
    from connectors.mapi.simulator import PortalTwin

    return PortalTwin(settings)


_DOSSIER = ("dossier",)

connector = Kind(
    name="mapi",
    folder=Path(__file__).parent,
    settings=Settings,
    documents={
        "DossierSubmitted": _DOSSIER,
        "StatusChanged": ("dossier", "progress", "portal_status"),
        "ResultIssued": _DOSSIER,
        "SupplementRequested": _DOSSIER,
        "SupplementProvided": _DOSSIER,
        "PaymentRequested": _DOSSIER,
        "PaymentPaid": _DOSSIER,
    },
    outbound=_outbound,
    hooks=hooks,
    catalogue=_catalogue,
    simulator=_simulator,
)
