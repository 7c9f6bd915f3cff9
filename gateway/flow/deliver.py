"""Deliver: lease the most urgent lanes of a destination, translate, call, hand the results to settle. One courier per destination."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ALL_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, cast

import structlog

from gateway.dossiers.view import build_view
from gateway.errors import AskFirst, DeliveryError, Refused, Rejected, TryLater, Unclassified
from gateway.flow.gateway import Gateway, read_original
from gateway.flow.pace import HELD, Pace
from gateway.flow.retell import Said, is_anew, narrow, resolve
from gateway.flow.settle import LEDGER, TRANSLATION, Tried, settle, silent
from gateway.ledger import lanes as ledger
from gateway.ledger.lanes import Lease
from gateway.ledger.messages import histories
from gateway.ledger.opening import LedgerAway
from gateway.message import Message
from gateway.ports import Found, Parcel, Together

log = structlog.get_logger("deliver")

GATHER = 0.02  # seconds between two looks at calls under way: what ends close together is settled, and followed up, in one transaction
LONGEST = 10  # leases: a call that lasts longer has lost its way, and its lane is anybody's again

UNKNOWN = "đối tác không cho biết đã nhận hay chưa · the partner could not say whether it arrived"


class LeaseLost(Exception):
    """Another worker has this lane now. Whatever this one was doing, it writes nothing more."""


@dataclass(frozen=True, slots=True)
class Job:
    """A lane taken (and when), the message at its head, and what that really says."""

    lease: Lease
    head: Message
    said: Said
    taken_at: datetime


class Courier:
    """Serves one destination with up to `concurrency` calls at a time. A slow partner keeps only its own courier waiting."""

    def __init__(self, gateway: Gateway, destination: str) -> None:
        self.gateway = gateway
        self.destination = destination
        self.policy = gateway.config.delivery(destination)
        self.outbound = gateway.outbound(destination)
        self.worker = f"{socket.gethostname()}:{os.getpid()}"
        self.together: int = getattr(self.outbound, "together", 1)
        self.pace = Pace(destination, self.policy, self.together, f"{self.worker}:{id(self):x}")
        self._bell = threading.Event()
        self._stop = threading.Event()
        self._pool = ThreadPoolExecutor(self.policy.concurrency, thread_name_prefix=f"to-{destination}")
        self._flying: dict[Future[list[Tried]], Sequence[Job]] = {}  # calls under way, and what each carries
        self._leased: list[Lease] = []  # lanes taken, and when, whose messages are not read yet
        self._leased_at = gateway.now()
        self._held_at = gateway.now()

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
            self._bell.wait(timeout=self._patience())
            if self._flying:
                self._stop.wait(GATHER)
            self._bell.clear()
        self._drain()

    def _patience(self) -> float:
        """Seconds to wait for the bell: no longer than a lease may go unheld, or than the partner's rate wants."""
        waits = [5.0]
        if self._flying:
            waits.append(self.policy.lease_seconds / HELD)
        if self.pace.again:
            waits.append(max(GATHER, self.pace.again.total_seconds()))
        return min(waits)

    def step(self) -> bool:
        """Settle the calls that have ended, then fill the free places. False when there was nothing to do."""
        landed = self._land([f for f in self._flying if f.done()])
        self._hold_leases()
        most = self.pace.free(self._lanes())
        if most == 0 or self._stop.is_set():
            return landed
        jobs = self._take(most)
        for group in _groups(jobs, self.together):
            future = self._pool.submit(self._try_group, group)
            self._flying[future] = group
            future.add_done_callback(lambda _: self._bell.set())
        return landed or bool(jobs)

    def _lanes(self) -> int:
        return sum(len(jobs) for jobs in self._flying.values())

    def _land(self, done: Sequence[Future[list[Tried]]]) -> bool:
        if not done:
            return False
        tried = [t for future in done for t in future.result()]
        settle(self.gateway.ledger, self.destination, tried, self.policy, self.gateway.now())
        ended = sum(len(self._flying[future]) for future in done)
        for future in done:  # only now: a ledger that was away leaves the results here, to be settled when it is back
            del self._flying[future]
        self.pace.note_landed(ended, answered=not any(silent(t.result) for t in tried))
        return True

    def _drain(self) -> None:
        """Give back what was not begun, wait for what was, and settle it."""
        unbegun = [future for future in self._flying if future.cancel()]
        leases = [*self._leased, *(job.lease for future in unbegun for job in self._flying.pop(future))]
        try:
            if leases:
                with self.gateway.ledger.write() as connection:
                    ledger.give_back(connection, self.destination, leases)
        except LedgerAway as away:  # they are asked about when their lease has run out
            log.error("ledger_away", destination=self.destination, error=str(away), unbegun=len(leases))
        self._finish()
        self._pool.shutdown(wait=True)
        try:
            self._land(list(self._flying))
            self.pace.leave(self.gateway.ledger)
        except LedgerAway as away:
            log.error("ledger_away", destination=self.destination, error=str(away), unsettled=self._lanes())

    def _finish(self) -> None:
        """Wait for the calls under way. Their lanes stay ours meanwhile, however long they last."""
        while any(not future.done() for future in self._flying):
            wait(self._flying, timeout=min(1.0, self.policy.lease_seconds / HELD / 2), return_when=ALL_COMPLETED)
            try:
                self._hold_leases()
            except LedgerAway as away:
                log.error("ledger_away", destination=self.destination, error=str(away))

    def _hold_leases(self) -> None:
        """A call may last longer than a lease: while it is under way, and for a bounded time, its lane stays ours."""
        now, lease = self.gateway.now(), timedelta(seconds=self.policy.lease_seconds)
        if now - self._held_at < lease / HELD:
            return
        self._held_at = now
        flying = [job.lease for jobs in self._flying.values() for job in jobs if now - job.taken_at < LONGEST * lease]
        if not flying:
            return
        with self.gateway.ledger.write() as connection:
            mine = ledger.prolong(connection, self.destination, flying, now + lease)
        self.pace.hold(self.gateway.ledger, now)
        if len(mine) < len(flying):
            log.warning("lease_lost", destination=self.destination, count=len(flying) - len(mine))

    def _take(self, most: int) -> list[Job]:
        now, policy = self.gateway.now(), self.policy

        def take(connection: Any, most: int) -> list[Lease]:
            return ledger.take(
                connection, self.destination, most, worker=self.worker, now=now, lease_seconds=policy.lease_seconds
            )

        if not self._leased:
            self._leased, self._leased_at = self.pace.take(self.gateway.ledger, most, len(self._flying), now, take), now
        if not self._leased:
            return []
        with self.gateway.ledger.read() as connection:  # if the ledger is away now, it is read at the next step
            told = histories(connection, [lease.dossier for lease in self._leased])
        leases, self._leased = self._leased, []
        return [Job(lease, *_split(told[lease.dossier], lease.message_seq), self._leased_at) for lease in leases]

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
            self._prolong(connection, lease)

    def _hold_before_call(self, lease: Lease) -> None:
        """Nothing was sent yet: a ledger that is away now says nothing about the partner, and makes no doubt."""
        try:
            self._hold(lease)
        except LedgerAway as away:
            raise TryLater(
                f"sổ cái không trả lời trước khi gửi · the ledger was away before the call: {away}", code=LEDGER
            ) from away

    def _prolong(self, connection: Any, lease: Lease) -> None:
        until = self.gateway.now() + timedelta(seconds=self.policy.lease_seconds)
        if not ledger.prolong(connection, self.destination, [lease], until):
            raise LeaseLost(lease.dossier)

    def _parcel(self, job: Job) -> Parcel:
        lease, message = job.lease, job.said.message
        if self.gateway.now() - job.taken_at > timedelta(seconds=self.policy.lease_seconds / 2):
            self._hold_before_call(
                lease
            )  # it waited long for a free place: no call begins on a lease that may end during it
        documents: Mapping[str, Any] | None = lease.edited
        original = None
        if documents is None and self.destination in self.gateway.config.proxied:
            original = self.gateway.original(self.destination, message)
            documents = {"message": read_original(original)}
        else:
            view = build_view(message, job.said.earlier, self.gateway.link, job.said.later)
            if documents is None:
                documents = self._translate(job, view)
            else:  # a person may mend, not falsify
                self.gateway.check_truths(self.destination, documents, view)
        steps = dict(lease.steps)
        known_there = lease.known_there and not is_anew(job.head)

        def remember(step: str, answer: Any) -> None:
            steps[step] = answer
            with self.gateway.ledger.write() as connection:
                self._prolong(connection, lease)
                ledger.remember(connection, lease, steps)

        return Parcel(
            lease.delivery, message.id, message, documents, steps, known_there, lease.in_doubt, remember,
            self._read_file, original,
        )  # fmt: skip

    def _translate(self, job: Job, view: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            return narrow(self.gateway.documents(self.destination, job.said.message, view), job.head)
        except Refused:
            raise
        except Exception as error:  # a fault of the mapping: nothing was sent, so there is nothing to ask about
            log.exception("mapping_failed", destination=self.destination, delivery=job.lease.delivery)
            reason = f"ánh xạ bị lỗi · the mapping failed: {type(error).__name__}: {error}"
            raise Unclassified(reason, code=TRANSLATION) from error

    def _read_file(self, sha256: str) -> bytes:
        try:
            return self.gateway.files.path(sha256).read_bytes()
        except OSError as error:
            raise TryLater(
                f"không đọc được tệp đã gửi kèm · a parked file cannot be read: {error}", code="file"
            ) from error


def _split(told: Sequence[Message], seq: int) -> tuple[Message, Said]:
    """The message `seq`, and what it really says."""
    head = next(m for m in told if m.seq == seq)
    return head, resolve(head, told)


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
        self._threads: dict[str, threading.Thread] = {}

    def start(self) -> None:
        """Start every courier at once: what a killed worker left behind is taken up before the first ticket comes."""
        for name, courier in self.couriers.items():
            self._spawn(courier.run, f"courier-{name}")
        self.gateway.channel.listen(list(self.couriers))
        self._spawn(self._listen, "tickets")

    def _spawn(self, run: Callable[[], None], name: str) -> None:
        thread = threading.Thread(target=run, name=name)
        thread.start()
        self._threads[name] = thread

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

    def leave(self) -> None:
        """Take no new lanes and no more tickets; when it returns, others may listen to the channel. Calls under way go on."""
        self._stop.set()
        for courier in self.couriers.values():
            courier.stop()
        if "tickets" in self._threads:
            self._threads["tickets"].join()

    def stop(self) -> None:
        """Drain: no new lanes, calls under way are ended and settled."""
        self.leave()
        for thread in self._threads.values():
            thread.join()

    def alive(self) -> bool:
        return all(t.is_alive() for t in self._threads.values())
