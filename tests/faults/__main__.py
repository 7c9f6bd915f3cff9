"""``make faults``: every fault, one after another, and one table at the end. Exit code 0 only if every count is zero."""

from __future__ import annotations

import argparse
import importlib
import json
import logging
import pkgutil
import signal
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import structlog

import tests.faults
from tests.faults.table import FAULTS, Row, render

SEED = 20260105


def gather() -> None:
    """Import every module of this folder, so that its faults are registered."""
    for module in pkgutil.iter_modules(tests.faults.__path__):
        if not module.name.startswith(("test_", "__")):
            importlib.import_module(f"tests.faults.{module.name}")


def main(arguments: Sequence[str] | None = None) -> int:
    gather()
    parser = argparse.ArgumentParser(prog="make faults", description=__doc__)
    parser.add_argument(
        "--only", action="append", metavar="NAME", choices=sorted(FAULTS), help="this fault; may be repeated"
    )
    parser.add_argument("--seed", type=int, default=SEED, help="the same seed draws the same")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="share of the runs; 0 is the one run of this very seed"
    )
    parser.add_argument("--list", action="store_true", help="name the faults and end")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the rows there too")
    chosen = parser.parse_args(arguments)
    if chosen.list:
        for name, one in FAULTS.items():
            print(f"{name:32} {one.sentence}")
        return 0
    _hush()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # the servers that were started end too
    rows = _run(chosen.only or list(FAULTS), chosen.seed, chosen.scale)
    print(f"seed {chosen.seed}, scale {chosen.scale:g}")
    print(render(rows))
    if chosen.json:
        chosen.json.write_text(
            json.dumps([asdict(row) for row in rows], ensure_ascii=False, indent=1), encoding="utf-8"
        )
    return 0 if all(row.good for row in rows) else 1


def _hush() -> None:
    """The gateway's own log of a thousand crashes helps nobody."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    logging.disable(logging.ERROR)


def _run(names: Sequence[str], seed: int, scale: float) -> list[Row]:
    rows: list[Row] = []
    for place, name in enumerate(names, 1):
        print(f"[{place}/{len(names)}] {name}: {FAULTS[name].sentence} …", file=sys.stderr, flush=True)
        begun = time.monotonic()
        row = FAULTS[name].run(seed, scale)
        rows.append(row)
        word = "✓" if row.good else "✗"
        print(f"    {word} {row.runs:,} in {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    return rows


if __name__ == "__main__":
    sys.exit(main())
