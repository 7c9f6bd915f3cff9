"""The land office's system VBDLIS: dossiers out, every step of the land office in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from connectors.vbdlis.inbound import hooks
from connectors.vbdlis.settings import Settings
from gateway.ports import Kind, Outbound, Partner

if TYPE_CHECKING:
    from connectors.vbdlis.simulator import LandTwin


def _outbound(partner: Partner) -> Outbound:
    from connectors.vbdlis.outbound import LandOffice

    return LandOffice(cast(Settings, partner.settings))


def _simulator(settings: Mapping[str, Any]) -> LandTwin:
    from connectors.vbdlis.simulator import LandTwin

    return LandTwin(settings)


connector = Kind(
    name="vbdlis",
    folder=Path(__file__).parent,
    settings=Settings,
    documents={
        "DossierSubmitted": ["receive"],
        "SupplementProvided": ["supplement"],
        "StatusChanged": ["receive", "return", "wrong_result"],
    },
    outbound=_outbound,
    hooks=hooks,
    simulator=_simulator,
)
