"""The inbox: takes what agencies put into their queues, in order, and answers each message on its reply queue.

accepted and committed → answered, and the broker keeps the answer → only then acknowledged. Whatever dies in between, the message comes
again and gets its first receipt again: it may be answered twice, and is never accepted twice.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import structlog

from gateway.canonical.scalars import write_instant
from gateway.channels.topology import inbox_of, reply_of
from gateway.config import PartnerFile
from gateway.errors import Refused
from gateway.flow.accept import Acceptance
from gateway.flow.answers import problem, receipt
from gateway.flow.event import answers_to, read_event
from gateway.ledger.facts import lead, resign
from gateway.ledger.opening import LedgerAway
from gateway.ports import Accepted, Arrival, Bus, BusAway, Confirm, Publication, Submission

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway

log = structlog.get_logger("inbox")

BATCH = 100  # messages of one agency accepted in one transaction and answered in one go
HELD = 2 * BATCH  # of each queue, held unanswered
CONFIRM_SECONDS = 30.0
PAUSE = 1.0  # seconds before something that failed is tried again
PATIENCE = (
    600.0  # seconds that messages are held while the ledger is away: less than the broker's own patience (30 minutes)
)


class Inbox:
    """All inboxes of all agencies. Where several processes run one, the broker gives each queue to one of them at a time."""

    def __init__(self, gateway: Gateway, bus: Bus, *, pause: float = PAUSE, patience: float = PATIENCE) -> None:
        self.gateway = gateway
        self.bus = bus
        self.partners = {inbox_of(name): row for name, row in gateway.config.partners.items() if row.amqp.inbox}
        self._pause = pause
        self._patience = patience
        self._stop = threading.Event()

    def run(self) -> None:
        """Until `stop`. What is under way is answered before it returns; what is not begun goes back."""
        self.bus.attend(list(self.partners), HELD)
        while not self._stop.is_set():
            try:
                self.step(timeout=1.0)
            except LedgerAway as away:
                log.error("ledger_away", error=str(away))
                self._step_aside()
        self.bus.attend([], HELD)

    def stop(self) -> None:
        self._stop.set()

    def step(self, timeout: float) -> int:
        """One round; how many messages came. Raises `LedgerAway` after waiting long for it, with all that came put back."""
        arrivals = self.bus.receive(BATCH, timeout)
        groups = [(queue, list(group)) for queue, group in groupby(sorted(arrivals, key=_queue), key=_queue)]
        for number, (queue, group) in enumerate(groups):
            try:
                self._take(self.partners[queue], group)
            except LedgerAway:
                self.bus.put_back([arrival for _, later in groups[number:] for arrival in later])
                raise
        return len(arrivals)

    def _take(self, partner: PartnerFile, arrivals: Sequence[Arrival]) -> None:
        """Accept, answer, acknowledge. One that makes our own code fail goes back alone: the broker counts, and in the end buries it."""
        try:
            results = self._accept(partner, arrivals)
            answers = [_answer(partner.id, a, r) for a, r in zip(arrivals, results, strict=True)]
        except LedgerAway:
            raise
        except Exception:
            if len(arrivals) > 1:
                for arrival in arrivals:
                    self._take(partner, [arrival])
                return
            log.exception("inbox_failed", partner=partner.id, tries=_tries(arrivals[0]))
            self._put_back(arrivals)
            return
        self._close(partner, arrivals, answers)

    def _accept(self, partner: PartnerFile, arrivals: Sequence[Arrival]) -> list[Accepted | Refused]:
        """One result for each, in order. Those that cannot be read do not keep the others out."""
        read = [self._read(partner, arrival) for arrival in arrivals]
        accepted = iter(self._commit(partner, [one for one in read if isinstance(one, Submission)]))
        return [one if isinstance(one, Refused) else next(accepted) for one in read]

    def _read(self, partner: PartnerFile, arrival: Arrival) -> Submission | Refused:
        try:
            return read_event(arrival, partner.id, self.gateway.config.settings.web.body_bytes)
        except Refused as refused:
            return refused

    def _commit(self, partner: PartnerFile, submissions: Sequence[Submission]) -> list[Accepted | Refused]:
        """While the ledger is away the messages stay here: each time they go back counts against them."""
        until = time.monotonic() + self._patience
        while True:
            try:
                return Acceptance(self.gateway, partner).many(submissions)
            except LedgerAway:
                if self._stop.is_set() or time.monotonic() > until:
                    raise
            self._stop.wait(self._pause)

    def _close(self, partner: PartnerFile, arrivals: Sequence[Arrival], answers: Sequence[Publication]) -> None:
        """Acknowledge those whose answer is kept; the others come again, and are answered again."""
        try:
            confirms = self.bus.publish(answers, CONFIRM_SECONDS)
        except BusAway:  # the connection they came over is lost with it
            confirms = [Confirm.UNSAID] * len(answers)
        said = list(zip(arrivals, confirms, strict=True))
        self.bus.done([arrival for arrival, confirm in said if confirm is Confirm.KEPT])
        open_ = [arrival for arrival, confirm in said if confirm is not Confirm.KEPT]
        if open_:
            cause = ", ".join(sorted({confirm.value for _, confirm in said} - {Confirm.KEPT.value}))
            log.warning("answers_not_kept", partner=partner.id, count=len(open_), cause=cause)
            self._put_back(open_)

    def _put_back(self, arrivals: Sequence[Arrival]) -> None:
        self.bus.put_back(arrivals)
        self._stop.wait(self._pause)

    def _step_aside(self) -> None:
        """Let the queues be until the ledger takes what is written: an outage of days must not wear the messages out."""
        self.bus.attend([], HELD)
        while not self._stop.is_set() and not self._ledger_writes():
            self._stop.wait(self._pause)
        if not self._stop.is_set():
            self.bus.attend(list(self.partners), HELD)

    def _ledger_writes(self) -> bool:
        me = f"{socket.gethostname()}:{os.getpid()}"
        try:
            with self.gateway.ledger.write() as connection:
                lead(connection, f"inbox {me}", me, self.gateway.now(), 1)
                resign(connection, f"inbox {me}", me)
        except LedgerAway:
            return False
        return True


def _queue(arrival: Arrival) -> str:
    return arrival.queue


def _tries(arrival: Arrival) -> int:
    """How often it was given out before, as far as the broker says."""
    count: Any = arrival.headers.get("x-delivery-count", 0)
    return count if isinstance(count, int) else 0


def _answer(partner: str, arrival: Arrival, result: Accepted | Refused) -> Publication:
    """The header `status` is the HTTP status that REST would have answered with."""
    if isinstance(result, Refused):
        status, kind, content = result.status, "application/problem+json", problem(result, arrival.queue)
    else:
        status, kind, content = 200 if result.repeated else 202, "application/json", receipt(result)
    # A character that UTF-8 cannot carry (half a surrogate pair, in a name we repeat) is written as its JSON escape.
    body = json.dumps(content, ensure_ascii=False, default=write_instant).encode("utf-8", "backslashreplace")
    return Publication("", reply_of(partner), body, str(uuid4()), kind, answers_to(arrival), {"status": str(status)})
