"""The demo's board: a line per phase, and under them the live counts of the ledger."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

Counts = Callable[[], Text]


class Phase:
    """One line. `says` is the part that changes while it runs."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.says = ""
        self.done = False


class Board:
    """On a terminal the lines live; elsewhere each is printed when its phase has ended."""

    def __init__(self, console: Console, counts: Counts) -> None:
        self.console = console
        self._counts = counts
        self._phases: list[Phase] = []
        self._spinner = Spinner("dots")
        self._lock = threading.Lock()
        self._live = Live(get_renderable=self._render, console=console, refresh_per_second=6, transient=False)

    @contextmanager
    def showing(self) -> Iterator[Board]:
        if self.console.is_terminal:
            with self._live:
                yield self
        else:
            yield self

    @contextmanager
    def phase(self, title: str) -> Iterator[Phase]:
        made = Phase(title)
        with self._lock:
            self._phases.append(made)
        yield made
        made.done = True
        if not self.console.is_terminal:
            self.console.print(
                Text.assemble(("✓ ", "green"), made.title, ("\n    " + made.says, "cyan"), "\n    ", self._counts())
            )

    def _render(self) -> Table:
        grid = Table.grid(padding=(0, 1))
        with self._lock:
            for phase in self._phases:
                mark: Any = Text("✓", style="green") if phase.done else self._spinner
                grid.add_row(mark, Text(phase.title, style="" if phase.done else "bold"))
                if phase.says:
                    grid.add_row("", Text("  " + phase.says, style="cyan"))
        grid.add_row("", self._counts())
        return grid
