"""`lienthong clock`: the sweep, the polling of feeds, the order of the status feed."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from gateway.cli.options import at_home


@click.command(epilog="Ví dụ · Example:  lienthong clock")
@at_home
def clock(home: Path) -> None:
    """Chạy đồng hồ: quét việc đến hạn, đọc hành trình bưu điện.

    Run the clock: sweep for due work, read the partners' feeds, give the status feed its order. Of several, one leads and the others wait.
    """
    from gateway.cli.running import hear_the_end, run_generations, stay_small

    stay_small()
    from gateway.flow.clock import Clock
    from gateway.flow.generation import Generation
    from gateway.signals import set_up_logging

    set_up_logging()
    if not run_generations(
        "clock", home, hear_the_end(), lambda gateway: Generation(gateway, None, Clock(gateway), None)
    ):
        click.echo("clock: luồng đã dừng ngoài ý muốn · its thread has ended by itself", err=True)
        sys.exit(3)
