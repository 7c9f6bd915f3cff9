"""Questions that read much of the ledger: a caller may have few of them under way, and put so many in a minute. Counted in the ledger, so that
the processes of all hosts agree."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from uuid import uuid4

import structlog

from gateway.ledger import paces
from gateway.ledger.opening import LedgerAway
from gateway.web.here import caller, gateway
from gateway.web.problems import Busy

log = structlog.get_logger("figures")

AT_ONCE = 2
RATE, SAVED = 0.2, 10.0  # questions a second; and how many a caller that was silent may put at once
SECONDS = 120.0  # a process that died in the middle of one gives its place back after so long


@contextmanager
def costly() -> Iterator[None]:
    """Around the question, once it is known to be a good one. Raises `Busy`, which says when to ask again."""
    here, name, owner = gateway(), f"{caller().partner.id} figures", uuid4().hex
    with here.ledger.write() as connection:
        level = paces.allowance(connection, name, RATE, here.now(), most=SAVED)
        if level < 1:
            wait = math.ceil(paces.next_in(RATE, level).total_seconds())
            raise _busy(
                wait, f"quá nhiều câu hỏi: hỏi lại sau {wait} giây", f"too many questions: ask again in {wait} seconds"
            )
        seats = paces.hold_seats(
            connection, name, owner, held=[], wanted=1, seats=AT_ONCE, now=here.now(), seconds=SECONDS
        )
        if not seats:
            words = f"đã có {AT_ONCE} câu hỏi như thế đang dở", f"{AT_ONCE} such questions are under way already"
            raise _busy(1, *words)
        paces.spend(connection, name, level, 1, here.now())
    try:
        yield
    finally:
        _leave(name, owner, seats)


def _leave(name: str, owner: str, seats: Sequence[int]) -> None:
    """A ledger that is just away takes no answer back that was read: the place is free again by itself."""
    try:
        with gateway().ledger.write() as connection:
            paces.leave_seats(connection, name, owner, seats)
    except LedgerAway as away:
        log.warning("place_kept", place=name, seconds=SECONDS, error=str(away))


def _busy(seconds: int, detail: str, detail_en: str) -> Busy:
    refused = Busy.of("", "busy", detail, detail_en)
    refused.retry_seconds = seconds
    return refused
