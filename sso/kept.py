"""Something read from a provider and kept a while, so that a provider that hangs costs one thread and not all of them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sso.errors import Stopped

T = TypeVar("T")

_FRESH = timedelta(hours=1)
_OLDEST = timedelta(hours=2)  # while the provider is away it is of use this long
_AGAIN = timedelta(minutes=1)
_PAUSE = timedelta(seconds=10)
_PATIENCE = 2.0  # seconds that a thread with nothing waits for the one that reads


class Kept(Generic[T]):
    """One thread reads it, once an hour, and at most once a minute when it does not fit; others go on with what there is. A provider that
    is away (`Stopped` with status 503) is asked again after ten seconds."""

    def __init__(self, now: Callable[[], datetime], read: Callable[[], T]) -> None:
        self._now, self._read = now, read
        self._value: tuple[T, datetime] | None = None
        self._away: tuple[Stopped, datetime] | None = None
        self._reading = False
        self._turn = threading.Condition()

    def get(self, fits: Callable[[T], bool] = lambda value: True) -> T:
        """Raises `Stopped`: what reading it raises, or 503 when there is nothing of use and somebody else reads it or just failed to."""
        with self._turn:
            if self._reading and not self._is_of_use(fits):
                self._turn.wait_for(lambda: not self._reading, _PATIENCE)
            if self._value is not None and self._is_fresh(self._value, fits):
                return self._value[0]
            if self._reading or self._is_away():
                return self._old(fits)
            self._reading = True
        try:
            value = self._read()
        except Stopped as fault:
            self._end(away=fault)
            if fault.status != 503:
                raise
            with self._turn:
                return self._old(fits)
        except BaseException:
            self._end()
            raise
        self._end((value, self._now()))
        return value

    def _end(self, value: tuple[T, datetime] | None = None, away: Stopped | None = None) -> None:
        """The reading is over; only for this moment is the lock held."""
        with self._turn:
            self._value = value or self._value
            self._away = (away, self._now()) if away is not None and away.status == 503 else None
            self._reading = False
            self._turn.notify_all()

    def _is_fresh(self, kept: tuple[T, datetime], fits: Callable[[T], bool]) -> bool:
        age = self._now() - kept[1]
        return timedelta(0) <= age < _FRESH and (age < _AGAIN or fits(kept[0]))

    def _is_of_use(self, fits: Callable[[T], bool]) -> bool:
        return (
            self._value is not None
            and timedelta(0) <= self._now() - self._value[1] < _OLDEST
            and fits(self._value[0])
        )  # fmt: skip

    def _is_away(self) -> bool:
        return self._away is not None and timedelta(0) <= self._now() - self._away[1] < _PAUSE

    def _old(self, fits: Callable[[T], bool]) -> T:
        if self._value is not None and self._is_of_use(fits):
            return self._value[0]
        raise away(self._away[0].because if self._away is not None else "somebody else is asking the provider")


def away(because: str) -> Stopped:
    """The provider does not answer just now."""
    return Stopped(
        because,
        status=503,
        words="Hệ thống đăng nhập quốc gia tạm thời không trả lời. Hãy thử lại sau.",
        words_en="The provider does not answer just now. Try again later.",
        retry_after=10,
    )
