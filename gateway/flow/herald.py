"""Carries notices out of the ledger: each at least once, under a name by which its receiver knows a repeat.

A channel that is away is tried once a pause, with growing pauses; what waits for it keeps its order and holds up no other channel. After
three days a notice is given up, and shown as such.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import structlog

from gateway.errors import Misconfigured, Rejected, TryLater
from gateway.flow.gateway import Gateway
from gateway.flow.mail import check_mail, send_mail
from gateway.flow.notices import Email
from gateway.flow.webhook import call_webhook, check_webhook
from gateway.ledger import incidents as ledger

log = structlog.get_logger("notices")

CLAIM = timedelta(minutes=3)  # longer than any channel may take: until then nobody else tries the same notice
FIRST, LONGEST = timedelta(seconds=30), timedelta(minutes=15)
GIVEN_UP = timedelta(days=3)
GIVEN_UP_SHOWN = timedelta(days=7)
MOST = 50  # notices in one go
ERROR_KEPT = 300
TRIAL = (
    "[Liên thông] Tin thử",
    "Đây là tin thử: kênh này nhận được thông báo của cổng liên thông.",
    "This is a trial: this channel receives the gateway's notices.",
)


class Herald:
    """Of one process. Two may work at once: a notice is claimed before it is sent."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway

    def send_due(self) -> int:
        """Returns how many went out. Raises `LedgerAway`."""
        with self.gateway.ledger.read() as connection:  # asked each second: nearly always there is nothing to write
            if not ledger.is_any_due(connection, self.gateway.now()):
                return 0
        away: set[str] = set()
        sent = 0
        for _ in range(MOST):
            row = self._claim(away=away)
            if row is None:
                break
            error = self._try(row)
            sent += error is None
            if isinstance(error, TryLater | Misconfigured):
                away.add(row.channel)
        return sent

    def send_now(self, number: int) -> str | None:
        """That one, if it is due and nobody else is sending it. Returns what went wrong. Raises `LedgerAway`."""
        row = self._claim(number=number)
        error = self._try(row) if row is not None else None
        return str(error) if error is not None else None

    def _claim(self, away: Collection[str] = (), number: int | None = None) -> Any | None:
        now = self.gateway.now()
        with self.gateway.ledger.write() as connection:
            return ledger.claim_notice(connection, now, now + CLAIM, without=away, number=number)

    def _try(self, row: Any) -> Exception | None:
        """Send it and write down what became of it. Returns what went wrong."""
        try:
            partly = self._send(row)
        except (TryLater, Rejected, Misconfigured) as error:
            log.warning("notice_failed", kind=row.kind, count=row.tries, code=getattr(error, "code", "misconfigured"))
            self._put_off(row, error)
            return error
        except Exception as error:  # a fault of ours with this one holds up no other
            log.exception("notice_failed", kind=row.kind, count=row.tries)
            self._put_off(row, error)
            return error
        state = "given_up" if partly else "sent"  # some mailboxes have it: sent again, it would reach them twice
        with self.gateway.ledger.write() as connection:
            ledger.end_notice(connection, row.id, state, self.gateway.now(), partly[:ERROR_KEPT] or None)
        return Rejected(partly, code="mail") if partly else None

    def _send(self, row: Any) -> str:
        """Returns whom it did not reach."""
        channel, now = self.gateway.notices.opened(row.channel), self.gateway.now()
        if isinstance(channel, Email):
            return send_mail(channel, token=row.token, subject=row.subject, text=row.text, at=now)
        call_webhook(channel, token=row.token, data=json.loads(row.data), at=now)
        return ""

    def _put_off(self, row: Any, error: Exception) -> None:
        now, words = self.gateway.now(), (str(error) or type(error).__name__)[:ERROR_KEPT]
        asked = getattr(error, "retry_after", None) or 0
        pause = max(min(LONGEST, FIRST * 2 ** min(10, row.tries - 1)), min(LONGEST, timedelta(seconds=asked)))
        with self.gateway.ledger.write() as connection:
            if now - row.made_at >= GIVEN_UP:
                ledger.end_notice(connection, row.id, "given_up", now, words)
                log.error("notice_given_up", kind=row.kind, count=row.tries)
                return
            ledger.put_off(connection, row.id, now + pause, words)
            if isinstance(error, TryLater | Misconfigured):
                ledger.put_off_channel(connection, row.channel, now + pause, words)


def check_channel(gateway: Gateway, name: str) -> str:
    """Is it there, and does it know us? Nothing is told. Returns what it said. Raises `TryLater` and `Misconfigured`."""
    channel = gateway.notices.opened(name)
    return check_mail(channel) if isinstance(channel, Email) else check_webhook(channel)


def send_trial(gateway: Gateway, name: str) -> str:
    """A trial message, now, past the ledger. Returns what went wrong, "" when nothing did. Raises `Misconfigured` for a channel that is not there."""
    channel, now, token = gateway.notices.opened(name), gateway.now(), secrets.token_hex(12)
    try:
        if isinstance(channel, Email):
            return send_mail(channel, token=token, subject=TRIAL[0], text=f"{TRIAL[1]}\n\n{TRIAL[2]}\n", at=now)
        data = {"type": "trial", "subject": TRIAL[0], "text": f"{TRIAL[1]}\n\n{TRIAL[2]}\n"}
        call_webhook(channel, token=token, data=data, at=now)
    except (TryLater, Rejected) as error:
        return error.reason
    return ""
