"""`python -m gateway.cli.prepare`: what `lienthong up` does before it starts anything, in a process of its own so that `up` stays small.

Reads the operator's files, prints the place to listen at as JSON, and brings the ledger up to date. Exit code 0: done; `AWAY`: the
database does not answer, the rest is in order; otherwise what a command of ours exits with.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

AWAY = 75


def prepare() -> None:
    from gateway.cli.db import bring_up
    from gateway.cli.options import read_config
    from gateway.ledger.opening import LedgerAway, place_of

    config = read_config(Path(os.environ["LIENTHONG_HOME"]))
    web, url = config.settings.web, config.settings.ledger_url
    print(json.dumps([web.host, web.port]), flush=True)
    config.data.mkdir(parents=True, exist_ok=True)
    try:
        before, after = bring_up(url)
    except LedgerAway as away:
        click.echo(f"up: cơ sở dữ liệu không trả lời · the ledger does not answer: {place_of(url)}: {away}", err=True)
        sys.exit(AWAY)
    if before != after:
        click.echo(f"{place_of(url)}: {before or 'trống · empty'} → {after}", err=True)


if __name__ == "__main__":
    try:
        prepare()
    except Exception as error:
        from gateway.cli.main import Told, told

        known = told(error)
        if not isinstance(known, Told):
            raise
        known.show()
        sys.exit(known.exit_code)
