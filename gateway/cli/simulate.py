"""`lienthong simulate`: a partner's twin on a port."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import at_home
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.cli.trial import Trial
    from gateway.simulation import Chaos


@click.command(
    epilog="Ví dụ · Examples:  lienthong simulate vnpost_hcc --port 9003 --chaos chậm.json   ·   lienthong simulate so-y-te --send"
)
@click.argument("name", metavar="ĐỐI_TÁC|KẾT_NỐI")
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="Cổng; 0: một cổng trống · 0 takes a free one.")
@click.option(
    "--chaos",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Hồ sơ trục trặc, JSON · a chaos profile.",
)
@click.option(
    "--settings",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tài khoản nó nhận, JSON; hoặc tệp đối tác TOML · what it accepts, JSON; or a partner file.",
)
@click.option(
    "--send",
    is_flag=True,
    help="Gửi mọi mẫu ánh xạ của đối tác cho bản mô phỏng rồi dừng · deliver the samples of the partner's mappings to it, then end.",
)
@at_home
def simulate(name: str, port: int, chaos: Path | None, settings: Path | None, send: bool, home: Path) -> None:
    """Chạy bản mô phỏng của một đối tác.

    Run a partner's twin: strict, with a book of all that was done to it (GET /_twin/book), a chaos profile (GET and POST /_twin/chaos)
    and acts of its own (POST /_twin/act). Named by a partner of config/partners, enabled or not, it is made of that file; or by a
    connector, such as `mapi`; `vnconnect` is the national sign-on.
    """
    from gateway.cli.options import read_config
    from gateway.simulation import Chaos

    misfortunes = Chaos.read(_read(chaos)) if chaos else None
    if settings is None and (read_config(home).folder / "partners" / f"{name}.toml").is_file():
        from gateway.cli.trial import Trial

        trial = Trial(home, name, port=port, chaos=misfortunes)
        _send(trial, port) if send else _stay(trial, port)
    elif send:
        raise Misconfigured(
            f"không có · there is no config/partners/{name}.toml: --send cần một đối tác · wants a partner"
        )
    else:
        _run(name, port, misfortunes, _read(settings) if settings else {})


def _run(connector: str, port: int, chaos: Chaos | None, settings: Any) -> None:
    from gateway.cli.trial import find_simulator
    from gateway.simulation import Serve

    serve = Serve(find_simulator(connector)(settings), port=port, chaos=chaos)
    address = _started(serve.start, port)
    click.echo(f"{connector}: {address}")
    _until_told(address)
    serve.stop()


def _stay(trial: Trial, port: int) -> None:
    address = _started(trial.start, port)
    click.echo(f"{trial.row.id}: {address}")
    environment = trial.environment(address)
    if environment:
        click.echo(
            "Để cổng nói chuyện với bản mô phỏng này, trước khi khởi động nó · so that a gateway started after it talks to it:"
        )
        click.echo("  export " + " ".join(f"{name}={value}" for name, value in environment.items()))
        click.echo(f'Cổng đang chạy · one that runs already: url = "{address}" ({trial.file}), lienthong reload')
    _until_told(address)
    trial.serve.stop()


def _send(trial: Trial, port: int) -> None:
    """Exit code 1 when a sample does not get through."""
    address = _started(trial.start, port)
    tried = list(trial.deliver_samples(address))
    trial.serve.stop()
    for one in tried:
        click.echo(f"{'✓' if one.well else '✗'} {one.type}  {one.sample.replace('-', ' ')}: {one.outcome}")
        if one.sent is not None:
            sent = one.sent.get("message", one.sent)
            click.echo("  → " + json.dumps(sent, ensure_ascii=False)[:2000])
        click.echo("  ← " + "\n    ".join(one.words.splitlines()))
    for note in trial.notes():
        click.echo(f"! {note}")
    if not tried:
        click.echo("Không có mẫu nào: chưa có ánh xạ · no samples: this partner has no mapping with an in.json")
    sys.exit(int(not all(one.well for one in tried)))


def _started(start: Any, port: int) -> str:
    try:
        address: str = start()
    except OSError as error:
        raise Misconfigured(f"cổng · port {port}: {error.strerror}") from error
    return address


def _until_told(address: str) -> None:
    from gateway.cli.running import until_told

    until_told(address, lambda: True)


def _read(file: Path) -> Any:
    from gateway.config import read_toml, resolve_secrets

    if file.suffix == ".toml":
        table = read_toml(file)
        settings = resolve_secrets(table.get("settings", {}), f"{file}: settings")
        return {**table, "settings": settings, "folder": str(file.resolve().parent.parent)}
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise Misconfigured(f"{file}: không phải JSON · not JSON: {error}") from error
