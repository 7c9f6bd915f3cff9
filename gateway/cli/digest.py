"""`lienthong digest`: the morning digest, as it would be sent now."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import as_json, at_home, open_gateway
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway


@click.command(epilog="Ví dụ · Example:  lienthong digest")
@at_home
@click.option(
    "--send", is_flag=True, help="Gửi ngay cho các kênh của [digest] · send it now to the channels of [digest]."
)
@as_json
def digest(home: Path, send: bool, as_json: bool) -> None:
    """Bản tin sáng: đang hỏng gì, chờ gì, sắp trễ gì, hôm qua ra sao.

    The morning digest: what is down, what waits, what turns late, what ends soon, and yesterday. The clock sends it once a day, as
    `config/notices.toml` says. Exit code 1 when it was to be sent and a channel did not take it; the clock then tries again.
    """
    from gateway.cli.show import print_json
    from gateway.flow.digest import gather_digest, write_digest

    gateway = open_gateway(home)
    if send:
        sys.exit(int(not _send(gateway)))
    found = gather_digest(gateway, gateway.now())
    if as_json:
        print_json(found.as_json())
    else:
        click.echo(write_digest(found)[1], nl=False)


def _send(gateway: Gateway) -> bool:
    from gateway.canonical.scalars import write_instant
    from gateway.flow.herald import Herald
    from gateway.flow.incidents import add_digest

    channels = gateway.notices.settings.digest.channels
    if not channels:
        raise Misconfigured("config/notices.toml: [digest] không có kênh nào · names no channels")
    about, herald, well = f"digest {write_instant(gateway.now())}", Herald(gateway), True
    for channel in channels:
        for number in add_digest(gateway, about, [channel]):
            wrong = herald.send_now(number)
            well = well and wrong is None
            click.echo(f"{channel}: {wrong or 'đã gửi · sent'}")
    return well
