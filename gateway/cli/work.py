"""`lienthong work`: the deliveries."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import at_home, read_config
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway
    from gateway.flow.inbox import Inbox


@click.command(epilog="Ví dụ · Example:  lienthong work --only portal")
@at_home
@click.option(
    "--only", multiple=True, metavar="ĐÍCH", help="Chỉ gửi đến đích này (lặp lại được) · only this destination."
)
@click.option("--except", "besides", multiple=True, metavar="ĐÍCH", help="Trừ đích này · all but this destination.")
@click.option(
    "--clock", "with_clock", is_flag=True, help="Chạy cả đồng hồ trong tiến trình này · run the clock in it too."
)
@click.option(
    "--inbox/--no-inbox",
    default=None,
    help="Nhận bản tin từ hàng đợi inbox của các cơ quan (mặc định: có, trừ khi dùng --only) · take what agencies put into their inbox queues "
    "(default: yes, unless --only).",
)
def work(home: Path, only: Sequence[str], besides: Sequence[str], with_clock: bool, inbox: bool | None) -> None:
    """Gửi bản tin đến các hệ thống đối tác.

    Deliver messages to the partners. Start as many as there is work for, on any number of hosts; SIGTERM lets the calls under way end
    and be settled; SIGHUP takes changed files (lienthong reload).
    """
    from gateway.cli.running import hear_the_end, run_generations, stay_small

    stay_small()
    from gateway.flow.clock import Clock
    from gateway.flow.deliver import Work
    from gateway.flow.generation import Generation
    from gateway.signals import set_up_logging

    set_up_logging()
    known = read_config(home).partners
    for name in (*only, *besides):
        if name not in known:
            raise Misconfigured(f"không có đối tác · no partner {name!r}; có · known: {', '.join(known)}")
    wanted = (not only) if inbox is None else inbox

    def make(gateway: Gateway) -> Generation:
        clock = Clock(gateway) if with_clock else None
        return Generation(gateway, Work(gateway, only, besides), clock, _inbox(gateway) if wanted else None)

    if not run_generations("work", home, hear_the_end(), make):
        click.echo("work: một luồng đã dừng ngoài ý muốn · a thread has ended by itself", err=True)
        sys.exit(3)


def _inbox(gateway: Gateway) -> Inbox | None:
    """One for all agencies that write to us over the broker, or none."""
    from gateway.flow.inbox import Inbox

    if not any(row.amqp.inbox for row in gateway.config.partners.values()):
        return None
    return Inbox(gateway, gateway.bus)
