"""The certificates that servers show us: looked at once a day, and kept with their ends. One that ends stops every delivery to its partner."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import structlog
from cryptography import x509

from gateway.canonical.scalars import write_instant
from gateway.config import resolve_secrets
from gateway.errors import Misconfigured
from gateway.flow.expiring import Expiring, strings_in
from gateway.flow.gateway import Gateway
from gateway.flow.signon import read_settings
from gateway.flow.troubles import OPERATOR
from gateway.http import served_certificate
from gateway.ledger import facts

log = structlog.get_logger("certificates")

KEPT = "served certificates"  # the cursor under which they are kept, as JSON: place → owner, end
EACH, AGAIN = timedelta(days=1), timedelta(hours=1)


class Served:
    """The clock's part in it."""

    def __init__(self, gateway: Gateway, stopped: Callable[[], bool] = lambda: False) -> None:
        """`stopped`: asked before each server, since one that is silent takes ten seconds."""
        self.gateway, self._stopped = gateway, stopped
        self._next = gateway.now()

    def look_if_due(self) -> None:
        """Once a day, whoever leads then. Raises `LedgerAway`."""
        now = self.gateway.now()
        if now < self._next:
            return
        self._next = now + AGAIN
        with self.gateway.ledger.read() as connection:
            looked = facts.read_at(connection, KEPT)
        if looked is None or now - looked >= EACH:
            self.look()

    def look(self) -> None:
        """At every server now. One that shows nothing keeps what was seen of it before. Raises `LedgerAway`."""
        with self.gateway.ledger.read() as connection:
            before = _read(facts.cursor(connection, KEPT))
        found: dict[str, tuple[str, str]] = {}
        for place, owner in servers(self.gateway).items():
            if self._stopped():
                return
            until = _end_of(served_certificate(f"https://{place}/"))
            if until is not None:
                found[place] = owner, write_instant(until)
            elif place in before:
                found[place] = owner, before[place][1]
        with self.gateway.ledger.write() as connection:
            facts.set_cursor(connection, KEPT, json.dumps(found), self.gateway.now())
        log.info("certificates_seen", count=len(found))


def servers(gateway: Gateway) -> dict[str, str]:
    """Every server that the operator's files name by an https address, as ``host:port``, and whose it is."""
    found: dict[str, str] = {}
    for owner, settings in _named(gateway):
        for text in strings_in(settings):
            place = _place(text)
            if place is not None:
                found.setdefault(place, owner)
    return found


def _place(text: str) -> str | None:
    """``host:port`` of an https address; None for anything else: what is no address is refused where it is used."""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname, parts.port or 443
    except ValueError:
        return None
    if parts.scheme != "https" or not host:
        return None
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _named(gateway: Gateway) -> Iterator[tuple[str, Any]]:
    for name, row in gateway.config.partners.items():
        yield name, resolve_secrets(row.settings, f"config/partners/{name}.toml: settings")
    yield OPERATOR, [one.url for one in gateway.notices.settings.webhook]
    if (gateway.config.folder / "signon.toml").exists():
        try:
            yield OPERATOR, read_settings(gateway)
        except Misconfigured:  # the sign-on itself says so, and does not work either
            return


def _end_of(pem: bytes | None) -> datetime | None:
    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc if pem else None
    except ValueError:
        return None


def expiring_servers(kept: str | None) -> Iterator[Expiring]:
    """Of what is kept, each server's certificate with its end."""
    for place, (owner, until) in _read(kept).items():
        yield Expiring("server-certificate", owner, place, datetime.fromisoformat(until))


def _read(kept: str | None) -> dict[str, tuple[str, str]]:
    return json.loads(kept) if kept else {}
