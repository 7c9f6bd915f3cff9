"""Starting while the ledger is away, or not yet brought up to date: say so, try again, go on by itself. So the order of starting does not matter."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar

from gateway.config import Config
from gateway.flow.gateway import Gateway, Setup
from gateway.ledger.opening import PATIENCE, LedgerAway, place_of
from gateway.ledger.schema import SchemaBehind

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0  # seconds between two tries, doubling
REMIND = 30.0  # seconds after which the same trouble is said again


@dataclass(frozen=True, slots=True)
class Lack:
    """What a process waits for. `behind`: the ledger's schema is older than the program."""

    state: Literal["away", "behind"]
    words: str


class Reminder:
    """Says what is new at once, and what stays so every `REMIND` seconds."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._said: tuple[str, float] = ("", 0.0)

    def __call__(self, words: str) -> None:
        said, at = self._said
        if words != said or time.monotonic() - at > REMIND:
            self._said = (words, time.monotonic())
            self._say(words)


class Starting:
    """One process on its way to work. `make` builds upon the gateway what the process is for, and may read the ledger."""

    def __init__(self, config: Config, say: Callable[[str], None], stop: threading.Event) -> None:
        self.lack: Lack | None = None
        self._config = config
        self._say = say
        self._remind = Reminder(say)
        self._stop = stop
        self._place = place_of(config.settings.ledger_url)

    def once(self, make: Callable[[Gateway], T]) -> T | None:
        """What `make` makes; None, and `lack` set, when the ledger is not there. Raises `Misconfigured`, at once even then."""
        gateway = None
        try:
            gateway = Gateway(self._config.home, config=self._config, patience=PATIENCE)
            made = make(gateway)
        except (LedgerAway, SchemaBehind) as error:
            if gateway is not None:
                gateway.close()
            if self.lack is None:
                _ = Setup(self._config).partners  # a wrong file is told now, not on the day the database is back
            self.lack = self._name(error)
            return None
        if self.lack is not None:
            self._say(f"cơ sở dữ liệu đã sẵn sàng · the ledger is there: {self._place}")
        self.lack = None
        return made

    def _name(self, error: LedgerAway | SchemaBehind) -> Lack:
        if isinstance(error, SchemaBehind):
            return Lack("behind", str(error))
        return Lack("away", f"cơ sở dữ liệu không trả lời · the ledger does not answer: {self._place}: {error}")

    def patiently(self, make: Callable[[Gateway], T]) -> T | None:
        """As `once`, again and again; None when the process was told to end meanwhile."""
        pause = FIRST_PAUSE
        while not self._stop.is_set():
            made = self.once(make)
            if made is not None:
                return made
            if self.lack is not None:
                self._remind(f"{self.lack.words}; đang chờ · waiting")
            self._stop.wait(pause)
            pause = min(LONGEST_PAUSE, 2 * pause)
        return None
