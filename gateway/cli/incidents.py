"""`lienthong incidents`: what is wrong now, what was, and who was told."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, at_most, open_gateway

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway

KINDS = {"opened": "mở · opened", "closed": "hết · closed", "digest": "bản tin sáng · digest"}
STATES = {"waiting": "chưa gửi được · to be sent", "sent": "đã gửi · sent", "given_up": "đã bỏ · given up"}


class ListAtOnce(click.Group):
    """Without a command of its own it lists: `lienthong incidents --all`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args or (args[0] not in self.commands and args[0] not in ctx.help_option_names):
            args = ["list", *args]
        return super().parse_args(ctx, args)


@click.group(cls=ListAtOnce, epilog="Ví dụ · Example:  lienthong incidents")
def incidents() -> None:
    """Sự cố: đang có gì hỏng, của ai, đã báo cho ai.

    Incidents: one opening and one close for each trouble and owner. The clock looks each minute and sends the notices; these commands show.
    """


@incidents.command("list", epilog="Ví dụ · Example:  lienthong incidents list --all")
@at_home
@click.option("--all", "closed", is_flag=True, help="Cả sự cố đã hết, mới nhất trước · those that are over, too.")
@at_most
@as_json
def list_(home: Path, closed: bool, limit: int, as_json: bool) -> None:
    """Liệt kê sự cố, và thông báo chưa gửi được.

    List the incidents, and the notices that could not be sent.
    """
    from gateway.cli.show import mapping, print_json
    from gateway.flow.herald import GIVEN_UP_SHOWN
    from gateway.ledger import incidents as ledger

    gateway = open_gateway(home)
    with gateway.ledger.read() as connection:
        rows = ledger.listed(connection, closed=closed, limit=limit)
        unsent = ledger.troubled_notices(connection, gateway.now() - GIVEN_UP_SHOWN)
    if as_json:
        print_json(
            {
                "incidents": [mapping(row) for row in rows],
                "unsent": [mapping(row, "token", "text", "data") for row in unsent],
            }
        )
        return
    _show_incidents(gateway, rows, closed=closed)
    if unsent:
        _show_notices("Thông báo chưa gửi được · Notices not sent", unsent)


def _show_incidents(gateway: Gateway, rows: Sequence[Any], *, closed: bool) -> None:
    from gateway.cli.show import table, when
    from gateway.flow.signs import titles

    ends = ("Đến · Until",) if closed or any(row.well_at for row in rows) else ()
    table(
        "Sự cố · Incidents",
        ("#Số", "Của", "Sự cố", "Thấy gì", "!Từ", *ends),
        [
            (
                row.id, row.owner, "\n".join(titles(row.trouble)), _seen(row), when(row.since)[:-3],
                *((when(row.well_at)[:-3] if row.closed_at else _still(row),) if ends else ()),
            )
            for row in rows
        ],
        caption="Tiếp theo · next: lienthong incidents show SỐ" if rows else None,
    )  # fmt: skip


def _still(row: Any) -> str:
    from gateway.cli.show import when

    return f"vừa hết · just over {when(row.well_at)[:-3]}" if row.well_at else "đang còn · open"


def _seen(row: Any) -> str:
    """Of what is over, what was seen last: nothing waits there any more."""
    words = ("lần thấy cuối: ", "seen last: ") if row.well_at else ("", "")
    return f"{words[0]}{row.what}\n{words[1]}{row.what_en}"


def _show_notices(title: str, rows: Sequence[Any]) -> None:
    from gateway.cli.show import table, when

    table(
        title,
        ("Kênh", "Tin", "Trạng thái", "#Lần", "!Lúc", "Vì sao"),
        [
            (
                row.channel, f"{KINDS[row.kind]} {row.incident or ''}", STATES[row.state], row.tries,
                when(row.ended_at or row.due_at)[:-3], row.error,
            )
            for row in rows
        ],
        caption="Thử một kênh · try a channel: lienthong incidents test KÊNH",
    )  # fmt: skip


@incidents.command(epilog="Ví dụ · Example:  lienthong incidents show 12")
@click.argument("number", type=int, metavar="SỐ")
@at_home
@as_json
def show(number: int, home: Path, as_json: bool) -> None:
    """Xem một sự cố: từ lúc nào, phải làm gì, đã báo ai.

    Show one: since when, what to do, and who was told when.
    """
    from gateway.cli.show import console, mapping, print_json, when
    from gateway.flow.signs import cure_of, length, name_of, titles
    from gateway.ledger import incidents as ledger

    gateway = open_gateway(home)
    with gateway.ledger.read() as connection:
        row, told = ledger.one(connection, number)
    if as_json:
        print_json({**mapping(row), "notices": [{**mapping(n, "token"), "data": json.loads(n.data)} for n in told]})
        return
    title, name, cure = titles(row.trouble), name_of(gateway, row.owner), cure_of(row.trouble, row.owner)
    lasted = length((row.well_at or gateway.now()) - row.since)
    out = console()
    out.print(f"[bold]{number}[/]  {title[0]} · {title[1]}")
    for line in (
        f"{name[0]} · {name[1]} ({row.owner})",
        _seen(row).replace("\n", " · "),
        f"từ · since {when(row.since)}, {lasted[0]}; "
        + (f"hết · over {when(row.well_at)}" if row.closed_at else _still(row)),
        f"nhiều nhất · at most {row.most}, trở lại · came back {row.again}×",
        f"việc cần làm · what to do: {cure[0]} · {cure[1]}",
    ):
        out.print(line, markup=False)
    if told:
        _show_notices("Đã báo · Told", told)
    else:
        click.echo("chưa kênh nào được báo: xem config/notices.toml · no channel is told of this")


@incidents.command(epilog="Ví dụ · Example:  lienthong incidents test truc-cntt")
@click.argument("channel", metavar="KÊNH")
@at_home
def test(channel: str, home: Path) -> None:
    """Gửi một tin thử qua một kênh.

    Send a trial message through a channel now, and say what came of it. Exit code 1 when it was not taken.
    """
    from gateway.flow.herald import send_trial

    gateway = open_gateway(home)
    wrong = send_trial(gateway, channel)
    click.echo(f"{channel}: {wrong}" if wrong else f"{channel}: đã gửi · sent")
    sys.exit(int(bool(wrong)))
