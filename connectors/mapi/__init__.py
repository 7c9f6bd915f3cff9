"""The national portal (Cổng Dịch vụ công Quốc gia), which speaks mapi.

Dossiers, progress and statuses go out; look-ups and promotion notices come in.
"""

from pathlib import Path
from typing import cast

from connectors.mapi.inbound import hooks
from connectors.mapi.outbound import MapiOutbound
from connectors.mapi.settings import Settings
from connectors.mapi.simulator import PortalTwin
from gateway.ports import Kind, Outbound, Partner


def _outbound(partner: Partner) -> Outbound:
    return MapiOutbound(cast(Settings, partner.settings))


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
    simulator=PortalTwin,
)
