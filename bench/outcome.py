"""How a scenario is shown while it runs and when it has ended."""

from __future__ import annotations

import json
import logging
import sys
from dataclasses import asdict
from pathlib import Path

import structlog
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from bench.figures import Scenario
from bench.scenario import Result, Say, run
from gateway.canonical.scalars import write_instant
from gateway.cli.show import table
from gateway.cli.stats import show_statistics


def play(scenario: Scenario, file: Path, ledger: str, as_json: bool) -> int:
    """Runs it and prints it; the exit code."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    err = Console(stderr=True)
    err.print(f"{scenario.title}\n{scenario.source}", markup=False)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err) as progress:
        task = progress.add_task("hồ sơ · dossiers", total=scenario.published.received)
        result = run(file, ledger=ledger, say=_quietly() if not err.is_terminal else _bar(progress, task))
    if as_json:
        print(json.dumps(_as_json(result), ensure_ascii=False, indent=1, default=write_instant))
    else:
        _show(result)
    return int(not result.well)


def _bar(progress: Progress, task: object) -> Say:
    def say(done: int, _whole: int, day: str) -> None:
        progress.update(task, completed=done, description=f"hồ sơ · dossiers {day}")  # type: ignore[arg-type]

    return say


def _quietly() -> Say:
    """A line every tenth of the way, where there is no terminal."""
    told = 0

    def say(done: int, whole: int, day: str) -> None:
        nonlocal told
        if 10 * done // whole > told:
            told = 10 * done // whole
            print(f"  {day}  {done}/{whole}", file=sys.stderr, flush=True)

    return say


def _as_json(result: Result) -> dict[str, object]:
    return {
        "dossiers": result.dossiers,
        "messages": result.messages,
        "deliveries": result.deliveries,
        "seconds": result.seconds,
        "statistics_seconds": result.statistics_seconds,
        "figures": [{**asdict(figure), "same": figure.same} for figure in result.figures],
        "differences": result.differences,
        "statistics": result.statistics.as_json(),
    }


def _show(result: Result) -> None:
    show_statistics(result.statistics)
    table(
        "Số đã công bố và số của cổng · Published and ours",
        ("", "Con số · Figure", "#Đã công bố", "#Của cổng"),
        [("✓" if f.same else "✗", f.what, f.published, f.ours) for f in result.figures],
    )
    for difference in result.differences[:20]:
        print(f"✗ {difference}")
    rate, seconds = result.messages / result.seconds, result.seconds
    print(
        f"{result.dossiers:,} hồ sơ · dossiers, {result.messages:,} bản tin · messages, {result.deliveries:,} lượt gửi · deliveries: "
        f"{seconds:,.0f} s, {result.dossiers / seconds:,.0f} hồ sơ/s, {rate:,.0f} bản tin/s; thống kê · statistics {result.statistics_seconds:.2f} s"
    )
    books = "khớp · agree" if not result.differences else f"{len(result.differences)} chỗ lệch · differences"
    print(f"sổ của các hệ thống mô phỏng và sổ cái · the twins' books and the ledger: {books}")
