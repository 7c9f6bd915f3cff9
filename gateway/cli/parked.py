"""`lienthong parked`: deliveries that wait for a person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import answerable, as_json, at_home, at_most, open_books, open_gateway, read_config
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.cli.masking import Mask
    from gateway.flow.gateway import Gateway


@click.group(epilog="Ví dụ · Example:  lienthong parked list --destination portal")
def parked() -> None:
    """Các lượt gửi đang chờ người xử lý.

    Deliveries that wait for a person: a partner refused them, gave an answer that no rule knows, or never said whether it had them.
    The lane of a parked delivery waits with it.
    """


@parked.command("list", epilog="Ví dụ · Example:  lienthong parked list --json")
@at_home
@click.option("--destination", metavar="ĐÍCH", help="Chỉ đích này · this destination only.")
@click.option("--dossier", metavar="MÃ HỒ SƠ", help="Chỉ hồ sơ này · this dossier only.")
@click.option("--held", "also_held", is_flag=True, help="Cả bản tin bị giữ · held messages too.")
@at_most
@as_json
def list_(home: Path, destination: str | None, dossier: str | None, also_held: bool, limit: int, as_json: bool) -> None:
    """Liệt kê, cũ nhất trước.

    List them, oldest first: what, why, and how many of the same dossier wait behind.
    """
    from gateway.cli.held import held_rows, show_held
    from gateway.cli.show import mapping, print_json, table
    from gateway.ledger import people

    ledger = open_books(home)
    with ledger.read() as connection:
        rows = people.parked(connection, destination=destination, dossier=dossier, limit=limit)
    held = held_rows(ledger, dossier, limit) if also_held else []
    replicas = read_config(home).replicas
    if as_json:
        found = [
            {**mapping(row, "answer", "steps", "edited", "seq"), "copy": row.destination in replicas} for row in rows
        ]
        print_json({"parked": found, "held": held} if also_held else found)
        return
    kinds = [("Chờ người xử lý · Parked", [r for r in rows if r.destination not in replicas])]
    if copies := [r for r in rows if r.destination in replicas]:
        kinds.append(("Bản sao để so sánh, không ảnh hưởng hồ sơ · Copies for comparison", copies))
    for title, some in kinds:
        table(
            title,
            ("#Số", "!Hồ sơ", "Đích", "Bản tin", "Mã", "Vì sao", "Từ lúc", "#Sau"),
            [(r.id, r.dossier, r.destination, r.type, r.code, r.reason, r.parked_at, r.behind) for r in some],
            caption="Tiếp theo · next: lienthong parked show SỐ" if some else None,
        )
    if also_held:
        show_held(held)


@parked.command(
    epilog='Ví dụ · Example:  lienthong parked show 17   ·   lienthong parked show 17 --show --reason "đối chiếu đơn"'
)
@click.argument("delivery", type=int, metavar="SỐ")
@at_home
@click.option("--show", "uncover", is_flag=True, help="Hiện dữ liệu cá nhân; cần --reason · show personal data.")
@click.option("--reason", metavar="LÝ DO", help="Vì sao phải xem; được ghi lại · why; it is recorded.")
@click.option("--who", envvar="LIENTHONG_WHO", metavar="TÊN", help="Ai xem · who looks.")
def show(delivery: int, home: Path, uncover: bool, reason: str | None, who: str | None) -> None:
    """Xem một lượt gửi: vì sao, những lần đã thử, và sẽ gửi gì.

    Show one delivery: why it waits, every attempt with the partner's answer, and the documents that would be sent.
    """
    from gateway.cli.looking import allow_look, mask_of
    from gateway.cli.show import console, table
    from gateway.ledger import people

    gateway = open_gateway(home)
    with gateway.ledger.read() as connection:
        row = people.parked_one(connection, delivery)
        tried = people.attempts_of(connection, delivery)
    allow_look(gateway.ledger, row.message, uncover=uncover, reason=reason, who=who, now=gateway.now())
    mask = mask_of(gateway.ledger, row.dossier, off=uncover)
    out = console()
    out.print(f"[bold]{delivery}[/]  {row.dossier} → {row.destination}   {row.type}  {row.message}")
    out.print(f"Vì sao · why: {mask.text(row.reason or '')} [{row.code or '–'}]", markup=False)
    table(
        "Các lần thử · Attempts",
        ("Lúc", "Làm gì", "Kết quả", "Mã", "Vì sao", "Trả lời"),
        [
            (a.started_at, a.kind, a.outcome, a.code, mask.text(a.reason or ""), mask.text(a.answer or ""))
            for a in tried
        ],
    )
    _print_documents(gateway, row, mask)
    out.print(
        "Làm gì · what to do: lienthong parked retry | arrived | edit | discard " + f'{delivery} --reason "…"',
        markup=False,
    )


@parked.command(epilog='Ví dụ · Example:  lienthong parked retry 17 --reason "Cổng đã nạp thủ tục mới"')
@click.argument("deliveries", type=int, nargs=-1, required=True, metavar="SỐ…")
@at_home
@click.option(
    "--absent",
    is_flag=True,
    help="Đã hỏi đối tác: chắc chắn chưa có; gửi mà không hỏi nữa · the partner surely does not have it: do not ask.",
)
@answerable
def retry(deliveries: Sequence[int], home: Path, absent: bool, who: str, reason: str) -> None:
    """Gửi lại như cũ, khi nguyên nhân đã được khắc phục.

    Send them again as they are, when what was wrong has been mended elsewhere. A partner that may have it already is asked first;
    where it cannot tell the gateway, ask its people, then say --absent, or `lienthong parked arrived`.
    """
    from gateway.ledger import people

    gateway = open_gateway(home)
    for delivery in deliveries:
        with gateway.ledger.write() as connection:
            to = people.retry(connection, delivery, who=who, reason=reason, now=gateway.now(), absent=absent)
        _ring(gateway, delivery, to, "sẽ được gửi lại · will be sent again")


@parked.command(epilog='Ví dụ · Example:  lienthong parked edit 17 --file sửa.json --reason "tên đơn vị sai"')
@click.argument("delivery", type=int, metavar="SỐ")
@at_home
@click.option(
    "--file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Tài liệu thay thế, JSON; không có thì mở $EDITOR · the documents instead; without it $EDITOR opens.",
)
@answerable
def edit(delivery: int, home: Path, file: Path | None, who: str, reason: str) -> None:
    """Gửi lại với nội dung đã sửa.

    Send it again with other documents: an object with the same names as `parked show` prints. The message itself stays as it came;
    the change is recorded with who and why.
    """
    from gateway.ledger import people

    gateway = open_gateway(home)
    with gateway.ledger.read() as connection:
        row = people.parked_one(connection, delivery)
    before = _documents(gateway, row)
    text = (
        file.read_text(encoding="utf-8")
        if file
        else click.edit(json.dumps(before, ensure_ascii=False, indent=2), extension=".json")
    )
    if text is None:
        click.echo("Không sửa gì; giữ nguyên · nothing was changed")
        return
    after = _checked(text, before, str(file or "$EDITOR"))
    with gateway.ledger.write() as connection:
        to = people.edit(connection, delivery, after, who=who, reason=reason, now=gateway.now())
    _ring(gateway, delivery, to, "sẽ được gửi với nội dung đã sửa · will be sent as edited")


@parked.command(epilog='Ví dụ · Example:  lienthong parked arrived 17 --reason "bưu điện xác nhận qua điện thoại"')
@click.argument("deliveries", type=int, nargs=-1, required=True, metavar="SỐ…")
@at_home
@answerable
def arrived(deliveries: Sequence[int], home: Path, who: str, reason: str) -> None:
    """Đối tác đã có: người xử lý đã hỏi và biết chắc.

    The partner has it: a person asked, and knows. It counts as delivered on that person's word; the lane goes on with the next.
    """
    from gateway.ledger import people

    gateway = open_gateway(home)
    for delivery in deliveries:
        with gateway.ledger.write() as connection:
            to = people.arrived(connection, delivery, who=who, reason=reason, now=gateway.now())
        _ring(gateway, delivery, to, "đối tác đã có; làn đi tiếp · the partner has it; the lane goes on")


@parked.command(epilog='Ví dụ · Example:  lienthong parked discard 17 --reason "hồ sơ nhập thử"')
@click.argument("deliveries", type=int, nargs=-1, required=True, metavar="SỐ…")
@at_home
@answerable
def discard(deliveries: Sequence[int], home: Path, who: str, reason: str) -> None:
    """Bỏ lượt gửi: đích sẽ không nhận bản tin này.

    Give it up: the destination will not get this message, and the lane goes on with the next. The message stays in the ledger.
    """
    from gateway.ledger import people

    gateway = open_gateway(home)
    for delivery in deliveries:
        with gateway.ledger.write() as connection:
            to = people.discard(connection, delivery, who=who, reason=reason, now=gateway.now())
        _ring(gateway, delivery, to, "đã bỏ; làn đi tiếp · discarded; the lane goes on")


def _ring(gateway: Gateway, delivery: int, to: str, words: str) -> None:
    gateway.channel.ring(to)
    click.echo(f"{delivery} → {to}: {words}")


def _documents(gateway: Gateway, row: Any) -> dict[str, Any]:
    """What would be sent: a person's documents if there are any, else the mapping's. Raises `Refused` when it cannot be translated."""
    from gateway.cli.looking import documents_of

    if row.edited:
        edited: dict[str, Any] = json.loads(row.edited)
        return edited
    return documents_of(gateway, row.destination, row.message)


def _print_documents(gateway: Gateway, row: Any, mask: Mask) -> None:
    from gateway.cli.main import tell
    from gateway.errors import Refused

    click.echo("Sẽ gửi · would be sent" + (" (đã sửa tay · edited by hand):" if row.edited else ":"))
    try:
        click.echo(json.dumps(mask.inside(_documents(gateway, row)), ensure_ascii=False, indent=2))
    except Refused as refused:
        click.echo(mask.text(tell(refused) or ""))


def _checked(text: str, before: dict[str, Any], place: str) -> dict[str, Any]:
    try:
        after = json.loads(text)
    except ValueError as error:
        raise Misconfigured(f"{place}: không phải JSON · not JSON: {error}") from error
    if not isinstance(after, dict) or set(after) != set(before):
        raise Misconfigured(
            f"{place}: phải có đúng các tài liệu · must hold exactly the documents: {', '.join(before)}"
        )
    for name, document in before.items():
        if isinstance(document, dict) and not isinstance(after[name], dict):
            raise Misconfigured(f"{place}: {name}: phải là một đối tượng JSON · must be a JSON object")
    return after
