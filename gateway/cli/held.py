"""`lienthong held`: messages that were kept and moved nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.moments import Moment
from gateway.cli.options import answerable, as_json, at_home, at_most, open_books, open_gateway

if TYPE_CHECKING:
    from gateway.ledger import Ledger


@click.group(epilog="Ví dụ · Example:  lienthong held list")
def held() -> None:
    """Các bản tin bị giữ: đến muộn, trái quy trình, không đọc được.

    Messages that were kept and moved nothing: late, not lawful, unreadable. They are never forwarded and never lost.
    """


@held.command("list", epilog="Ví dụ · Example:  lienthong held list --dossier 000.00.01.H99-260105-0001")
@at_home
@click.option("--dossier", metavar="MÃ HỒ SƠ", help="Chỉ hồ sơ này · this dossier only.")
@click.option("--all", "ruled", is_flag=True, help="Cả bản tin đã quyết định · those decided on, too.")
@at_most
@as_json
def list_(home: Path, dossier: str | None, ruled: bool, limit: int, as_json: bool) -> None:
    """Liệt kê, mới nhất trước, và vì sao bị giữ.

    List them, newest first, and why each was held.
    """
    from gateway.cli.show import print_json

    rows = held_rows(open_books(home), dossier, limit, ruled=ruled)
    print_json(rows) if as_json else show_held(rows)


@held.command(epilog='Ví dụ · Example:  lienthong held apply 019b8d… --reason "đã bổ sung bước còn thiếu"')
@click.argument("message", metavar="MÃ_BẢN_TIN")
@at_home
@click.option(
    "--at",
    type=Moment(),
    help="Thực sự xảy ra lúc nào, khi giờ của bản tin sai, kèm +07:00 · when it really happened, where its own time is wrong.",
)
@answerable
def apply(message: str, home: Path, at: datetime | None, who: str, reason: str) -> None:
    """Áp dụng một bản tin bị giữ, nếu nay đã hợp lệ.

    Take it up: a further message of the same content goes the ordinary way. What is not lawful today is held still, and nothing is stored.
    """
    from gateway.flow import release

    gateway = open_gateway(home)
    made = release.apply(gateway, message, who=who, reason=reason, at=at)
    click.echo(f"{message}: đã áp dụng · applied as {made.id} → {', '.join(made.destinations) or '–'}")


@held.command(epilog='Ví dụ · Example:  lienthong held discard 019b8d… --reason "gửi nhầm hồ sơ"')
@click.argument("messages", nargs=-1, required=True, metavar="MÃ_BẢN_TIN…")
@at_home
@answerable
def discard(messages: Sequence[str], home: Path, who: str, reason: str) -> None:
    """Bỏ qua bản tin bị giữ; vẫn lưu trong sổ.

    Leave it be: it is listed no longer, and stays in the ledger and in the dossier's history.
    """
    from gateway.flow import release

    gateway = open_gateway(home)
    for message in messages:
        release.discard(gateway, message, who=who, reason=reason)
        click.echo(f"{message}: đã bỏ qua · discarded")


@held.command(epilog='Ví dụ · Example:  lienthong held ask 019b8d… --reason "trạng thái trái quy trình"')
@click.argument("message", metavar="MÃ_BẢN_TIN")
@at_home
@answerable
@as_json
def ask(message: str, home: Path, who: str, reason: str, as_json: bool) -> None:
    """Hỏi chính đối tác đã gửi: hồ sơ đang ở đâu.

    Ask the partner that sent it how the dossier stands there now. It changes nothing here; then apply or discard.
    """
    from gateway.cli.asking import Round
    from gateway.errors import Misconfigured
    from gateway.flow.reconcile import Reconciler
    from gateway.ledger import rulings
    from gateway.ledger.facts import note_act

    gateway = open_gateway(home)
    with gateway.ledger.read() as connection:
        row = rulings.held_one(connection, message)
    asked = Reconciler(gateway, row.source, dry=True).ask(row.dossier)
    if asked is None:
        words = f"{row.source}: chưa nhận gì của hồ sơ này, hoặc đang có bản tin trên đường: không có gì để hỏi"
        raise Misconfigured(
            f"{words} · it took nothing of this dossier, or something is under way: there is nothing to ask"
        )
    with gateway.ledger.write() as connection:
        note_act(connection, at=gateway.now(), who=who, act="ask", subject=f"message {message}", reason=reason)
    told = Round(as_json=as_json)
    told.hear(row.source, [asked], 1)
    told.close()


def held_rows(ledger: Ledger, dossier: str | None, limit: int, *, ruled: bool = False) -> list[dict[str, Any]]:
    """The held messages with the words of their reason; what could not be read, with its faults."""
    from gateway.cli.show import mapping
    from gateway.dossiers.algebra import HELD
    from gateway.ledger import people

    with ledger.read() as connection:
        rows = people.held(connection, dossier=dossier, ruled=ruled, limit=limit)
    found = []
    for row in rows:
        body = json.loads(row.body)
        words, words_en = HELD.get(row.held, (row.held, row.held))
        more = {"status": body.get("status"), "faults": body.get("faults", [])}
        found.append({**mapping(row, "body"), "why": words, "why_en": words_en, **more})
    return found


def show_held(rows: Sequence[dict[str, Any]]) -> None:
    from gateway.cli.show import table, when

    table(
        "Bị giữ · Held",
        ("!Hồ sơ", "!Bản tin", "!Từ", "!Xảy ra, nhận lúc", "Vì sao, đã quyết định gì"),
        [
            (
                row["dossier"] or None,
                row["type"] + (f" {row['status']}" if row["status"] else "") + f"\n{row['id']}",
                row["source"],
                f"{when(row['event_time'])}\n{when(row['received_time'])}",
                "\n".join(
                    [
                        row["why"],
                        row["why_en"],
                        *(f"{f['pointer']}: {f['detail']}" for f in row["faults"]),
                        *_ruled(row),
                    ]
                ),
            )
            for row in rows
        ],
        caption="Tiếp theo · next: lienthong held apply | discard | ask MÃ_BẢN_TIN" if rows else None,
    )


def _ruled(row: dict[str, Any]) -> list[str]:
    """What was decided on it, and by whom."""
    if row["ruling"] is None:
        return []
    words = "đã áp dụng · applied" if row["ruling"] == "applied" else "đã bỏ qua · discarded"
    return [f"{words}: {row['who']}: {row['reason']}"]
