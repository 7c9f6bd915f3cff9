"""`lienthong up`: everything on one machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli import lifeline
from gateway.cli.options import at_home
from gateway.cli.supervise import Child, Supervisor
from gateway.cli.web import when_free
from gateway.web.listening import SOCKET, listen


@click.command(epilog="Ví dụ · Example:  lienthong up --home /srv/lienthong --port 8080")
@at_home
@click.option("--host", help="Địa chỉ lắng nghe (thay gateway.toml) · the address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), help="Cổng (thay gateway.toml) · the port.")
def up(home: Path, host: str | None, port: int | None) -> None:
    """Chạy toàn bộ cổng: web, gửi bản tin và đồng hồ.

    Run the whole gateway: the web, the deliveries and the clock, in two processes under one small supervisor. The ledger is brought
    up to date first. A process that dies is started again. SIGHUP replaces the processes one after the other, by those of a newly installed
    version too, and no request fails. Ctrl-C or SIGTERM lets what is under way end, then stops.
    """
    lifeline.hold()  # when something else supervises us, as the demo does
    os.environ["LIENTHONG_HOME"] = str(home.resolve())
    for name, value in (("LIENTHONG_HOST", host), ("LIENTHONG_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    place, current = prepare()
    with when_free(place, lambda: listen(*place)) as listening:  # ours for good: the web processes come and go
        upgrade = Child("upgrade", ["db", "upgrade", "--quiet", "--wait"], once=True)
        if current:
            upgrade.start_at = None
        web = Child("web", ["web"], {SOCKET: listening.fileno()})
        work = Child("work", ["work", "--clock"])
        sys.exit(Supervisor([upgrade, web, work], say, announce).run())


def prepare() -> tuple[tuple[str, int], bool]:
    """Where to listen, and whether the ledger is up to date; it is not when the database does not answer. A wrong file ends us here."""
    from gateway.cli.prepare import AWAY

    done = subprocess.run([sys.executable, "-m", "gateway.cli.prepare"], check=False, stdout=subprocess.PIPE)
    if done.returncode not in (0, AWAY):
        sys.exit(done.returncode)
    host, port = json.loads(done.stdout)
    return (host, port), done.returncode == 0


def say(words: str) -> None:
    click.echo(f"up: {words}", err=True)


def announce(children: Sequence[Child]) -> None:
    address = next(child.address for child in children if child.name == "web")
    pids = ", ".join(f"{child.name} {child.process.pid}" for child in children if child.process and not child.once)
    click.echo(f"Lienthong đang chạy · is running: {address}   (up {os.getpid()}, {pids})")
    click.echo(f"  API      {address}/api/v1   mô tả · described at {address}/openapi.json")
    click.echo(f"  Sức khỏe · health   {address}/healthz  /readyz  /metrics")
    click.echo("  Dừng · stop: Ctrl-C")
