"""`lienthong db`: the ledger's schema."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import click

from gateway.cli.copies import backup, restored
from gateway.cli.options import as_json, at_home, read_config
from gateway.errors import Misconfigured

AGAIN = 1.0  # seconds until a database that is away is asked again


@click.group(epilog="Ví dụ · Example:  lienthong db upgrade")
def db() -> None:
    """Cơ sở dữ liệu: xem và nâng cấp lược đồ.

    The ledger's schema: see it and bring it up to date.
    """


@db.command(
    epilog="Ví dụ · Example:  LIENTHONG_LEDGER=postgresql+psycopg://lienthong@db/lienthong lienthong db upgrade"
)
@at_home
@click.option("--quiet", is_flag=True, help="Không nói gì khi mọi sự đã đúng · say nothing when nothing had to change.")
@click.option("--wait", is_flag=True, help="Chờ cơ sở dữ liệu trả lời · wait for a database that is away.")
def upgrade(home: Path, quiet: bool, wait: bool) -> None:
    """Đưa cơ sở dữ liệu lên lược đồ của phiên bản này.

    Bring the ledger to this program's schema, beside whatever is working on it; does nothing when it is there already, or beyond.
    """
    config = read_config(home)
    config.data.mkdir(parents=True, exist_ok=True)
    url = config.settings.ledger_url
    before, after = bring_up(url, _patience() if wait else None)
    if before != after or not quiet:
        click.echo(f"{_place(url)}: {before or 'trống · empty'} → {after}")


def bring_up(url: str, stop: threading.Event | None = None) -> tuple[str | None, str | None]:
    """The revision before and after. With `stop`, a database that is away is tried again until that is set."""
    from gateway.flow.waiting import Reminder
    from gateway.ledger import open_ledger
    from gateway.ledger.opening import LedgerAway
    from gateway.ledger.schema import HEAD, revision
    from gateway.ledger.schema import upgrade as migrate

    ledger = open_ledger(url)
    remind = Reminder(lambda words: click.echo(f"db upgrade: {words}", err=True))
    try:
        while True:
            try:
                before = revision(ledger)
                if before is None or before < HEAD:
                    migrate(url)
                return before, revision(ledger)
            except LedgerAway as away:
                if stop is None:
                    raise
                remind(f"{_place(url)}: {away}; đang chờ · waiting")
                if stop.wait(AGAIN):
                    raise
    finally:
        ledger.close()


def _patience() -> threading.Event:
    from gateway.cli.running import hear_the_end

    return hear_the_end()


@db.command(epilog="Ví dụ · Example:  lienthong db status --json")
@at_home
@as_json
def status(home: Path, as_json: bool) -> None:
    """Cơ sở dữ liệu đang ở lược đồ nào.

    Which schema the ledger has, and which one this program needs; exit code 1 when it cannot work with it.
    """
    from gateway.cli.show import print_json
    from gateway.ledger import open_ledger
    from gateway.ledger.schema import HEAD, require_schema, revision

    config = read_config(home)
    config.data.mkdir(parents=True, exist_ok=True)
    ledger = open_ledger(config.settings.ledger_url)
    here, cure = revision(ledger), ""
    try:
        require_schema(ledger)
    except Misconfigured as wrong:
        cure = str(wrong)
    if as_json:
        print_json({"ledger": _place(config.settings.ledger_url), "revision": here, "wanted": HEAD, "ok": not cure})
    else:
        place = _place(config.settings.ledger_url)
        click.echo(f"{place}: {here or 'trống · empty'}, cần · wanted {HEAD}: {cure or 'đúng · as it should be'}")
    sys.exit(int(bool(cure)))


def _place(url: str) -> str:
    from gateway.ledger.opening import place_of

    return place_of(url)


db.add_command(backup)
db.add_command(restored)
