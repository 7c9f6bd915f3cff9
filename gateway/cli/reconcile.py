"""`lienthong reconcile`: what partners say of our dossiers, what differs, what is done about it."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.moments import Day
from gateway.cli.options import answerable, as_json, at_home, at_most, open_books, open_gateway, read_config

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
    type=Day(),
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
    since: date | None,
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
    _must_be_known(gateway, (*dossiers, *confirmed))
    found = Round(as_json=as_json)
    try:
        with found.showing():
            for name in [partner] if partner else _partners(gateway):
                one = Reconciler(gateway, name, dry=dry, permit=permit)
                _ask(one, found, dossiers, since)
    except Exception:  # a partner that does not answer any more takes nothing back of what it said
        if found.count or found.unanswered:
            found.close()
        raise
    found.close()
    silent = _say_silent(found, dossiers)
    sys.exit(130 if found.stopped else int(found.differing > 0 or bool(found.unanswered) or silent))


def _must_be_known(gateway: Gateway, codes: Sequence[str]) -> None:
    """A code that was mistyped must not pass for one of which all is well. Raises `NotFound`."""
    from gateway.errors import Fault, NotFound
    from gateway.ledger import reconciling as ledger

    with gateway.ledger.read() as connection:
        unknown = [code for code in codes if ledger.status_of(connection, code) is None]
    if unknown:
        faults = [
            Fault("", "unknown-dossier", f"cổng không có hồ sơ {code}", f"the gateway knows no dossier {code}")
            for code in unknown
        ]
        raise NotFound(faults)


def _say_silent(found: Round, dossiers: Sequence[str]) -> bool:
    """Were some of the dossiers that a person named asked about nowhere?"""
    left = [] if found.stopped else [code for code in dossiers if code not in found.answered]
    for code in left:
        words = "không hỏi được: chưa đối tác nào nhận gì của hồ sơ này, hoặc đang có bản tin trên đường"
        click.echo(f"{code}: {words} · not asked: nothing of it was taken, or something is under way", err=True)
    return bool(left)


def _ask(one: Reconciler, found: Round, dossiers: Sequence[str], since: date | None) -> None:
    from gateway.canonical.scalars import HANOI
    from gateway.flow.counting import can_count, compare_days

    moved = datetime.combine(since, time(), HANOI) if since else None
    total = len(dossiers) or one.count(moved)
    found.hear(one.partner, one.ask_all(dossiers, moved), total, one.rules.rate)
    if can_count(one) and not dossiers:
        today = one.gateway.now().astimezone(HANOI).date()
        begin = since or today - timedelta(days=one.rules.days)
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
    from gateway.cli.show import mapping, print_json
    from gateway.ledger import reconciling as ledger

    known = read_config(home).partners
    if partner and partner not in known:
        words = f"không có đối tác · no partner {partner!r}; có · known: {', '.join(known)}"
        raise click.BadParameter(words, param_hint="ĐỐI_TÁC")
    with open_books(home).read() as connection:
        rows = ledger.listed(connection, system=partner, ended=ended, limit=limit)
    if as_json:
        print_json([{**mapping(row), "plan": json.loads(row.plan)} for row in rows])
        return
    _show_list(rows)


def _show_list(rows: Sequence[Any]) -> None:
    from gateway.cli.show import table, when
    from gateway.dossiers.differences import KINDS, STATES

    table(
        "Chênh lệch · Differences",
        ("#Số", "!Hồ sơ, đối tác", "#Đã báo", "Họ nói", "Nghĩa là", "!Từ lúc, đang làm gì"),
        [
            (
                r.id,
                f"{r.dossier}\n{r.system}",
                r.told,
                r.theirs,
                "\n".join(KINDS[r.kind]),
                "\n".join((when(r.found_at), *STATES[r.state])),
            )
            for r in rows
        ],
        caption="Tiếp theo · next: lienthong reconcile show SỐ" if rows else None,
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
    from gateway.cli.show import mapping, print_json
    from gateway.ledger import reconciling as ledger

    books = open_books(home)
    with books.read() as connection:
        row = ledger.one(connection, number)
    mask, plan = mask_of(books, row.dossier), json.loads(row.plan)
    if as_json:
        print_json({**mapping(row, "answer"), "answer": mask.text(row.answer or ""), "plan": plan})
        return
    _show_one(row, mask.text(row.answer or ""))
    if plan and row.state != "gone":
        _show_plan(row, plan)
    if row.ended_at is None:
        _show_next(row, cure=bool(plan))


def _show_one(row: Any, answer: str) -> None:
    """What differed, from when until when; and the partner's newest answer, which may be another one by now."""
    from gateway.cli.show import console, when
    from gateway.dossiers.differences import KINDS, STATES

    out = console()
    out.print(f"[bold]{row.id}[/]  {row.system}  {row.dossier}   {' · '.join(STATES[row.state])}")
    out.print(" · ".join(KINDS[row.kind]), markup=False)
    says, told = ("đối tác đã nói · it said" if row.ended_at else "đối tác nói · it says"), row.told or "–"
    times = f"{row.seen} lần liền · times in a row" if row.seen > 1 else "1 lần · once"
    out.print(f"đã báo · told {told}, {says} {row.theirs or '–'} ({times})", markup=False)
    ended = f", hết · ended {when(row.ended_at)}" if row.ended_at else ""
    out.print(f"phát hiện · found {when(row.found_at)}{ended}", markup=False)
    if row.asked_at is not None:
        out.print(f"\ntrả lời mới nhất · its newest answer ({when(row.asked_at)}):", markup=False)
        out.print(_laid_out(answer) or "–", markup=False)


def _laid_out(answer: str) -> str:
    """JSON with a field a line; anything else, and JSON that was cut off, as it came."""
    try:
        return json.dumps(json.loads(answer), ensure_ascii=False, indent=1)
    except ValueError:
        return answer


def _show_plan(row: Any, plan: Sequence[Mapping[str, Any]]) -> None:
    from gateway.cli.show import table

    table(
        "Đã chữa bằng · Was healed by" if row.ended_at else "Sẽ chữa bằng · Would be healed by",
        ("!Báo lại bản tin", "Tài liệu", "Theo", "Hồ sơ"),
        [
            (
                one["of"], ", ".join(one["documents"] or ["–"]), "hiện tại · as of now" if one["present"] else "lúc đó · as of then",
                "tạo lại · made anew" if one["anew"] else None,
            )
            for one in plan
        ],
    )  # fmt: skip


def _show_next(row: Any, *, cure: bool) -> None:
    """What a person can do about it; where nothing heals it, that at once, and why."""
    from gateway.cli.show import console
    from gateway.dossiers.differences import no_cure

    out, number = console(), row.id
    if row.state == "healing":
        return
    if cure:
        words = f"Tiếp theo · next: lienthong reconcile approve | decline {number} --reason …"
    else:
        vietnamese, english = no_cure(row.kind)
        out.print(f"\n{vietnamese}\n{english}", markup=False)
        words = f"Để nguyên, không hỏi lại · leave it, and ask no more: lienthong reconcile decline {number} --reason …"
    out.print(words, markup=False)


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
@click.option("--day", type=Day(), help="Ngày, như 2026-01-05 (mặc định: hôm qua) · the day (default: yesterday).")
@click.option(
    "--again", is_flag=True, help="Lập lại biên bản đã ký, giữ bản cũ bên cạnh · signed ones anew; the former are kept."
)
def minutes(partner: str, home: Path, day: date | None, again: bool) -> None:
    """Lập biên bản đối soát của một ngày: JSON, CSV và PDF, có ký.

    Write a day's minutes, as JSON, CSV and PDF, signed; the clock does so at noon of the next day, when the night is over. Before that they are
    provisional, and not signed. The PDF is to be printed and signed by hand.
    """
    from gateway.canonical.scalars import HANOI
    from gateway.flow.minutes import PROVISIONAL, write_minutes

    gateway = open_gateway(home)
    wanted = day or gateway.now().astimezone(HANOI).date() - timedelta(days=1)
    file = write_minutes(gateway, partner, wanted, again=again)
    signed = PROVISIONAL not in file.name
    words = "đã lập và ký · written and signed" if signed else "tạm lập, chưa ký · provisional, not signed"
    for one in (file, file.with_suffix(".csv"), file.with_suffix(".pdf")):
        click.echo(f"{one}: {words}")


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
