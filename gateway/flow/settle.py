"""Settle: the one place that decides what becomes of a delivery. Delivered, later, ask first, or parked for a person."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from gateway.config import Delivery
from gateway.errors import AskFirst, DeliveryError, Rejected, TryLater
from gateway.ledger import Ledger
from gateway.ledger import lanes as ledger
from gateway.ledger.lanes import Ending, Lease
from gateway.ledger.messages import storable
from gateway.ports import Found, Receipt

log = structlog.get_logger("settle")

Result = Receipt | DeliveryError | Found
"""How an attempt ended: a receipt, an error that says what to do next, or ARRIVED when asking was enough."""

TRANSLATION = "translation"  # the code of what never left us, because no document could be made of it
LEDGER = "ledger"  # the code of what never left us, because the ledger was away before the call
LONGEST_WAIT = 86_400.0  # seconds; a partner that asks for more is asked again after a day
ANSWER_KEPT = 4000  # characters of a partner's answer kept with the attempt


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt, made. `kind` is ``ask`` when the partner was only asked, ``send`` when something was sent."""

    lease: Lease
    kind: str
    result: Result


def decide(tried: Tried, policy: Delivery, now: datetime, chance: Callable[[], float] = random.random) -> Ending:
    """Pure: the ending of one attempt. `chance` (0 to 1) is the jitter of the pause."""
    lease, kind, result = tried.lease, tried.kind, tried.result
    if isinstance(result, Receipt):
        outcome = "duplicate" if result.duplicate else "delivered"
        return Ending(
            lease,
            kind,
            outcome,
            "delivered",
            now,
            code=storable(result.code),
            answer=storable(result.answer[:ANSWER_KEPT]),
            reference=storable(result.reference) if result.reference else result.reference,
            duplicate=result.duplicate,
        )
    if isinstance(result, Found):
        return Ending(
            lease,
            kind,
            "delivered",
            "delivered",
            now,
            code="found",
            reason="đối tác đã có: lần gửi trước đã đến nơi · the partner has it: an earlier attempt arrived",
        )
    if isinstance(result, TryLater) and kind == "ask":
        # the question failed, so the doubt stays, however long the partner is away
        outcome, state = "try_later", "in_doubt"
        due = now + pause(policy, lease.tries + lease.asks, result.retry_after, chance)
    elif isinstance(result, TryLater):
        outcome, state, due = "try_later", "waiting", now + pause(policy, lease.tries, result.retry_after, chance)
    elif isinstance(result, AskFirst) and lease.asks < policy.asks:
        tries = lease.tries + lease.asks
        outcome, state, due = "ask_first", "in_doubt", now + pause(policy, tries, result.retry_after, chance)
    elif isinstance(result, AskFirst):
        outcome, state, due = "ask_first", "parked", now
    else:
        outcome, state, due = "rejected" if isinstance(result, Rejected) else "unclassified", "parked", now
    reason = result.reason
    if outcome == "ask_first" and state == "parked":
        said = (
            "đối tác không trả lời được · the partner never said"
            if kind == "ask"
            else "mỗi lần gửi lại đều chưa rõ kết quả · sent anew each time, and in doubt again"
        )
        reason = f"đã hỏi {lease.asks} lần · asked {lease.asks} times: {said}: {reason}"
    return Ending(
        lease, kind, outcome, state, due, code=storable(result.code), reason=storable(reason), answer=storable(result.answer[:ANSWER_KEPT])
    )  # fmt: skip


def pause(policy: Delivery, tries: int, retry_after: float | None, chance: Callable[[], float]) -> timedelta:
    """Doubling, capped, with half of it left to chance so that a thousand lanes do not come back at once."""
    whole = min(policy.backoff_most, policy.backoff_first * 2 ** min(30, max(0, tries - 1)))
    return timedelta(seconds=min(LONGEST_WAIT, max(whole * (0.5 + chance() / 2), retry_after or 0)))


def settle(ledger_: Ledger, destination: str, tried: Sequence[Tried], policy: Delivery, now: datetime) -> None:
    """Write the endings of attempts towards one destination in one transaction, and the breaker's count. A lost lease writes nothing."""
    with ledger_.write() as connection:
        # Two workers that settle the same lanes lock them in the same order, whatever order their calls ended in.
        tried = sorted(tried, key=lambda t: t.lease.dossier)
        mine = ledger.held(connection, destination, [t.lease for t in tried])
        held = [t for t in tried if t.lease.attempt in mine]
        endings = [decide(t, policy, now) for t in held]
        ledger.write_endings(connection, endings, now)
        called = [t for t in held if not ours(t.result)]
        bad = [t for t in called if silent(t.result)]
        change = ledger.note_breaker(
            connection, destination, good=len(bad) < len(called), bad=len(bad), now=now, most_failures=policy.breaker_failures,
            first=policy.breaker_first, longest=policy.breaker_most, reason=_reason(bad),
        )  # fmt: skip
    for ending in endings:
        log.info(
            ending.outcome,
            destination=destination,
            dossier=ending.lease.dossier,
            delivery=ending.lease.delivery,
            code=ending.code,
            tries=ending.lease.tries,
        )
    if change:
        log.warning(f"breaker_{change}", destination=destination)
    if len(held) < len(tried):
        log.warning("lease_lost", destination=destination, count=len(tried) - len(held))


def silent(result: Result) -> bool:
    """Did the partner not answer, or say that it cannot now? A refusal is an answer: the partner is there."""
    return isinstance(result, TryLater | AskFirst)


def ours(result: Result) -> bool:
    """Did it fail before anybody was called? Then it says nothing about the partner."""
    return isinstance(result, DeliveryError) and result.code in (LEDGER, TRANSLATION)


def _reason(bad: Sequence[Tried]) -> str:
    last = bad[-1].result if bad else None
    return last.reason if isinstance(last, DeliveryError) else ""


__all__ = ["ANSWER_KEPT", "LEDGER", "TRANSLATION", "Tried", "decide", "pause", "settle", "silent"]
