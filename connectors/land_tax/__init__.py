"""Land taxes, in only: notices and vouchers through the national portal, and the notices that iLIS tells of."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from connectors.land_tax.inbound import hooks
from connectors.land_tax.settings import Settings
from gateway.ports import Kind

if TYPE_CHECKING:
    from connectors.land_tax.simulator import TaxTwin


def _simulator(settings: Mapping[str, Any]) -> TaxTwin:
    from connectors.land_tax.simulator import TaxTwin

    return TaxTwin(settings)


connector = Kind(
    name="land_tax",
    folder=Path(__file__).parent,
    settings=Settings,
    documents={},
    hooks=hooks,
    simulator=_simulator,
)
