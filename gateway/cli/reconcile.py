"""`lienthong reconcile`: what partners say of our dossiers, what differs, what is done about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gateway.cli.options import answerable, as_json, at_home, at_most, open_books, open_gateway

if TYPE_CHECKING:
    from gateway.cli.asking import Round
    from gateway.flow.gateway import Gateway
    from gateway.flow.reconcile import Reconciler

the_number = click.argument("number", type=int, metavar="SỐ")
the_partner = click.argument("partner", metavar="ĐỐI_TÁC")


class AskAtOnce(click.Group):
    """What is no command of its own is `run`'s: `lienthong reconcile portal --dry-run`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        asks_for_help = args[:1] and args[0] in ctx.help_option_names
        if not args or not (args[0] in self.commands or asks_for_help):
            args = ["run", *args]
        return super().parse_args(ctx, args)


@click.group(cls=AskAtOnce, epilog="Ví dụ · Example:  lienthong reconcile portal --dry-run")
def reconcile() -> None:
    """Đối soát với đối tác: hỏi, so sánh, chữa chênh lệch.

    Reconciliation: ask partners how our dossiers stand there, compare, heal what differs through the ordinary lanes. The clock does it all
    the time, as `[reconcile]` of the partner's file says; these commands do it now, and decide.
    """


@reconcile.command(epilog="Ví dụ · Example:  lienthong reconcile portal --dossier 000.00.01.H99-260105-0001 --dry-run")
@click.argument("partner", metavar="[ĐỐI_TÁC]", required=False)
@at_home
@click.option("--dossier", "dossiers", multiple=True, metavar="MÃ HỒ SƠ", help="Chỉ hồ sơ này · this dossier only.")
@click.option(
    "--since",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Chỉ hồ sơ có diễn biến từ ngày này · only those that moved since.",
)
@click.option(
    "--dry-run", "dry", is_flag=True, help="Chỉ hỏi và so sánh, không ghi gì · ask and compare, write nothing."
)
@click.option("--heal", is_flag=True, help="Chữa ngay chênh lệch tìm thấy (cần --reason) · heal at once what differs.")
@click.option(
    "--confirm",
    "confirmed",
    multiple=True,
    metavar="MÃ HỒ SƠ",
    help="Với --heal: hồ sơ này tôi đã xem, chữa cả khi phải thận trọng · this one I have looked at: heal it though it wants care.",
)
@partial(answerable, required=False)
@as_json
def run(
    partner: str | None,
    home: Path,
    dossiers: Sequence[str],
    since: datetime | None,
    dry: bool,
    heal: bool,
    confirmed: Sequence[str],
    who: str,
    reason: str | None,
    as_json: bool,
) -> None:
    """Hỏi ngay đối tác về từng hồ sơ, so với điều đã báo.

    Ask now, dossier by dossier, and compare with what the partner was told. Without --heal a difference goes the way of the partner's file.
    With it, what wants care (a terminal status, a contradiction, more differences than `most`) still waits for approval unless --confirm names
    it. Exit code 1 when something differs, or a question failed.
    """
    from gateway.cli.asking import Round
    from gateway.flow.reconcile import Permit, Reconciler

    permit = Permit(who, reason, confirmed) if heal and reason else None
    if dry and heal:
        raise click.UsageError("--dry-run và --heal loại trừ nhau · exclude one another")
    if heal and permit is None:
        raise click.UsageError("--heal cần --reason: vì sao · --heal wants a --reason")
    if confirmed and not heal:
        raise click.UsageError("--confirm chỉ đi với --heal · --confirm goes with --heal")
    gateway = open_gateway(home)
    found = Round(as_json=as_json)
    try:
        with found.showing():
            for name in [partner] if partner else _partners(gateway):
                one = Reconciler(gateway, name, dry=dry, permit=permit)
                _ask(one, found, dossiers, since)
    finally:  # a partner that does not answer any more takes nothing back of what it said
        found.close()
    sys.exit(130 if found.stopped else int(found.differing > 0 or bool(found.unanswered)))


def _ask(one: Reconciler, found: Round, dossiers: Sequence[str], since: datetime | None) -> None:
    from gateway.canonical.scalars import HANOI
    from gateway.flow.counting import can_count, compare_days

    moved = since.replace(tzinfo=HANOI) if since else None
    total = len(dossiers) or one.count(moved)
    found.hear(one.partner, one.ask_all(dossiers, moved), total, one.rules.rate)
    if can_count(one) and not dossiers:
        today = one.gateway.now().astimezone(HANOI).date()
        begin = since.date() if since else today - timedelta(days=one.rules.days)
        days = [answer for answer in compare_days(one, begin, today) if answer.dossier not in found.known]
        found.hear(f"{one.partner}, theo ngày · by day", days, len(days))


def _partners(gateway: Gateway) -> list[str]:
    from gateway.flow.reconcile import can_tell

    return [name for name in gateway.config.partners if can_tell(gateway, name)]


@reconcile.command("list", epilog="Ví dụ · Example:  lienthong reconcile list portal")
@click.argument("partner", metavar="[ĐỐI_TÁC]", required=False)
@at_home
@click.option("--all", "ended", is_flag=True, help="Cả chênh lệch đã hết · those that have ended, too.")
@at_most
@as_json
def list_(partner: str | None, home: Path, ended: bool, limit: int, as_json: bool) -> None:
    """Liệt kê chênh lệch, cũ nhất trước.

    List the differences, oldest first: what was told, what the partner says, and what is done about it.
    """
    from gateway.cli.show import mapping, print_json, table
    from gateway.dossiers.differences import KINDS, STATES
    from gateway.ledger import reconciling as ledger

    with open_books(home).read() as connection:
        rows = ledger.listed(connection, system=partner, ended=ended, limit=limit)
    if as_json:
        print_json([{**mapping(row), "plan": json.loads(row.plan)} for row in rows])
        return
    table(
        "Chênh lệch · Differences",
        ("#Số", "Đối tác", "!Hồ sơ", "Đã báo", "Họ nói", "Nghĩa là", "!Từ lúc", "Trạng thái"),
        [
            (
                r.id,
                r.system,
                r.dossier,
                r.told,
                r.theirs,
                " · ".join(KINDS[r.kind]),
                r.found_at,
                " · ".join(STATES[r.state]),
            )
            for r in rows
        ],
        caption="Tiếp theo · next: lienthong reconcile show | approve | decline SỐ" if rows else None,
    )


@reconcile.command(epilog="Ví dụ · Example:  lienthong reconcile show 3")
@the_number
@at_home
@as_json
def show(number: int, home: Path, as_json: bool) -> None:
    """Xem một chênh lệch: bằng chứng, và sẽ chữa bằng gì.

    Show one difference: the partner's answer, and the messages that would heal it, in order. Personal data is covered.
    """
    from gateway.cli.looking import mask_of
    from gateway.cli.show import console, mapping, print_json, table, when
    from gateway.dossiers.differences import KINDS, STATES
    from gateway.ledger import reconciling as ledger

    books = open_books(home)
    with books.read() as connection:
        row = ledger.one(connection, number)
    mask, plan = mask_of(books, row.dossier), json.loads(row.plan)
    if as_json:
        print_json({**mapping(row, "answer"), "answer": mask.text(row.answer or ""), "plan": plan})
        return
    out = console()
    out.print(f"[bold]{number}[/]  {row.system}  {row.dossier}   {' · '.join(STATES[row.state])}")
    out.print(" · ".join(KINDS[row.kind]), markup=False)
    words = f"đã báo · told {row.told or '–'}, đối tác nói · it says {row.theirs or '–'} ({when(row.asked_at)}), {row.seen}×"
    out.print(words, markup=False)
    out.print(mask.text(row.answer or ""), markup=False)
    table(
        "Sẽ chữa bằng · Would be healed by",
        ("!Báo lại bản tin", "Tài liệu", "Theo", "Hồ sơ"),
        [
            (
                one["of"], ", ".join(one["documents"] or ["–"]), "hiện tại · as of now" if one["present"] else "lúc đó · as of then",
                "tạo lại · made anew" if one["anew"] else None,
            )
            for one in plan
        ],
    )  # fmt: skip


@reconcile.command(epilog='Ví dụ · Example:  lienthong reconcile approve 3 --reason "một cửa xác nhận"')
@click.argument("numbers", type=int, nargs=-1, required=True, metavar="SỐ…")
@at_home
@answerable
def approve(numbers: Sequence[int], home: Path, who: str, reason: str) -> None:
    """Duyệt: hỏi lại một lần nữa rồi chữa.

    Approve: the partner is asked once more, and if it is still so the difference is healed.
    """
    _decide("approved", numbers, home, who, reason)


@reconcile.command(epilog='Ví dụ · Example:  lienthong reconcile decline 3 --reason "Cổng đang tự sửa"')
@click.argument("numbers", type=int, nargs=-1, required=True, metavar="SỐ…")
@at_home
@answerable
def decline(numbers: Sequence[int], home: Path, who: str, reason: str) -> None:
    """Để nguyên chênh lệch này, cho đến khi nó thay đổi.

    Leave it as it is, until it changes.
    """
    _decide("declined", numbers, home, who, reason)


def _decide(decision: str, numbers: Sequence[int], home: Path, who: str, reason: str) -> None:
    from gateway.dossiers.differences import STATES
    from gateway.flow.reconcile import decide

    gateway = open_gateway(home)
    for number in numbers:
        row = decide(gateway, number, decision, who=who, reason=reason)
        click.echo(f"{number} {row.system} {row.dossier}: {' · '.join(STATES[decision])}")


@reconcile.command(epilog="Ví dụ · Example:  lienthong reconcile minutes portal --day 2026-01-05")
@the_partner
@at_home
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="Ngày (mặc định: hôm qua) · the day (default: yesterday)."
)
def minutes(partner: str, home: Path, day: datetime | None) -> None:
    """Lập biên bản đối soát của một ngày: JSON, CSV và PDF, có ký.

    Write a day's minutes, as JSON, CSV and PDF, signed; the clock does so each night. The PDF is to be printed and signed by hand.
    """
    from gateway.canonical.scalars import HANOI
    from gateway.errors import Misconfigured
    from gateway.flow.minutes import write_minutes

    gateway = open_gateway(home)
    if partner not in gateway.config.partners:
        known = ", ".join(gateway.config.partners)
        raise Misconfigured(f"không có đối tác · no partner {partner!r}; có · known: {known}")
    wanted: date = day.date() if day else gateway.now().astimezone(HANOI).date() - timedelta(days=1)
    file = write_minutes(gateway, partner, wanted)
    for one in (file, file.with_suffix(".csv"), file.with_suffix(".pdf")):
        click.echo(f"{one}: đã lập và ký · written and signed")


@reconcile.command(epilog="Ví dụ · Example:  lienthong reconcile verify data/minutes/portal/2026-01-05.json")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="TỆP")
@at_home
def verify(file: Path, home: Path) -> None:
    """Biên bản có còn nguyên như lúc ký không.

    Are the minutes as they were signed? Exit code 1 when they are not.
    """
    from gateway.flow.minutes import check_minutes

    gateway = open_gateway(home)
    changed = check_minutes(gateway, file)
    click.echo(f"đã bị sửa · changed: {', '.join(changed)}" if changed else "nguyên vẹn · as it was signed")
    sys.exit(int(bool(changed)))
