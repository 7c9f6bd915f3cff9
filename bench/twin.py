"""The portal's twin with a preloaded ledger's dossiers in its book, some of them wrong; a process of its own.

``python -m bench.twin --dossiers 1000 --wrong 10`` prints its address, and ends with its standard input.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bench.dossiers import dossier_code
from bench.preload import PATTERN
from connectors.mapi.simulator import PortalTwin, _born
from gateway.simulation import Serve

ACCOUNT = {"username": "bench", "password": "bench"}


def holding(dossiers: int, wrong: int) -> PortalTwin:
    """A twin that has them all; `wrong` of them, evenly spread, further on than they were told."""
    twin, every = PortalTwin(ACCOUNT), dossiers // wrong if wrong else dossiers + 1
    for number in range(dossiers):
        code = dossier_code(PATTERN + number)
        ahead = number % every == every - 1 and number // every < wrong
        twin._dossiers[code] = _born("local", {"MaHoSo": code, "TrangThaiHoSo": "9" if ahead else "2"})
    return twin


@contextmanager
def twin(dossiers: int, wrong: int) -> Iterator[str]:
    """Its address, while it runs."""
    words = ("--dossiers", str(dossiers), "--wrong", str(wrong))
    process = subprocess.Popen(
        [sys.executable, "-m", "bench.twin", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait(timeout=30)
        process.stdout.close()


def main() -> None:
    given = argparse.ArgumentParser()
    given.add_argument("--dossiers", type=int, required=True)
    given.add_argument("--wrong", type=int, default=0)
    told = given.parse_args()
    serve = Serve(holding(told.dossiers, told.wrong))
    print(serve.start(), flush=True)
    sys.stdin.read()
    serve.stop()


if __name__ == "__main__":
    main()
