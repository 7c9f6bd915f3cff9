"""`lienthong work`: the deliveries."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import click

from gateway.cli.options import at_home, open_gateway
from gateway.errors import Misconfigured


@click.command(epilog="Ví dụ · Example:  lienthong work --only portal")
@at_home
@click.option(
    "--only", multiple=True, metavar="ĐÍCH", help="Chỉ gửi đến đích này (lặp lại được) · only this destination."
)
@click.option("--except", "besides", multiple=True, metavar="ĐÍCH", help="Trừ đích này · all but this destination.")
@click.option(
    "--clock", "with_clock", is_flag=True, help="Chạy cả đồng hồ trong tiến trình này · run the clock in it too."
)
def work(home: Path, only: Sequence[str], besides: Sequence[str], with_clock: bool) -> None:
    """Gửi bản tin đến các hệ thống đối tác.

    Deliver messages to the partners. Start as many as there is work for, on any number of hosts; SIGTERM lets the calls under way end
    and be settled.
    """
    from gateway.cli.running import stay_small, until_told

    stay_small()
    from gateway.flow.clock import Clock
    from gateway.flow.deliver import Work
    from gateway.signals import set_up_logging

    set_up_logging()
    gateway = open_gateway(home)
    for name in (*only, *besides):
        if name not in gateway.config.partners:
            raise Misconfigured(
                f"không có đối tác · no partner {name!r}; có · known: {', '.join(gateway.config.partners)}"
            )
    work_, clock = Work(gateway, only, besides), Clock(gateway)
    threads = [threading.Thread(target=clock.run, name="clock")] if with_clock else []
    work_.start()
    for thread in threads:
        thread.start()
    try:
        well = until_told(", ".join(work_.couriers), lambda: work_.alive() and all(t.is_alive() for t in threads))
    finally:  # whatever ended the waiting: threads left running would deliver on, unseen
        clock.stop()
        work_.stop()
        for thread in threads:
            thread.join()
        gateway.close()
    if not well:
        click.echo("work: một luồng đã dừng ngoài ý muốn · a thread has ended by itself", err=True)
        sys.exit(3)
