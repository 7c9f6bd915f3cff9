"""The clock: one leader among any number of processes. It sweeps for due work, polls feeds, and gives the feed its order."""

from __future__ import annotations

import os
import socket
import threading
from datetime import timedelta

import structlog

from gateway.errors import DeliveryError, Refused
from gateway.flow.accept import Acceptance
from gateway.flow.gateway import Gateway
from gateway.ledger import facts, feed
from gateway.ledger.lanes import due_destinations
from gateway.ledger.opening import LedgerAway
from gateway.ports import Poller

log = structlog.get_logger("clock")

LEASE_SECONDS = 15.0


class Clock:
    """Ticks each second while it leads; a process that does not lead only asks whether it may."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{id(self):x}"
        self._stop = threading.Event()
        self._pollers: dict[str, Poller] = {}
        self._next: dict[str, float] = {}
        self._seconds = 0.0

    def run(self) -> None:
        while not self._stop.is_set():
            try:
                if self.leads():
                    self.tick()
            except LedgerAway as away:
                log.error("ledger_away", error=str(away))
            self._stop.wait(1.0)
        self.leave()

    def stop(self) -> None:
        self._stop.set()

    def leave(self) -> None:
        try:
            with self.gateway.ledger.write() as connection:
                facts.resign(connection, "clock", self.owner)
        except LedgerAway as away:
            log.error("ledger_away", error=str(away))

    def leads(self) -> bool:
        with self.gateway.ledger.write() as connection:
            return facts.lead(connection, "clock", self.owner, self.gateway.now(), LEASE_SECONDS)

    def tick(self) -> None:
        """One second's work. Each part is safe to do twice."""
        self.sweep()
        with self.gateway.ledger.write() as connection:
            feed.place(connection)
            facts.forget_nonces(
                connection, self.gateway.now() - timedelta(seconds=2 * self.gateway.config.settings.signature_seconds)
            )
        self.poll_due()

    def sweep(self) -> list[str]:
        """Ring again for every destination with due work: this is what makes a lost ticket cost nothing but a second."""
        with self.gateway.ledger.read() as connection:
            due = due_destinations(connection, self.gateway.now())
        for destination in due:
            self.gateway.channel.ring(destination)
        return due

    def poll_due(self) -> None:
        now = self.gateway.now().timestamp()
        for name, row in self.gateway.config.partners.items():
            if row.poll_seconds is not None and now >= self._next.get(name, 0):
                self._next[name] = now + row.poll_seconds
                try:
                    self.poll(name)
                except LedgerAway:
                    raise
                except Exception as error:
                    # one partner's feed stops neither the sweep nor another feed
                    log.exception("poll_failed", partner=name, error=type(error).__name__)

    def poll(self, name: str) -> int:
        """Read a partner's feed to its end, page by page, each committed with its cursor. Returns how many items came."""
        poller = self._poller(name)
        count = 0
        while True:
            with self.gateway.ledger.read() as connection:
                cursor = facts.cursor(connection, name)
            try:
                page = poller.poll(cursor)
            except DeliveryError as error:
                log.warning("poll_failed", partner=name, code=error.code, reason=error.reason)
                return count
            results = Acceptance(self.gateway, self.gateway.config.partners[name], lenient=True).page(page)
            for refused in (r for r in results if isinstance(r, Refused)):
                log.error("poll_item_refused", partner=name, faults=[f.code for f in refused.faults])
            count += len(results)
            if (
                not page.more or page.cursor == cursor or self._stop.is_set()
            ):  # "more" that leads nowhere waits its turn
                return count

    def _poller(self, name: str) -> Poller:
        if name not in self._pollers:
            partner = self.gateway.partners[name]
            make = self.gateway.kinds[partner.connector].poller
            if make is None:
                raise ValueError(
                    f"partner {name} has poll_seconds, but its connector {partner.connector} reads no feed"
                )
            self._pollers[name] = make(partner, self.gateway.translate)
        return self._pollers[name]
