"""`lienthong doubts`: deliveries of which nobody knows yet whether they arrived."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import answerable, as_json, at_home, at_most, open_books, open_gateway

SAID = {
    "arrived": "đối tác đã có; làn đi tiếp · the partner has it; the lane goes on",
    "resend": "sẽ được gửi lại, không hỏi nữa · will be sent again, and not asked about",
    "discard": "đã bỏ; làn đi tiếp · discarded; the lane goes on",
}
KINDS = {
    "send": "gửi · sent",
    "ask": "hỏi · asked",
    "told": "theo lời người xử lý · on a person's word",
}
"""What an attempt was, for people."""
OUTCOMES = {
    "delivered": "đã nhận · delivered",
    "try_later": "chưa gửi được, thử lại · not done, tried again",
    "ask_first": "chưa rõ · in doubt",
    "rejected": "bị từ chối · refused",
    "unclassified": "câu trả lời lạ · an answer no rule knows",
    "duplicate": "đã có từ trước · had it before",
    "told": "đối tác đã có · the partner has it",
}
"""How one ended, for people."""
numbers = click.argument("deliveries", type=int, nargs=-1, required=True, metavar="SỐ…")


@click.group(epilog="Ví dụ · Example:  lienthong doubts list --destination portal")
def doubts() -> None:
    """Các lượt gửi chưa rõ kết quả.

    Deliveries in doubt: a call may or may not have been done. The partner is asked by itself, again and again; a person may have it asked
    now, or decide where it can tell nobody.
    """


@doubts.command("list", epilog="Ví dụ · Example:  lienthong doubts list --json")
@at_home
@click.option("--destination", metavar="ĐÍCH", help="Chỉ đích này · this destination only.")
@click.option("--dossier", metavar="MÃ HỒ SƠ", help="Chỉ hồ sơ này · this dossier only.")
@at_most
@as_json
def list_(home: Path, destination: str | None, dossier: str | None, limit: int, as_json: bool) -> None:
    """Liệt kê, cũ nhất trước: đã hỏi gì, đối tác nói gì, bao giờ hỏi tiếp.

    List them, oldest first: what is in doubt and why, what was asked and answered last, and when the next question comes.
    """
    from gateway.cli.looking import mask_of
    from gateway.cli.show import TYPES, mapping, print_json, table
    from gateway.ledger import doubts as ledger
    from gateway.message import utc_now

    books = open_books(home)
    with books.read() as connection:
        rows = ledger.doubts(connection, destination=destination, dossier=dossier, limit=limit)
    masks = {row.dossier: mask_of(books, row.dossier) for row in rows}
    if as_json:
        without = ("answer", "open_attempt", "message_seq", "lease_until", "probe_at", "next_at")
        print_json([masks[row.dossier].inside({**mapping(row, *without), **_next(row, utc_now())}) for row in rows])
        return
    table(
        "Chưa rõ kết quả · In doubt",
        ("#Số", "!Hồ sơ, bản tin, đích", "Vì sao chưa rõ", "#Đã hỏi", "Trả lời cuối", "Hỏi tiếp", "#Đợi sau nó"),
        [
            (
                r.id, f"{r.dossier}\n{TYPES[r.type]} · {r.type}\n→ {r.destination}", masks[r.dossier].text(r.doubt or r.reason or "–"), r.asks,
                masks[r.dossier].text((r.answer or (r.said if r.kind == "ask" else None) or "–")[:200]), _words(r, utc_now()), r.behind,
            )
            for r in rows
        ],
        caption="Tiếp theo · next: lienthong doubts show | ask | arrived | resend | discard SỐ" if rows else None,
    )  # fmt: skip


def _next(row: Any, now: datetime) -> dict[str, Any]:
    """When the partner is asked next; `asking` while it is being asked."""
    asking = row.lease_until is not None and row.lease_until > now
    away = row.probe_at is not None and row.probe_at > row.next_at
    return {"asking": asking, "next_at": None if row.ahead else row.probe_at if away else row.next_at}


def _words(row: Any, now: datetime) -> str:
    from gateway.cli.show import when

    told = _next(row, now)
    if told["asking"]:
        return "đang hỏi · being asked"
    return when(told["next_at"]) if told["next_at"] else "sau lượt đứng trước · after the one before it"


@doubts.command(epilog="Ví dụ · Example:  lienthong doubts show 17")
@click.argument("delivery", type=int, metavar="SỐ")
@at_home
@as_json
def show(delivery: int, home: Path, as_json: bool) -> None:
    """Mọi lần gửi và hỏi của một lượt gửi.

    Every attempt of one delivery, what was sent and what was asked, with the answers. Personal data is covered.
    """
    from gateway.cli.looking import mask_of
    from gateway.cli.show import mapping, print_json, table
    from gateway.ledger import people

    books = open_books(home)
    with books.read() as connection:
        dossier, tried = people.dossier_of(connection, delivery), people.attempts_of(connection, delivery)
    mask = mask_of(books, dossier)
    if as_json:
        print_json([mask.inside(mapping(a, "fence", "worker")) for a in tried])
        return
    rows = [
        (
            a.started_at,
            KINDS.get(a.kind, a.kind),
            OUTCOMES.get(a.outcome, a.outcome),
            a.code,
            mask.text(a.reason or ""),
            mask.text(a.answer or ""),
        )
        for a in tried
    ]
    table(f"{dossier}: các lần thử · attempts", ("!Lúc", "Làm gì", "Kết quả", "Mã", "Vì sao", "Trả lời"), rows)


@doubts.command(epilog='Ví dụ · Example:  lienthong doubts ask 17 --reason "đối tác báo đã sửa xong"')
@numbers
@at_home
@answerable
def ask(deliveries: Sequence[int], home: Path, who: str, reason: str) -> None:
    """Hỏi đối tác ngay, không đợi đến hẹn.

    Have the partner asked now, however long the pause was to be.
    """
    from gateway.ledger import doubts as ledger

    gateway = open_gateway(home)
    for delivery in deliveries:
        with gateway.ledger.write() as connection:
            to = ledger.ask_now(connection, delivery, who=who, reason=reason, now=gateway.now())
        gateway.channel.ring(to)
        click.echo(f"{delivery} → {to}: sẽ được hỏi ngay · will be asked now")


@doubts.command(epilog='Ví dụ · Example:  lienthong doubts arrived 17 --reason "bưu điện xác nhận qua điện thoại"')
@numbers
@at_home
@answerable
def arrived(deliveries: Sequence[int], home: Path, who: str, reason: str) -> None:
    """Đối tác đã có: người xử lý đã hỏi và biết chắc.

    The partner has it: a person asked, and knows. It counts as delivered on that person's word.
    """
    _decide("arrived", deliveries, home, who, reason)


@doubts.command(epilog='Ví dụ · Example:  lienthong doubts resend 17 --reason "đối tác xác nhận chưa nhận"')
@numbers
@at_home
@answerable
def resend(deliveries: Sequence[int], home: Path, who: str, reason: str) -> None:
    """Chắc chắn đối tác chưa có: gửi lại, không hỏi nữa.

    The partner surely does not have it: send it again without asking.
    """
    _decide("resend", deliveries, home, who, reason)


@doubts.command(epilog='Ví dụ · Example:  lienthong doubts discard 17 --reason "hồ sơ nhập thử"')
@numbers
@at_home
@answerable
def discard(deliveries: Sequence[int], home: Path, who: str, reason: str) -> None:
    """Bỏ lượt gửi, dù đối tác đã nhận hay chưa.

    Give it up, whether it arrived or not. The message stays in the ledger.
    """
    _decide("discard", deliveries, home, who, reason)


def _decide(decision: str, deliveries: Sequence[int], home: Path, who: str, reason: str) -> None:
    from gateway.ledger import doubts as ledger

    gateway = open_gateway(home)
    for delivery in deliveries:
        with gateway.ledger.write() as connection:
            to = ledger.decide(connection, delivery, decision, who=who, reason=reason, now=gateway.now())
        gateway.channel.ring(to)
        click.echo(f"{delivery} → {to}: {SAID[decision]}")
