"""The sign-on, found by name as connectors are: the spine hands it its settings, its store, a clock and a key, and knows no more of it."""

from __future__ import annotations

from functools import cache
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from gateway.config import read_toml, resolve_secrets
from gateway.errors import Misconfigured
from gateway.ledger.signon import SignOnLedger

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway


def open_signon(gateway: Gateway) -> Any | None:
    """The sign-on of this gateway; None where config/signon.toml is missing. Raises `Misconfigured`."""
    file = gateway.config.folder / "signon.toml"
    if not file.exists():
        return None
    return door().SignOn(
        issuer=gateway.config.settings.public_url,
        settings=read_settings(gateway),
        clients=read_clients(gateway),
        store=SignOnLedger(gateway.ledger),
        derive=lambda purpose: bytes.fromhex(gateway.sign("sign-on", purpose)),
        now=gateway.now,
    )


@cache
def door() -> Any:
    """The sign-on's own module: `SignOn`, `hang`, `machine`."""
    (point,) = entry_points(group="lienthong.signon", name="openid")
    return point.load()


def read_clients(gateway: Gateway) -> dict[str, dict[str, Any]]:
    """The documents of config/clients/, by file name. Raises `Misconfigured` for one that speaks as a partner we do not have."""
    found = {file.stem: read_toml(file) for file in sorted((gateway.config.folder / "clients").glob("*.toml"))}
    for name, document in found.items():
        partner = document.get("partner", "")
        if partner and partner not in gateway.config.partners:
            raise Misconfigured(f"config/clients/{name}.toml: there is no partner {partner!r}")
    return found


def read_settings(gateway: Gateway) -> dict[str, Any]:
    """Secrets of providers that are switched off are not asked for."""
    raw = read_toml(gateway.config.folder / "signon.toml")
    rows = [row for row in raw.get("provider", []) if row.get("enabled", True)]
    found: dict[str, Any] = resolve_secrets({**raw, "provider": rows}, "config/signon.toml")
    return found
