"""The connection to the brokers: one thread, one connection at a time, the addresses in turn, for ever.

Everything pika does happens in that thread; others hand it work with `call`. The thread starts when it is first needed, so that a
process that forks, or a command that rings nobody, opens no connection.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pika
import structlog
from pika.adapters.select_connection import IOLoop
from pika.exceptions import ChannelClosed, ConnectionClosed

from gateway.channels.addresses import name_of

log = structlog.get_logger("broker")
logging.getLogger("pika").setLevel(logging.CRITICAL)  # it logs each attempt several times; we say each outage once

FIRST_PAUSE, LAST_PAUSE = 0.2, 10.0  # seconds between two rounds over all addresses
STEADY = 10.0  # seconds after which a connection counts as good: one that ends sooner does not reset the pause
FAREWELL = 2.0  # seconds that a broker has to answer our good-bye


@dataclass(frozen=True, slots=True)
class BrokerState:
    """How it stands with the broker. `since` is when it began to stand so; `blocked` why it takes no messages just now."""

    connected: bool
    address: str
    blocked: str | None
    since: datetime
    error: str | None


class Link:
    """Calls `up(connection)` and `down()` in its thread, for each connection once; `blocked(reason or None)` in between."""

    def __init__(
        self,
        brokers: Sequence[Any],
        *,
        up: Callable[[Any], None],
        down: Callable[[], None],
        blocked: Callable[[str | None], None],
    ) -> None:
        self._brokers = brokers
        self._up, self._down, self._blocked = up, down, blocked
        self._turn = 0  # which address is tried, counted on for ever
        self._tries = 0  # attempts since a connection was good
        self._pause = FIRST_PAUSE
        self._connection: Any = None
        self._planned: Any = None  # the next attempt
        self._connected_at = 0.0
        self._away_since: datetime | None = None  # an outage that was told
        self._closing = False
        self._loop = IOLoop()
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._tried = threading.Event()  # it is known whether a broker is there
        self._state = BrokerState(False, name_of(brokers[0]), None, _now(), None)

    # ── for any thread ──────────────────────────────────────────────────────────────────────────────────────────

    def call(self, work: Callable[[], None]) -> None:
        """Do this in the link's thread, soon. After `close` nothing is done any more."""
        with self._lock:
            if self._closing:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="broker", daemon=True)
                self._thread.start()
            self._loop.add_callback_threadsafe(work)

    def state(self) -> BrokerState:
        """Starts the thread too: whoever asks wants a connection."""
        self.call(_nothing)
        return self._state

    def wait_tried(self, seconds: float) -> BrokerState:
        """The state, as soon as a first attempt to connect has ended well or badly."""
        self.call(_nothing)
        self._tried.wait(seconds)
        return self._state

    def close(self, drain: Callable[[Callable[[], None]], None], seconds: float) -> None:
        """`drain(done)` runs in the thread and calls `done` when all is said; then, or after `seconds`, the connection is closed."""
        if self._thread is not None:
            self.call(lambda: self._leave(drain, seconds))
            self._thread.join(seconds + 2 * FAREWELL)
        with self._lock:
            self._closing = True

    # ── in the link's thread ────────────────────────────────────────────────────────────────────────────────────

    def later(self, seconds: float, work: Callable[[], None]) -> None:
        self._loop.call_later(seconds, work)

    def _run(self) -> None:
        self._plan(0)
        while True:
            try:
                self._loop.start()
                break
            except Exception as fault:  # a fault in a callback must not end the thread: connect anew
                log.exception("broker_thread_failed")
                self._drop(fault)
        self._loop.close()

    def _drop(self, fault: Exception) -> None:
        """Part from a connection whose state nobody knows: politely, and when that does not end it, without more words."""
        connection, turn = self._connection, self._turn

        def give_up() -> None:
            if self._turn == turn and self._planned is None:
                self._lost(fault)

        self._loop.call_later(FAREWELL, give_up)
        if connection is not None and connection.is_open:
            connection.close()

    def _plan(self, seconds: float) -> None:
        """One attempt is planned at a time, whatever happened."""
        if self._planned is not None:
            self._loop.remove_timeout(self._planned)
        self._planned = self._loop.call_later(seconds, self._attempt)

    def _attempt(self) -> None:
        self._planned = None
        if self._closing:
            return
        parameters = self._brokers[self._turn % len(self._brokers)]
        self._connection = pika.SelectConnection(
            parameters,
            on_open_callback=self._opened,
            on_open_error_callback=lambda _, error: self._failed(error),
            on_close_callback=lambda _, error: self._lost(error),
            custom_ioloop=self._loop,
        )

    def _opened(self, connection: Any) -> None:
        if self._closing:
            connection.close()
            return
        parameters = self._brokers[self._turn % len(self._brokers)]
        connection.add_on_connection_blocked_callback(lambda _, frame: self._stop_sending(frame.method.reason))
        connection.add_on_connection_unblocked_callback(lambda *_: self._stop_sending(None))
        if self._away_since is not None:
            seconds = round((_now() - self._away_since).total_seconds(), 1)
            log.warning("broker_back", address=name_of(parameters), seconds=seconds)
            self._away_since = None
        self._state = BrokerState(True, name_of(parameters), None, _now(), self._state.error)
        self._tried.set()
        self._connected_at = time.monotonic()
        self._up(connection)

    def _stop_sending(self, reason: str | None) -> None:
        state = self._state
        log.warning("broker_blocked" if reason else "broker_unblocked", address=state.address, cause=reason)
        self._state = BrokerState(state.connected, state.address, reason, _now(), state.error)
        self._blocked(reason)

    def _failed(self, error: BaseException) -> None:
        self._connection = None
        self._ended(explain(error), False)

    def _lost(self, error: BaseException) -> None:
        self._connection = None
        if time.monotonic() - self._connected_at > STEADY:
            self._tries, self._pause = 0, FIRST_PAUSE
        self._ended(explain(error), True)

    def _ended(self, cause: str, was_up: bool) -> None:
        """No connection any more: tell it once, and try the next address."""
        address = name_of(self._brokers[self._turn % len(self._brokers)])
        self._turn += 1
        self._tries += 1
        if self._away_since is None and not self._closing:
            self._away_since = _now()
            log.error("broker_away", address=address, cause=cause)
        self._state = BrokerState(False, address, None, self._away_since or _now(), f"{address}: {cause}")
        self._tried.set()
        if self._closing:
            self._loop.stop()
        else:
            self._plan(self._wait())
        if was_up:
            self._down()

    def _wait(self) -> float:
        """Seconds before the next attempt: none within a round over the addresses, ever more between two rounds."""
        if self._tries % len(self._brokers):
            return 0.0
        pause, self._pause = self._pause, min(2 * self._pause, LAST_PAUSE)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 - jitter, so that not all come at once

    def _leave(self, drain: Callable[[Callable[[], None]], None], seconds: float) -> None:
        def part() -> None:
            with self._lock:
                if self._closing:
                    return
                self._closing = True
            if self._connection is None or self._connection.is_closing or self._connection.is_closed:
                self._loop.stop()
                return
            self._loop.call_later(FAREWELL, self._loop.stop)
            self._connection.close()

        if not self._state.connected:
            part()
            return
        self._loop.call_later(seconds, part)
        drain(part)


def explain(error: BaseException) -> str:
    """What happened, in one short line: the innermost of the errors that pika wraps into one another."""
    inner = [*getattr(error, "exceptions", ()), getattr(error, "exception", None), *error.args]
    for one in inner:
        if isinstance(one, BaseException):
            return explain(one)
    if isinstance(error, ConnectionClosed | ChannelClosed):
        return f"{error.reply_code} {error.reply_text}"
    return f"{type(error).__name__}: {error}"


def _nothing() -> None:
    pass


def _now() -> datetime:
    return datetime.now(UTC)
