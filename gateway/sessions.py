"""One login for all threads: the session or token that a partner gave, and whose turn it is to fetch the next."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gateway.errors import TryLater

LogIn = Callable[[], tuple[str, float]]
"""Gives a session and the seconds that it is used, counted from before it was asked for. Raises `TryLater`."""


def is_outage(http: int) -> bool:
    """A sign-in that met this status met a server that fails, or has too much to do: whatever it says, it tells nothing of the account."""
    return http == 429 or http >= 500


class Sessions:
    """The one session that all threads share.

    While one thread logs in the others wait, and share its luck, also when it fails. `clock` counts seconds and never goes back.
    """

    def __init__(self, log_in: LogIn, clock: Callable[[], float] = time.monotonic) -> None:
        self._log_in = log_in
        self._clock = clock
        self._lock = threading.Lock()
        self._session = ""
        self._until = float("-inf")
        self._tries = 0
        self._failure: TryLater | None = None

    @property
    def current(self) -> str:
        return self._session

    def get(self) -> str:
        """A session young enough to be used. Raises `TryLater`."""
        tries = self._tries
        return self._session if self._clock() < self._until else self._fresh(tries, stale=None)

    def renew(self, stale: str) -> str:
        """A session other than `stale`, which the partner has refused. Raises `TryLater`."""
        return self._fresh(self._tries, stale)

    def _fresh(self, tries: int, stale: str | None) -> str:
        with self._lock:
            if self._clock() < self._until and self._session != stale:
                return self._session  # another thread logged in while this one waited
            if self._tries != tries and self._failure:
                last = self._failure
                raise TryLater(last.reason, code=last.code, answer=last.answer, retry_after=last.retry_after)
            self._failure, asked_at = None, self._clock()
            try:
                session, seconds = self._log_in()
            except TryLater as failure:
                self._failure = failure
                raise
            finally:
                self._tries += 1  # only now: who came during the login counts as one who waited for it
            self._session, self._until = session, asked_at + seconds
            return session
