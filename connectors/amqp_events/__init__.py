"""Every routed message as a CloudEvent on the gateway's own broker, for whoever may bind to it."""

from __future__ import annotations

from pathlib import Path

from connectors.amqp_events.settings import Settings
from gateway.ports import Bus, Kind, Outbound, Partner

FOLDER = Path(__file__).parent


def over_bus(partner: Partner, bus: Bus) -> Outbound:
    from connectors.amqp_events.outbound import Events
    from gateway.outcomes import Outcomes

    if not isinstance(partner.settings, Settings):
        raise TypeError(f"{partner.id}: settings of another connector")
    return Events(bus, Outcomes.load(FOLDER / "outcomes.toml"), partner.settings.confirm_seconds)


# No document is required: without a mapping the canonical body goes as it is.
connector = Kind(name="amqp_events", folder=FOLDER, settings=Settings, documents={}, over_bus=over_bus)
