"""`lienthong simulate`: a partner's twin on a port."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from gateway.errors import Misconfigured


@click.command(epilog="Ví dụ · Example:  lienthong simulate vnpost_hcc --port 9003 --chaos chậm.json")
@click.argument("connector", metavar="KẾT_NỐI")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Cổng; 0: một cổng trống · 0 takes a free one.")
@click.option(
    "--chaos",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Hồ sơ trục trặc, JSON · a chaos profile.",
)
@click.option(
    "--settings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tài khoản nó nhận, JSON · what it accepts.",
)
def simulate(connector: str, port: int, chaos: Path | None, settings: Path | None) -> None:
    """Chạy bản mô phỏng của một đối tác.

    Run a partner's twin: strict, with a book of all that was done to it (GET /_twin/book), a chaos profile (GET and POST /_twin/chaos)
    and acts of its own (POST /_twin/act). Its argument is the name of the connector, such as `mapi`.
    """
    from gateway.cli.running import until_told
    from gateway.simulation import Chaos, Serve

    twin = find_simulator(connector)(_read(settings) if settings else {})
    serve = Serve(twin, port=port, chaos=Chaos.read(_read(chaos)) if chaos else None)
    try:
        address = serve.start()
    except OSError as error:
        raise Misconfigured(f"cổng · port {port}: {error.strerror}") from error
    click.echo(f"{connector}: {address}")
    until_told(address, lambda: True)
    serve.stop()


def find_simulator(connector: str) -> Any:
    from importlib.metadata import entry_points

    points = {point.name: point for point in entry_points(group="lienthong.connectors")}
    if connector not in points:
        raise Misconfigured(f"không có kết nối · no connector {connector!r}; có · known: {', '.join(sorted(points))}")
    simulator = points[connector].load().simulator
    if simulator is None:
        raise Misconfigured(f"kết nối {connector} không có bản mô phỏng · the connector has no simulator")
    return simulator


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise Misconfigured(f"{file}: không phải JSON · not JSON: {error}") from error
