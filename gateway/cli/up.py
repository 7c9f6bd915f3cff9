"""`lienthong up`: everything on one machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli import lifeline
from gateway.cli.options import at_home
from gateway.cli.supervise import Child, Supervisor


@click.command(epilog="Ví dụ · Example:  lienthong up --home /srv/lienthong --port 8080")
@at_home
@click.option("--host", help="Địa chỉ lắng nghe (thay gateway.toml) · the address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), help="Cổng (thay gateway.toml) · the port.")
def up(home: Path, host: str | None, port: int | None) -> None:
    """Chạy toàn bộ cổng: web, gửi bản tin và đồng hồ.

    Run the whole gateway: the web, the deliveries and the clock, in two processes under one small supervisor. The ledger is brought
    up to date first. A process that dies is started again; Ctrl-C or SIGTERM lets what is under way end, then stops.
    """
    lifeline.hold()  # when something else supervises us, as the demo does
    os.environ["LIENTHONG_HOME"] = str(home.resolve())
    for name, value in (("LIENTHONG_HOST", host), ("LIENTHONG_PORT", port)):
        if value is not None:
            os.environ[name] = str(value)
    # In a process of its own, so that what it loads is not kept. It reads the operator's files too: a wrong one ends us here.
    upgraded = subprocess.run([sys.executable, "-m", "gateway.cli.main", "db", "upgrade", "--quiet"], check=False)
    if upgraded.returncode:
        sys.exit(upgraded.returncode)
    children = [Child("web", ["web"]), Child("work", ["work", "--clock"])]
    sys.exit(Supervisor(children, say, announce).run())


def say(words: str) -> None:
    click.echo(f"up: {words}", err=True)


def announce(children: Sequence[Child]) -> None:
    address = next(child.address for child in children if child.name == "web")
    pids = ", ".join(f"{child.name} {child.process.pid}" for child in children if child.process)
    click.echo(f"Lienthong đang chạy · is running: {address}   (up {os.getpid()}, {pids})")
    click.echo(f"  API      {address}/api/v1   mô tả · described at {address}/openapi.json")
    click.echo(f"  Sức khỏe · health   {address}/healthz  /readyz  /metrics")
    click.echo("  Dừng · stop: Ctrl-C")
