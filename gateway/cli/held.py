"""`lienthong held`: messages that were kept and moved nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, at_most, open_books

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
@at_most
@as_json
def list_(home: Path, dossier: str | None, limit: int, as_json: bool) -> None:
    """Liệt kê, mới nhất trước, và vì sao bị giữ.

    List them, newest first, and why each was held.
    """
    from gateway.cli.show import print_json

    rows = held_rows(open_books(home), dossier, limit)
    print_json(rows) if as_json else show_held(rows)


def held_rows(ledger: Ledger, dossier: str | None, limit: int) -> list[dict[str, Any]]:
    """The held messages with the words of their reason; what could not be read, with its faults."""
    from gateway.cli.show import mapping
    from gateway.dossiers.algebra import HELD
    from gateway.ledger import people

    with ledger.read() as connection:
        rows = people.held(connection, dossier=dossier, limit=limit)
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
        ("!Hồ sơ", "!Bản tin", "!Từ", "!Xảy ra, nhận lúc", "Vì sao"),
        [
            (
                row["dossier"] or None,
                row["type"] + (f" {row['status']}" if row["status"] else ""),
                row["source"],
                f"{when(row['event_time'])}\n{when(row['received_time'])}",
                "\n".join([row["why"], row["why_en"], *(f"{f['pointer']}: {f['detail']}" for f in row["faults"])]),
            )
            for row in rows
        ],
    )
