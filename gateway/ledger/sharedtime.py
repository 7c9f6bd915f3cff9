"""The database's clock, read through ours. Leases, pauses and leadership are compared between hosts, whose own clocks may differ by minutes:
a host five minutes ahead would hold every lease of the others for run out, and send a second time what is being sent."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import func, select

from gateway.ledger.opening import Ledger, LedgerAway

log = structlog.get_logger("ledger")

EACH = 30.0  # seconds between two readings of the database's clock
SLOW = 1.0  # a reading that took longer says too little: it is made again
TRIES = 3
SLEW = 0.1  # of the time gone by: a database with another clock (after a failover) is followed so fast, never at a step
FAR = timedelta(seconds=2)  # a host whose own clock is further off than this is told of


class SharedTime:
    """Call it for the time now. Between two readings it goes by this host's clock of seconds since its start, which nobody sets.

    After the first reading it is never set at a step: processes that read at different moments would disagree by as much.
    """

    def __init__(self, ask: Callable[[], datetime], tick: Callable[[], float] | None = None) -> None:
        """`ask` gives the database's time. The first reading is made at once; raises `LedgerAway`."""
        self._ask, self._tick = ask, tick or _since_start
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._off = timedelta(0)
        self._at: tuple[datetime, float] | None = None
        self.read()

    def __call__(self) -> datetime:
        assert self._at is not None  # noqa: S101 - the first reading is made in the constructor, or it raises
        at, ticks = self._at
        return at + timedelta(seconds=self._tick() - ticks)

    @property
    def off(self) -> timedelta:
        """How far this host's own clock was ahead at the last reading."""
        return self._off

    def read(self) -> None:
        """The answer was true in the middle of the question. Raises `LedgerAway`; what was read before then still goes on."""
        for _ in range(TRIES):
            before = self._tick()
            answer = self._ask()
            after = self._tick()
            if after - before <= SLOW:
                break
        else:
            if self._at is not None:
                log.info("time_unread", error="every answer was slow")
                return
        self._set(answer, (before + after) / 2)
        off = datetime.now(UTC) - self()
        if abs(off) > FAR >= abs(self._off):
            log.warning("clock_differs", seconds=round(off.total_seconds(), 1))
        self._off = off

    def _set(self, answer: datetime, ticks: float) -> None:
        if self._at is not None:
            known, then = self._at
            mine = known + timedelta(seconds=ticks - then)
            most = timedelta(seconds=SLEW * max(0.0, ticks - then))
            answer = mine + max(-most, min(most, answer - mine))
        self._at = answer, ticks

    def keep(self) -> None:
        """Read again and again, in a small thread, until `close`."""
        self._thread = threading.Thread(target=self._run, name="time", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._stop.wait(EACH):
            try:
                self.read()
            except LedgerAway as away:
                log.info("time_unread", error=str(away))  # whoever needs the ledger says that it is away

    def close(self) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout=5)


def _since_start() -> float:
    """Seconds, those in which a virtual machine was suspended included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


def database_time(ledger: Ledger) -> datetime:
    with ledger.read() as connection:
        found: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
        return found.astimezone(UTC)
