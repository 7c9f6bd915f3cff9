"""Speaks canonical REST: one address for every message, the key of a message is its name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from connectors.one_stop_rest.settings import Settings
from gateway.http import Http, Reply


class Client:
    """One one-stop system. Thread-safe."""

    def __init__(self, settings: Settings) -> None:
        self._http = Http(
            base_url=settings.url,
            connect_timeout=settings.connect_timeout,
            total_timeout=settings.total_timeout,
            max_bytes=1 << 20,
            ca_file=settings.ca_file,
            client_cert=settings.client_cert,
            client_key=settings.client_key,
            headers={"Authorization": f"Bearer {settings.key.get_secret_value()}", "Accept": "application/json"},
        )

    def post(self, key: str, body: Mapping[str, Any], trace: str | None) -> Reply:
        """Hand over one message. `trace` is a W3C traceparent."""
        headers = {"Idempotency-Key": key} | ({"traceparent": trace} if trace else {})
        return self._http.call("POST", "/messages", json=body, headers=headers)

    def get(self, key: str) -> Reply:
        """Their receipt for the message of that key."""
        return self._http.call("GET", f"/messages/{quote(key, safe='')}")

    def days(self, since: date, until: date) -> Reply:
        """How many dossiers they have of each day."""
        return self._http.call("GET", f"/days?since={since}&until={until}")

    def day(self, day: date) -> Reply:
        """Their dossiers of one day."""
        return self._http.call("GET", f"/days/{day}")

    def health(self) -> Reply:
        return self._http.call("GET", "/health")
