"""`lienthong clock`: the sweep, the polling of feeds, the order of the status feed."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import click

from gateway.cli.options import at_home


@click.command(epilog="Ví dụ · Example:  lienthong clock")
@at_home
def clock(home: Path) -> None:
    """Chạy đồng hồ: quét việc đến hạn, đọc hành trình bưu điện.

    Run the clock: sweep for due work, read the partners' feeds, give the status feed its order. Of several, one leads and the others wait.
    """
    from gateway.cli.running import hear_the_end, start, stay_small, until_told

    stay_small()
    from gateway.flow.clock import Clock
    from gateway.signals import set_up_logging

    set_up_logging()
    stop = hear_the_end()
    made = start("clock", home, stop, lambda gateway: (gateway, Clock(gateway)))
    if made is None:
        return
    gateway, ticking = made
    thread = threading.Thread(target=ticking.run, name="clock")
    thread.start()
    well = until_told("clock", thread.is_alive, stop)
    ticking.stop()
    thread.join()
    gateway.close()
    if not well:
        click.echo("clock: luồng đã dừng ngoài ý muốn · its thread has ended by itself", err=True)
        sys.exit(3)
