"""`lienthong demo`: a day at the counter in about a minute, with the portal down in the middle of it, and a disagreement planted at its end."""

from __future__ import annotations

import shutil
import signal
import sys
import tempfile
from pathlib import Path

import click


@click.command(epilog="Ví dụ · Example:  lienthong demo --keep")
@click.option(
    "--dossiers",
    type=click.IntRange(10, 500),
    default=60,
    show_default=True,
    help="Bao nhiêu hồ sơ · how many dossiers.",
)
@click.option(
    "--seed",
    type=int,
    default=2026,
    show_default=True,
    help="Cùng số, cùng một ngày · the same number gives the same day.",
)
@click.option("--fast", is_flag=True, help="Không chờ cho dễ nhìn · do not go slowly to be watched.")
@click.option(
    "--keep", is_flag=True, help="Để mọi thứ chạy tiếp đến khi Ctrl-C · leave everything running until Ctrl-C."
)
def demo(dossiers: int, seed: int, fast: bool, keep: bool) -> None:
    """Xem cổng làm việc: một ngày ở bộ phận một cửa, trong một phút.

    See the gateway at work: the twins of a one-stop system, the national portal and the post on this machine, a day of invented dossiers
    between them, the portal down in the middle, its book changed by hand at the end: found, explained, healed. Then every book is compared with
    the ledger; exit code 0 only if all agree.
    """
    from gateway.cli.play import Play
    from gateway.cli.stage import Stage

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C: end everything, clean up
    home = Path(tempfile.mkdtemp(prefix="lienthong-demo-"))
    stage = Stage(home)
    differ = ["not played to its end"]
    try:
        play = Play(stage, dossiers=dossiers, seed=seed, fast=fast)
        differ = play.run()
        if keep:
            play.linger()
    except KeyboardInterrupt:
        click.echo("\ndừng · stopped", err=True)
    finally:
        stage.close()
        shutil.rmtree(home)
    sys.exit(int(bool(differ)))
