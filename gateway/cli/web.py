"""`lienthong web`: the front door."""

from __future__ import annotations

import errno
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from gateway.cli.options import at_home, read_config
from gateway.errors import Misconfigured

T = TypeVar("T")

PATIENCE = 10.0  # seconds for an earlier process, which is just ending, to leave the port


@click.command(epilog="Ví dụ · Example:  lienthong web --host 0.0.0.0 --port 8080")
@at_home
@click.option("--host", help="Địa chỉ lắng nghe (thay gateway.toml) · the address to listen at.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Cổng (thay gateway.toml); 0: cổng trống · the port; 0 takes a free one.",
)
@click.option("--threads", type=click.IntRange(1, 256), help="Số luồng (thay gateway.toml) · threads.")
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Số tiến trình · processes on the same port.",
)
def web(home: Path, host: str | None, port: int | None, threads: int | None, workers: int) -> None:
    """Chạy cửa trước: API, nơi đối tác gọi vào, sức khỏe, số đo.

    Run the front door: the API, the partners' hooks, health and metrics. SIGTERM lets the requests under way be answered. Started by a
    systemd socket it serves there, and --host and --port mean nothing.
    """
    from gateway.cli import lifeline
    from gateway.cli.running import stay_small

    stay_small()
    from gateway.web.serve import run

    settings = read_config(home).settings.web
    place = (host or settings.host, settings.port if port is None else port)
    lifeline.hold()
    when_free(place, lambda: run(home, *place, threads or settings.threads, workers, ready=_ready, say=_say))


def _ready(address: str) -> None:
    from gateway.cli import lifeline

    if not lifeline.say_ready(address):  # who supervises us tells it
        _say(address)


def _say(words: str) -> None:
    click.echo(f"web: {words}", err=True)


def when_free(place: tuple[str, int], serve: Callable[[], T]) -> T:
    """What `serve` gives; tried again for a while when the port is taken."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            return serve()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > until:
                raise Misconfigured(
                    f"{place[0]}:{place[1]}: {error.strerror}: đổi · change [web] host, port (gateway.toml)"
                ) from error
            time.sleep(0.2)
