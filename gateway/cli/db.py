"""`lienthong db`: the ledger's schema."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.options import as_json, at_home, read_config


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
def upgrade(home: Path, quiet: bool) -> None:
    """Đưa cơ sở dữ liệu lên lược đồ của phiên bản này.

    Bring the ledger to this program's schema; does nothing when it is there already.
    """
    from gateway.ledger import open_ledger
    from gateway.ledger.schema import HEAD, revision

    config = read_config(home)
    config.data.mkdir(parents=True, exist_ok=True)
    ledger = open_ledger(config.settings.ledger_url)
    before = revision(ledger)
    ledger.close()
    if before != HEAD:
        from gateway.ledger.schema import upgrade as bring_up

        bring_up(config.settings.ledger_url)
    if before != HEAD or not quiet:
        click.echo(f"{_place(config.settings.ledger_url)}: {before or 'trống · empty'} → {HEAD}")


@db.command(epilog="Ví dụ · Example:  lienthong db status --json")
@at_home
@as_json
def status(home: Path, as_json: bool) -> None:
    """Cơ sở dữ liệu đang ở lược đồ nào.

    Which schema the ledger has, and which one this program needs; exit code 1 when they differ.
    """
    from gateway.cli.show import print_json
    from gateway.ledger import open_ledger
    from gateway.ledger.schema import HEAD, revision

    config = read_config(home)
    config.data.mkdir(parents=True, exist_ok=True)
    ledger = open_ledger(config.settings.ledger_url)
    here = revision(ledger)
    if as_json:
        print_json({"ledger": _place(config.settings.ledger_url), "revision": here, "wanted": HEAD, "ok": here == HEAD})
    else:
        cure = "đúng · as it should be" if here == HEAD else "chạy · run `lienthong db upgrade`"
        click.echo(f"{_place(config.settings.ledger_url)}: {here or 'trống · empty'}, cần · wanted {HEAD}: {cure}")
    sys.exit(int(here != HEAD))


def _place(url: str) -> str:
    """The address without its password."""
    scheme, _, rest = url.partition("://")
    account, at, host = rest.rpartition("@")
    return f"{scheme}://{account.partition(':')[0]}{at}{host}"
