"""`lienthong work`: the deliveries."""

from __future__ import annotations

import sys
import threading
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
    and be settled.
    """
    from gateway.cli.running import hear_the_end, start, stay_small, until_told

    stay_small()
    from gateway.flow.clock import Clock
    from gateway.flow.deliver import Work
    from gateway.signals import set_up_logging

    set_up_logging()
    known = read_config(home).partners
    for name in (*only, *besides):
        if name not in known:
            raise Misconfigured(f"không có đối tác · no partner {name!r}; có · known: {', '.join(known)}")
    stop = hear_the_end()
    wanted = (not only) if inbox is None else inbox
    made = start(
        "work",
        home,
        stop,
        lambda gateway: (gateway, Work(gateway, only, besides), Clock(gateway), _inboxes(gateway, wanted)),
    )
    if made is None:
        return
    gateway, work_, clock, inboxes = made
    threads = [threading.Thread(target=clock.run, name="clock")] if with_clock else []
    threads += [threading.Thread(target=one.run, name="inbox") for one in inboxes]
    work_.start()
    for thread in threads:
        thread.start()
    try:
        names = ", ".join(work_.couriers) or "–"
        well = until_told(names, lambda: work_.alive() and all(t.is_alive() for t in threads), stop)
    finally:  # whatever ended the waiting: threads left running would deliver on, unseen
        clock.stop()
        for one in inboxes:
            one.stop()
        work_.stop()
        for thread in threads:
            thread.join()
        gateway.close()
    if not well:
        click.echo("work: một luồng đã dừng ngoài ý muốn · a thread has ended by itself", err=True)
        sys.exit(3)


def _inboxes(gateway: Gateway, wanted: bool) -> list[Inbox]:
    """One for all agencies that write to us over the broker, or none."""
    from gateway.flow.inbox import Inbox

    if not wanted or not any(row.amqp.inbox for row in gateway.config.partners.values()):
        return []
    return [Inbox(gateway, gateway.bus)]
