"""The clock: one leader among any number of processes. It sweeps for due work, polls feeds, gives the feed its order, asks partners how their
dossiers stand, looks for trouble and tells of it, and compares code lists at night."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta

import structlog

from gateway.errors import DeliveryError, Misconfigured, Refused
from gateway.flow.accept import Acceptance
from gateway.flow.catalogue import codes_of, compare, is_due, kept_reading, read_catalogue
from gateway.flow.desk import OpenDesk
from gateway.flow.gateway import Gateway
from gateway.flow.incidents import Watch
from gateway.flow.minutes import Night
from gateway.flow.release import RELEASE_SECONDS, Release
from gateway.flow.served import Served
from gateway.flow.signon import open_signon
from gateway.ledger import facts, feed
from gateway.ledger.lanes import due_destinations
from gateway.ledger.opening import LedgerAway
from gateway.ports import Poller

log = structlog.get_logger("clock")

LEASE_SECONDS = 15.0
CATALOGUE_AGAIN = 900.0  # seconds after which a partner that could not tell its lists is asked again


@contextmanager
def going_on(event: str, **about: str) -> Iterator[None]:
    """Around one turn of something that goes on for ever: what fails is told under that name, and has its next turn."""
    try:
        yield
    except LedgerAway as away:
        log.error("ledger_away", error=str(away), **about)
    except (
        Exception
    ) as error:  # one partner's trouble, or one fault of ours, stops neither the sweep nor another thread
        log.exception(event, error=type(error).__name__, **about)


class Clock:
    """Ticks each second while it leads; a process that does not lead only asks whether it may."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.owner = f"{socket.gethostname()}:{os.getpid()}:{id(self):x}"
        self._stop = threading.Event()
        self._leading = threading.Event()
        self._pollers: dict[str, Poller] = {}
        self._next: dict[str, float] = {}
        self._watch = Watch(gateway)

    def run(self) -> None:
        """Until `stop`. Each feed is read in a thread of its own: a slow one holds up neither the leadership nor the sweep."""
        readers = [
            threading.Thread(target=self._read_feed, args=(name,), name=f"feed-{name}")
            for name, row in self.gateway.config.partners.items()
            if row.poll_seconds is not None
        ]
        readers += [
            threading.Thread(target=self._watch_catalogue, args=(name,), name=f"catalogue-{name}")
            for name, row in self.gateway.config.partners.items()
            if row.catalogue.lists
        ]
        readers.append(threading.Thread(target=self._keep_signon, name="sign-on"))
        readers += [
            threading.Thread(target=self._reconcile, args=(name,), name=f"reconcile-{name}")
            for name, row in self.gateway.config.partners.items()
            if row.reconcile.mode != "off"
        ]
        readers.append(threading.Thread(target=self._release, name="release"))
        watch = self._watch  # a digest of many dossiers takes its time: meanwhile troubles are looked for and told
        readers.append(
            threading.Thread(target=self._keep_watch, args=(watch.look_if_due, watch.send_due), name="incidents")
        )
        seldom = (watch.digest_if_due, Served(self.gateway, self._stop.is_set).look_if_due)
        readers.append(threading.Thread(target=self._keep_watch, args=seldom, name="digest"))
        for reader in readers:
            reader.start()
        while not self._stop.is_set():
            try:
                self._note(self.leads())
                self._watch.note_ledger(there=True)
                if self._leading.is_set():
                    self.beat()
            except LedgerAway as away:
                self._note(False)
                self._watch.note_ledger(there=False)
                log.error("ledger_away", error=str(away))
            self._stop.wait(1.0)
        self.leave()  # before the readers have ended: a slow partner keeps nobody from leading
        for reader in readers:
            reader.join()

    def _note(self, leads: bool) -> None:
        if leads != self._leading.is_set():
            log.info("clock_leads" if leads else "clock_follows")
        if leads:
            self._leading.set()
        else:
            self._leading.clear()

    def stop(self) -> None:
        self._stop.set()

    def leave(self) -> None:
        """The next process may lead at once."""
        self._leading.clear()
        try:
            with self.gateway.ledger.write() as connection:
                facts.resign(connection, "clock", self.owner)
        except LedgerAway as away:
            log.error("ledger_away", error=str(away))

    def leads(self) -> bool:
        with self.gateway.ledger.write() as connection:
            return facts.lead(connection, "clock", self.owner, self.gateway.now(), LEASE_SECONDS)

    def tick(self) -> None:
        """One second's work, feeds included. Each part is safe to do twice."""
        self.beat()
        self.poll_due()

    def beat(self) -> None:
        """Sweep, give places in the status feed, forget old nonces."""
        self.sweep()
        with self.gateway.ledger.write() as connection:
            feed.place(connection)
            facts.forget_nonces(
                connection, self.gateway.now() - timedelta(seconds=2 * self.gateway.config.settings.signature_seconds)
            )

    def sweep(self) -> list[str]:
        """Ring again for every destination with due work: this is what makes a lost ticket cost nothing but a second."""
        with self.gateway.ledger.read() as connection:
            due = due_destinations(connection, self.gateway.now())
        for destination in due:
            self.gateway.channel.ring(destination)
        return due

    def poll_due(self) -> None:
        """Read every feed whose time has come."""
        for name, row in self.gateway.config.partners.items():
            if row.poll_seconds is not None:
                self._poll_if_due(name, row.poll_seconds)

    def _read_feed(self, name: str) -> None:
        seconds = self.gateway.config.partners[name].poll_seconds or 0
        while not self._stop.wait(min(1.0, seconds)):
            if self._leading.is_set():
                self._poll_if_due(name, seconds, self._leading.is_set)

    def _keep_signon(self) -> None:
        """Logouts told, stale sessions ended, keys rotated: in a thread of its own, because clients that are told may be slow."""
        signon = open_signon(self.gateway)
        while signon is not None and not self._stop.wait(1.0):
            with going_on("sign_on_failed"):  # what was to be told is still there for the next beat
                if self._leading.is_set():
                    signon.beat()

    def _poll_if_due(self, name: str, seconds: float, may_go_on: Callable[[], bool] = lambda: True) -> None:
        now = self.gateway.now().timestamp()
        if now < self._next.get(name, 0):
            return
        self._next[name] = now + seconds
        with going_on("poll_failed", partner=name):
            self.poll(name, may_go_on)

    def poll(self, name: str, may_go_on: Callable[[], bool] = lambda: True) -> int:
        """Read a partner's feed to its end, page by page, each committed with its cursor. Returns how many items came.

        Two processes that read the same feed at once do no harm: what came before is known again.
        """
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
            leads_nowhere = not page.more or page.cursor == cursor  # "more" that leads nowhere waits its turn
            if leads_nowhere or self._stop.is_set() or not may_go_on():
                return count

    def _reconcile(self, name: str) -> None:
        """Questions as the pace allows, and once a night the day's minutes. A partner that cannot be asked is said once."""
        night: Night | None = None
        while not self._stop.wait(1.0):
            if not self._leading.is_set():
                night = None  # another process has asked meanwhile: its round is not ours to go on with
                continue
            with going_on("reconcile_failed", partner=name):
                try:
                    night = night or Night(self.gateway, name)
                    while night.step() and self._leading.is_set() and not self._stop.is_set():
                        self._stop.wait(1 / night.reconciler.rules.rate)
                except Misconfigured as error:
                    log.error("reconcile_impossible", partner=name, error=str(error))
                    return

    def _release(self) -> None:
        """Held events whose cause is mended. A ledger in which looking takes long is looked at less often."""
        release, pause = Release(self.gateway), RELEASE_SECONDS
        while not self._stop.wait(pause):
            with going_on("release_failed"):
                if self._leading.is_set():
                    began = time.monotonic()
                    release.run()
                    pause = max(RELEASE_SECONDS, 20 * (time.monotonic() - began))

    def _keep_watch(self, *acts: Callable[[], None]) -> None:
        """Incidents and notices, or what comes once a day: the digest, servers' certificates. What fails holds up none of the others."""
        while not self._stop.wait(1.0):
            for act in acts:
                with going_on("incidents_failed", kind=act.__name__):
                    if self._leading.is_set() and not self._stop.is_set():
                        act()

    def _watch_catalogue(self, name: str) -> None:
        while not self._stop.wait(10.0):
            if self._leading.is_set():
                self.compare_if_due(name)

    def compare_if_due(self, name: str) -> None:
        """Once a night, each of the partner's lists beside ours. What differs is a line in the log; `lienthong codes diff` shows it."""
        row, now = self.gateway.config.partners[name].catalogue, self.gateway.now()
        if now.timestamp() < self._next.get(f"{name} catalogue", 0):
            return
        self._next[f"{name} catalogue"] = now.timestamp() + CATALOGUE_AGAIN
        for listname in row.lists:
            try:
                last = kept_reading(self.gateway, name, listname)
                if is_due(row.at, last.at if last else None, now):
                    self._compare(name, listname)
            except DeliveryError as error:
                log.warning("catalogue_failed", partner=name, codelist=listname, code=error.code, reason=error.reason)
            except Exception as error:  # as with feeds
                log.exception("catalogue_failed", partner=name, codelist=listname, error=type(error).__name__)

    def _compare(self, name: str, listname: str) -> None:
        now = self.gateway.now()
        reading = read_catalogue(self.gateway, name, listname, now)
        found = compare(codes_of(self.gateway), reading, now)
        tell = log.warning if found.differs else log.info
        tell(
            "catalogue_compared", partner=name, codelist=listname, same=found.same, new=len(found.new), gone=len(found.gone),
            changed=len(found.changed),
        )  # fmt: skip

    def _poller(self, name: str) -> Poller:
        if name not in self._pollers:
            partner = self.gateway.partners[name]
            kind = self.gateway.kinds[partner.connector]
            if kind.desk_poller is not None:
                self._pollers[name] = kind.desk_poller(
                    partner, OpenDesk(self.gateway, self.gateway.config.partners[name])
                )
                return self._pollers[name]
            make = kind.poller
            if make is None:
                raise ValueError(
                    f"partner {name} has poll_seconds, but its connector {partner.connector} reads no feed"
                )
            self._pollers[name] = make(partner, self.gateway.translate)
        return self._pollers[name]
