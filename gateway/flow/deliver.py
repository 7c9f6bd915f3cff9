"""Deliver: lease the most urgent lanes of a destination, translate, call, hand the results to settle. One courier per destination."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import structlog

from gateway.dossiers.view import build_view
from gateway.errors import AskFirst, DeliveryError, Refused, Rejected
from gateway.flow.gateway import Gateway
from gateway.flow.settle import Tried, settle
from gateway.ledger import lanes as ledger
from gateway.ledger.lanes import Lease
from gateway.ledger.messages import histories
from gateway.ledger.opening import LedgerAway
from gateway.message import Message
from gateway.ports import Found, Parcel

log = structlog.get_logger("deliver")


class LeaseLost(Exception):
    """Another worker has this lane now. Whatever this one was doing, it writes nothing more."""


class Courier:
    """Serves one destination with up to `concurrency` calls at a time. A slow partner keeps only its own courier waiting."""

    def __init__(self, gateway: Gateway, destination: str) -> None:
        self.gateway = gateway
        self.destination = destination
        self.policy = gateway.config.delivery(destination)
        self.outbound = gateway.outbound(destination)
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self._bell = threading.Event()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(self.policy.concurrency, thread_name_prefix=f"to-{destination}")
        self._flying: dict[Future[Tried | None], Lease] = {}

    def ring(self) -> None:
        self._bell.set()

    def stop(self) -> None:
        self._stop.set()
        self._bell.set()

    def run(self) -> None:
        """Until `stop`: work while there is any, then wait for the bell. What is under way is finished and settled before it returns."""
        while not self._stop.is_set():
            try:
                while self.step() and not self._stop.is_set():
                    pass
            except LedgerAway as away:
                log.error("ledger_away", destination=self.destination, error=str(away))
                self._stop.wait(1.0)
                continue
            self._bell.wait(timeout=5.0)
            self._bell.clear()
        self._drain()

    def step(self) -> bool:
        """Settle the calls that have ended, then fill the free places. False when there was nothing to do."""
        landed = self._land([f for f in self._flying if f.done()])
        free = 2 * self.policy.concurrency - len(self._flying)
        taken = (
            self._take(min(free, self.policy.batch))
            if free >= self.policy.concurrency and not self._stop.is_set()
            else []
        )
        for lease, message, earlier in taken:
            future = self._pool.submit(self._try, lease, message, earlier)
            self._flying[future] = lease
            future.add_done_callback(lambda _: self._bell.set())
        return landed or bool(taken)

    def _land(self, done: Sequence[Future[Tried | None]]) -> bool:
        if not done:
            return False
        tried = [t for t in (f.result() for f in done) if t is not None]
        settle(self.gateway.ledger, self.destination, tried, self.policy, self.gateway.now())
        for future in done:  # only now: a ledger that was away leaves the results here, to be settled when it is back
            del self._flying[future]
        return True

    def _drain(self) -> None:
        self._pool.shutdown(wait=True)
        try:
            self._land(list(self._flying))
        except LedgerAway as away:
            log.error("ledger_away", destination=self.destination, error=str(away), unsettled=len(self._flying))

    def _take(self, most: int) -> list[tuple[Lease, Message, list[Message]]]:
        now = self.gateway.now()
        with self.gateway.ledger.write() as connection:
            limit = ledger.may_send(connection, self.destination, now, self.policy.lease_seconds)
            most = most if limit is None else min(most, limit)
            leases = (
                ledger.take(
                    connection,
                    self.destination,
                    most,
                    worker=self.worker,
                    now=now,
                    lease_seconds=self.policy.lease_seconds,
                )
                if most
                else []
            )
        if not leases:
            return []
        with self.gateway.ledger.read() as connection:
            told = histories(connection, [lease.dossier for lease in leases])
        return [(lease, *_split(told[lease.dossier], lease.message_seq)) for lease in leases]

    def _try(self, lease: Lease, message: Message, earlier: Sequence[Message]) -> Tried | None:  # noqa: PLR0911
        """One attempt, from translation to answer. Every way out is a result for settle; only a lost lease is none."""
        kind = "ask" if lease.in_doubt else "send"
        try:
            parcel = self._parcel(lease, message, earlier)
            if lease.in_doubt:
                found = self.outbound.find(parcel)
                if found is Found.ARRIVED:
                    return Tried(lease, kind, found)
                if found is Found.UNKNOWN:
                    return Tried(lease, kind, AskFirst("the partner could not say whether it arrived", code="unknown"))
                kind = "send"
            return Tried(lease, kind, self.outbound.deliver(parcel))
        except DeliveryError as error:
            return Tried(lease, kind, error)
        except Refused as refused:
            return Tried(
                lease, kind, Rejected(f"cannot be translated: {refused}", code="translation", answer=_faults(refused))
            )
        except LeaseLost:
            log.warning("lease_lost", destination=self.destination, dossier=lease.dossier)
            return None
        except Exception as error:
            log.exception(
                "connector_failed", destination=self.destination, dossier=lease.dossier, delivery=lease.delivery
            )
            return Tried(lease, kind, AskFirst(f"the connector failed: {type(error).__name__}: {error}", code="fault"))

    def _parcel(self, lease: Lease, message: Message, earlier: Sequence[Message]) -> Parcel:
        documents = lease.edited
        if documents is None:
            documents = self.gateway.documents(
                self.destination, message, build_view(message, earlier, self.gateway.link)
            )
        steps = dict(lease.steps)

        def remember(step: str, answer: Any) -> None:
            steps[step] = answer
            with self.gateway.ledger.write() as connection:
                if not ledger.holds(connection, lease):
                    raise LeaseLost(lease.dossier)
                ledger.remember(connection, lease, steps)

        return Parcel(
            lease.delivery, message.id, message, documents, steps, lease.known_there, lease.in_doubt, remember
        )


def _split(told: Sequence[Message], seq: int) -> tuple[Message, list[Message]]:
    """The message `seq`, and those before it."""
    return next(m for m in told if m.seq == seq), [m for m in told if m.seq < seq]


def _faults(refused: Refused) -> str:
    return "\n".join(f"{f.pointer or '/'}: {f.detail} / {f.detail_en}" for f in refused.faults)


class Work:
    """The worker process: a courier per destination, and the channel's tickets turned into bells."""

    def __init__(self, gateway: Gateway, only: Sequence[str] = (), besides: Sequence[str] = ()) -> None:
        names = {d for route in gateway.config.routes for d in route.to if d in gateway.config.partners}
        self.gateway = gateway
        self.couriers = {d: Courier(gateway, d) for d in sorted(names) if (not only or d in only) and d not in besides}
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Start every courier at once: what a killed worker left behind is taken up before the first ticket comes."""
        for name, courier in self.couriers.items():
            self._spawn(courier.run, f"courier-{name}")
        self.gateway.channel.listen(list(self.couriers))
        self._spawn(self._listen, "tickets")

    def _spawn(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=name)
        thread.start()
        self._threads.append(thread)

    def _listen(self) -> None:
        while not self._stop.is_set():
            ticket = self.gateway.channel.take(timeout=1.0)
            if ticket is None:
                continue
            courier = self.couriers.get(ticket.destination)
            if courier:
                courier.ring()
            self.gateway.channel.done(ticket)  # a ticket is a hint: the ledger, not the ticket, remembers the work

    def stop(self) -> None:
        """Drain: no new lanes, calls under way are ended and settled."""
        self._stop.set()
        for courier in self.couriers.values():
            courier.stop()
        for thread in self._threads:
            thread.join()

    def alive(self) -> bool:
        return all(t.is_alive() for t in self._threads)
