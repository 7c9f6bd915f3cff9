"""Fault points: the named places at which a process may be killed. Killed means: from then on it does nothing more, in any thread."""

from __future__ import annotations

from collections import Counter
from random import Random

from gateway.ledger.opening import Clash, LedgerAway

LONGEST = 80  # points that a process lives through when it never comes to the one it was to die at


class Crash(BaseException):
    """The process is gone, and all it had in memory. No `except Exception` may stop it."""


class Points:
    """The points of one process, and its fate: it dies at the `nth` passing of `target`, or at its `LONGEST`th point whatever that is.

    `passed` are the names of all it came by.
    `away` is the share of the ledger's points at which the database goes away instead (before or after the commit) and comes back.
    """

    def __init__(self, dice: Random, target: str | None, crashes: Counter[str], *, away: float = 0.0) -> None:
        self._dice = dice
        self._target = target
        self._nth = dice.randint(1, 2)
        self._left = LONGEST if target is not None else -1
        self._crashes = crashes
        self._away = away
        self.dead = False
        self.killed = False
        self.passed: set[str] = set()

    def reach(self, name: str) -> None:
        """Raises `Crash` when this is where the process dies, or when it is dead already."""
        if self.dead:
            raise Crash(name)
        self._left -= 1
        self.passed.add(name)
        if name == self._target:
            self._nth -= 1
        if self._left == 0 or (self._nth == 0 and name == self._target):
            self.dead = self.killed = True
            self._crashes[name] += 1
            raise Crash(name)

    def reach_ledger(self, name: str) -> None:
        """A point of the ledger: it may also be away for a moment, or another transaction in the way."""
        self.reach(name)
        if self._away and self._dice.random() < self._away:
            if name.endswith("before the commit") and self._dice.random() < 0.3:
                raise Clash(f"in the way: {name}")
            raise LedgerAway(f"away: {name}")

    def live(self) -> None:
        """From here on the process is spared."""
        self._target, self._left, self._nth, self._away = None, -1, -1, 0.0
