"""The table of faults: what each fault did, over how many runs, and what came of it.

A fault is a function ``(seed, scale) -> Row`` under ``@fault("what happens, as a sentence")``, in any module of this folder. It is repeatable:
all it draws comes from `random.Random` of a seed, and run `i` of it has the seed ``seed + i`` (`seeds` counts them). So
``--only NAME --seed S --scale 0`` is exactly the one run of seed S.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `runs` counts what the fault counts: injected crashes, kills, floods. The three counts are of messages, and must be 0.

    `longest_stall_seconds` is the longest time (simulated, where time is) from "partner and gateway are up" to a delivery.
    `note` says what the numbers rest on. `wrong` are sentences about anything else that is broken; it must be empty.
    """

    runs: int
    lost: int = 0
    duplicated: int = 0
    reordered: int = 0
    longest_stall_seconds: float = 0.0
    note: str = ""
    wrong: Sequence[str] = ()
    fault: str = ""  # the sentence; the registry fills it in

    @property
    def good(self) -> bool:
        return self.runs > 0 and not (self.lost or self.duplicated or self.reordered or self.wrong)


class Absent(Exception):
    """What this fault needs is not installed here; the text says what is missing. Its row counts as failed."""


Work = Callable[[int, float], Row]


@dataclass(frozen=True, slots=True)
class Fault:
    """`name` is the function's, for ``--only``."""

    name: str
    sentence: str
    work: Work

    def run(self, seed: int, scale: float) -> Row:
        try:
            row = self.work(seed, scale)
        except Absent as absent:
            row = Row(0, wrong=[f"không chạy được · not run: {absent}"])
        return replace(row, fault=self.sentence)


FAULTS: dict[str, Fault] = {}


def fault(sentence: str) -> Callable[[Work], Work]:
    """Register a fault under its function's name."""

    def register(work: Work) -> Work:
        name = work.__name__
        if name in FAULTS and FAULTS[name].work.__module__ != work.__module__:
            raise ValueError(f"two faults are named {name}")
        FAULTS[name] = Fault(name, sentence, work)
        return work

    return register


def seeds(seed: int, scale: float, whole: int) -> range:
    """The seeds of a fault's runs: `whole` runs at scale 1, and never fewer than one."""
    return range(seed, seed + max(1, round(whole * scale)))


def again(name: str, seed: int, scale: float = 0.0) -> str:
    """The command that repeats exactly one run."""
    return f'make faults ARGS="--only {name} --seed {seed} --scale {scale:g}"'


HEADER = (
    "Sự cố · Fault",
    "Lần · Runs",
    "Mất · Lost",
    "Đôi · Doubled",
    "Sai thứ tự · Reordered",
    "Chờ lâu nhất · Longest stall",
)


def render(rows: Iterable[Row]) -> str:
    """The table as text, a note and what is wrong under each line."""
    rows = list(rows)
    lines = [(r.fault, f"{r.runs:,}", str(r.lost), str(r.duplicated), str(r.reordered), _seconds(r)) for r in rows]
    widths = [max(len(line[i]) for line in [HEADER, *lines]) for i in range(len(HEADER))]
    text = [_line(HEADER, widths), "  ".join("─" * width for width in widths)]
    for row, line in zip(rows, lines, strict=True):
        text.append(_line(line, widths))
        text += [f"    {row.note}"] if row.note else []
        text += [f"  ✗ {sentence}" for sentence in row.wrong]
    return "\n".join(text)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = (
        cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join([first, *rest])


def _seconds(row: Row) -> str:
    return f"{row.longest_stall_seconds:,.1f} s"
