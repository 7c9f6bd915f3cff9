"""Deliver: lease the most urgent lanes of a destination, translate, call, hand the results to settle. One courier per destination."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import structlog

from gateway.dossiers.view import build_view
from gateway.errors import AskFirst, DeliveryError, Refused, Rejected, TryLater, Unclassified
from gateway.flow.gateway import Gateway
from gateway.flow.settle import TRANSLATION, Tried, settle
from gateway.ledger import lanes as ledger
from gateway.ledger.lanes import Lease
from gateway.ledger.messages import histories
from gateway.ledger.opening import LedgerAway
from gateway.message import Message
from gateway.ports import Found, Parcel, Together

log = structlog.get_logger("deliver")

GATHER = 0.02  # seconds between two looks at calls under way: what ends close together is settled, and followed up, in one transaction


UNKNOWN = "đối tác không cho biết đã nhận hay chưa · the partner could not say whether it arrived"


class LeaseLost(Exception):
    """Another worker has this lane now. Whatever this one was doing, it writes nothing more."""


@dataclass(frozen=True, slots=True)
class Job:
    """A lane taken (and when), the message at its head, and the dossier's earlier messages."""

    lease: Lease
    message: Message
    earlier: Sequence[Message]
    taken_at: datetime


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
        self.together: int = getattr(self.outbound, "together", 1)
        self._least = 2 * self.policy.concurrency * self.together
        self._room = self._least  # lanes held at a time: more while calls end faster than we look at them
        self._flying: dict[Future[list[Tried]], int] = {}  # calls under way, and how many lanes each carries

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
                    self._stop.wait(GATHER)
            except LedgerAway as away:
                log.error("ledger_away", destination=self.destination, error=str(away))
                self._stop.wait(1.0)
                continue
            self._bell.wait(timeout=5.0)
            if self._flying:
                self._stop.wait(GATHER)
            self._bell.clear()
        self._drain()

    def step(self) -> bool:
        """Settle the calls that have ended, then fill the free places. False when there was nothing to do."""
        done = [f for f in self._flying if f.done()]
        ended = sum(self._flying[f] for f in done)
        landed = self._land(done)
        if landed:
            self._room = max(self._least, min(self.policy.batch, 2 * ended))
        free = self._room - sum(self._flying.values())
        if free < self.policy.concurrency or self._stop.is_set():
            return landed
        jobs = self._take(min(free, self.policy.batch))
        for group in _groups(jobs, self.together):
            future = self._pool.submit(self._try_group, group)
            self._flying[future] = len(group)
            future.add_done_callback(lambda _: self._bell.set())
        return landed or bool(jobs)

    def _land(self, done: Sequence[Future[list[Tried]]]) -> bool:
        if not done:
            return False
        tried = [t for future in done for t in future.result()]
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

    def _take(self, most: int) -> list[Job]:
        now, policy = self.gateway.now(), self.policy
        with self.gateway.ledger.write() as connection:
            limit = ledger.may_send(connection, self.destination, now, policy.lease_seconds)
            most = most if limit is None else min(most, limit)
            if most == 0:
                return []
            leases = ledger.take(
                connection, self.destination, most, worker=self.worker, now=now, lease_seconds=policy.lease_seconds
            )
            if limit is not None and not leases:
                ledger.give_back_probe(connection, self.destination, now)
        if not leases:
            return []
        with self.gateway.ledger.read() as connection:
            told = histories(connection, [lease.dossier for lease in leases])
        return [Job(lease, *_split(told[lease.dossier], lease.message_seq), now) for lease in leases]

    def _try_group(self, jobs: Sequence[Job]) -> list[Tried]:
        """One attempt for each job: alone, or together in one call. A job whose lease was lost has no result."""
        if len(jobs) == 1:
            return self._guard(jobs[0], lambda: self._try(jobs[0]))
        parcels: list[tuple[Job, Parcel]] = []
        tried: list[Tried] = []
        for job in jobs:
            tried += self._guard(job, lambda job=job: parcels.append((job, self._parcel(job))))  # type: ignore[misc]
        if not parcels:
            return tried
        try:
            results = cast(Together, self.outbound).deliver_together([p for _, p in parcels])
            return tried + [Tried(job.lease, "send", r) for (job, _), r in zip(parcels, results, strict=True)]
        except DeliveryError as error:
            return tried + [Tried(job.lease, "send", error) for job, _ in parcels]
        except Exception as error:
            log.exception("connector_failed", destination=self.destination, together=len(parcels))
            return tried + [Tried(job.lease, "send", _fault(error)) for job, _ in parcels]

    def _guard(self, job: Job, work: Callable[[], Tried | None]) -> list[Tried]:
        """Every way out of `work` is a result for settle; only a lost lease is none."""
        kind = "ask" if job.lease.in_doubt else "send"
        try:
            tried = work()
            return [tried] if tried is not None else []
        except DeliveryError as error:
            return [Tried(job.lease, kind, error)]
        except Refused as refused:
            reason = f"không dịch được sang dạng của đối tác · cannot be translated: {refused}"
            return [Tried(job.lease, kind, Rejected(reason, code=TRANSLATION, answer=_faults(refused)))]
        except LeaseLost:
            log.warning("lease_lost", destination=self.destination, dossier=job.lease.dossier)
            return []
        except Exception as error:
            log.exception("connector_failed", destination=self.destination, delivery=job.lease.delivery)
            return [Tried(job.lease, kind, _fault(error))]

    def _try(self, job: Job) -> Tried:
        """Ask when in doubt, then send. What goes wrong while sending is no longer a matter of asking."""
        parcel = self._parcel(job)
        if job.lease.in_doubt:
            found = self._ask(parcel)
            if found is Found.ARRIVED:
                return Tried(job.lease, "ask", found)
            if found is Found.UNKNOWN:
                unknown = AskFirst(UNKNOWN, code="unknown")
                return Tried(job.lease, "ask", unknown)
        try:
            return Tried(job.lease, "send", self.outbound.deliver(parcel))
        except DeliveryError as error:
            return Tried(job.lease, "send", error)
        except LeaseLost:
            raise
        except Exception as error:
            log.exception("connector_failed", destination=self.destination, delivery=job.lease.delivery)
            return Tried(job.lease, "send", _fault(error))

    def _ask(self, parcel: Parcel) -> Found:
        """A question that nobody answered is asked again later: the doubt stays as it was. One that was refused is for a person."""
        try:
            return self.outbound.find(parcel)
        except (TryLater, AskFirst) as error:
            words = f"chưa hỏi được · the question failed: {error.reason}"
            raise TryLater(words, code=error.code, answer=error.answer, retry_after=error.retry_after) from error

    def _hold(self, lease: Lease) -> None:
        """Hold the lane as long again as a fresh lease would. Raises `LeaseLost`."""
        with self.gateway.ledger.write() as connection:
            if not ledger.prolong(connection, lease, self.gateway.now() + timedelta(seconds=self.policy.lease_seconds)):
                raise LeaseLost(lease.dossier)

    def _parcel(self, job: Job) -> Parcel:
        lease, message = job.lease, job.message
        if self.gateway.now() - job.taken_at > timedelta(seconds=self.policy.lease_seconds / 2):
            self._hold(lease)  # it waited long for a free place: no call begins on a lease that may end during it
        documents = lease.edited
        if documents is None:
            view = build_view(message, job.earlier, self.gateway.link)
            try:
                documents = self.gateway.documents(self.destination, message, view)
            except Refused:
                raise
            except Exception as error:  # a fault of the mapping: nothing was sent, so there is nothing to ask about
                log.exception("mapping_failed", destination=self.destination, delivery=lease.delivery)
                reason = f"ánh xạ bị lỗi · the mapping failed: {type(error).__name__}: {error}"
                raise Unclassified(reason, code=TRANSLATION) from error
        steps = dict(lease.steps)

        def remember(step: str, answer: Any) -> None:
            steps[step] = answer
            with self.gateway.ledger.write() as connection:
                if not ledger.prolong(
                    connection, lease, self.gateway.now() + timedelta(seconds=self.policy.lease_seconds)
                ):
                    raise LeaseLost(lease.dossier)
                ledger.remember(connection, lease, steps)

        return Parcel(
            lease.delivery, message.id, message, documents, steps, lease.known_there, lease.in_doubt, remember
        )


def _split(told: Sequence[Message], seq: int) -> tuple[Message, list[Message]]:
    """The message `seq`, and those before it."""
    return next(m for m in told if m.seq == seq), [m for m in told if m.seq < seq]


def _groups(jobs: Sequence[Job], together: int) -> list[list[Job]]:
    """Jobs that may share a call, in groups of at most `together`; a job in doubt, or half done, goes alone."""
    fresh = [job for job in jobs if not job.lease.in_doubt and not job.lease.steps]
    groups = [fresh[i : i + together] for i in range(0, len(fresh), together)]
    return groups + [[job] for job in jobs if job.lease.in_doubt or job.lease.steps]


def _fault(error: Exception) -> AskFirst:
    """A fault of ours in the middle of a call: what was sent is not known."""
    return AskFirst(f"đầu nối bị lỗi · the connector failed: {type(error).__name__}: {error}", code="fault")


def _faults(refused: Refused) -> str:
    return "\n".join(f"{f.pointer or '/'}: {f.detail} / {f.detail_en}" for f in refused.faults)


class Work:
    """The worker process: a courier per destination, and the channel's tickets turned into bells."""

    def __init__(self, gateway: Gateway, only: Sequence[str] = (), besides: Sequence[str] = ()) -> None:
        with gateway.ledger.read() as connection:  # a route may be gone while deliveries of before still wait
            waiting = ledger.waiting_destinations(connection)
        routed = {d for route in gateway.config.routes for d in route.to}
        names = {d for d in (*routed, *waiting) if d in gateway.config.partners}
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
            try:
                ticket = self.gateway.channel.take(timeout=1.0)
                if ticket is None:
                    continue
                courier = self.couriers.get(ticket.destination)
                if courier:
                    courier.ring()
                self.gateway.channel.done(ticket)  # a ticket is a hint: the ledger, not the ticket, remembers the work
            except Exception as error:  # noqa: BLE001 - whatever a broker raises: couriers look for work without tickets too
                log.warning("tickets_away", error=f"{type(error).__name__}: {error}")
                self._stop.wait(1.0)

    def stop(self) -> None:
        """Drain: no new lanes, calls under way are ended and settled."""
        self._stop.set()
        for courier in self.couriers.values():
            courier.stop()
        for thread in self._threads:
            thread.join()

    def alive(self) -> bool:
        return all(t.is_alive() for t in self._threads)
