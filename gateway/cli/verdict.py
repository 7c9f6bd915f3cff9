"""How the demo ends: who believes what about each dossier, and whether every book agrees with the ledger."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gateway.cli.books import Book, compare
from gateway.ledger import Ledger, standing
from gateway.ledger.conservation import conserve, count

COLUMNS = (
    ("Hồ sơ · Dossier", 26), ("Thủ tục", 8), ("Cổng tích hợp · Gateway", 24), ("Một cửa", 7), ("Cổng QG", 7), ("Bưu điện", 11),
)  # fmt: skip
NARROW = (("Hồ sơ", 25), ("Sổ cái", 6), ("Một cửa", 7), ("Cổng QG", 7), ("Bưu điện", 8))
"""For a terminal of 80 columns: whole dossier codes, and statuses by their number."""
WIDE = 118
LEGEND = """\
Gửi: bản tin đã đến / phải đến · delivered of all.  Gọi: số lần gọi đối tác · attempts.  Giữ: bản tin bị giữ · held
⚠ hệ thống đó nói khác, bản tin trái quy trình của nó bị giữ lại · that system says otherwise, its message is held
* hồ sơ nộp trên Cổng QG: Cổng nhận bộ mã rút gọn · born on the portal: told back in its reduced codes"""


def show_dossiers(console: Console, ledger: Ledger, books: Mapping[str, Book], words: Mapping[int, str]) -> None:
    """A line per dossier. The portal's and the post's columns are what stands in their own books, not what we think we told them."""
    with ledger.read() as connection:
        rows = standing.every_dossier(connection)
        beliefs = {(b.dossier, b.system): b.status for b in standing.every_belief(connection)}
        deliveries = standing.deliveries_of(connection)
        held = Counter(row.dossier for row in standing.held_messages(connection))
    disorder = compare(ledger, books)
    wide = console.width >= WIDE
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, int(wide), 0, 0), title="Ai tin gì · Who believes what",
                 title_justify="left", title_style="bold")  # fmt: skip
    for name, width in COLUMNS if wide else NARROW:
        made.add_column(name, no_wrap=True, overflow="ellipsis", width=width)
    for name in ("Gửi", "Gọi", "Giữ"):
        made.add_column(name, justify="right", no_wrap=True)
    made.add_column("Thứ tự", no_wrap=True)
    for row in rows:
        mine = [d for d in deliveries if d.dossier == row.code]
        told = (row.procedure[:8], f"{row.status} {words[row.status]}") if wide else (str(row.status),)
        made.add_row(
            row.code, *told, _same(beliefs.get((row.code, "one-stop")), row.status),
            _portal(books["portal"], row), _post(books["vnpost"], row.code), f"{sum(d.state == 'delivered' for d in mine)}/{len(mine)}",
            str(sum(d.tries for d in mine)), str(held[row.code] or ""), _order(row.code, mine, disorder),
        )  # fmt: skip
    console.print(made)
    console.print(LEGEND)


def _portal(book: Book, row: Any) -> Text:
    there = book["dossiers"].get(row.code, {}).get("fields", {}).get("TrangThaiHoSo")
    if row.origin == "portal":
        return Text(f"{there} *")
    return _same(int(there) if there else None, row.status)


def _post(book: Book, code: str) -> str:
    if any(event["OrderNumber"] == code and event["StatusCode"] == 4 for event in book["events"]):
        return "đã phát"
    return "đã nhận đơn" if any(order["OrderNumber"] == code for order in book["orders"]) else ""


def _order(code: str, deliveries: Sequence[Any], disorder: Sequence[str]) -> Text:
    """A tick when all has arrived, and no book tells of this dossier otherwise than the ledger."""
    if any(code in words for words in disorder):
        return Text("✗", style="bold red")
    return Text("✓", style="green") if all(d.state == "delivered" for d in deliveries) else Text("…", style="yellow")


def _same(status: int | None, ours: int) -> Text:
    if status is None:
        return Text("–", style="dim")
    return Text(str(status), style="green") if status == ours else Text(f"{status} ⚠", style="bold yellow")


def judge(
    console: Console, ledger: Ledger, books: Mapping[str, Book], expected: Sequence[tuple[str, str]]
) -> list[str]:
    """The audit: conservation, the books, and the messages that had to be held. What differs; empty when all holds."""
    with ledger.read() as connection:
        broken = [f"{f.wrong} · {f.wrong_en}: {f.count}× {', '.join(f.examples)}" for f in conserve(connection)]
        sums = count(connection)
        held = [(row.source_id, row.held) for row in standing.held_messages(connection)]
    left = [
        f"{sums[state]} lượt gửi · deliveries {state}"
        for state in ("waiting", "in_doubt", "parked", "cancelled")
        if sums[state]
    ]
    strange = [f"giữ lại ngoài dự tính · held unexpectedly: {one}" for one in set(held) - set(expected)]
    strange += [f"lẽ ra phải giữ lại · should have been held: {one}" for one in set(expected) - set(held)]
    differ = compare(ledger, books)
    _say(
        console,
        broken,
        f"Bảo toàn · conservation: lượt gửi đã nhận · accepted {sums['accepted']} = đã gửi · delivered {sums['delivered']}",
    )
    _say(console, left, "Không còn gì dở dang · nothing is left over")
    _say(console, strange, f"Bị giữ đúng như phải giữ · held as they should be: {len(held)}")
    _say(
        console,
        differ,
        "Ba sổ đối tác khớp sổ cái: mỗi bản tin đúng một lần, đúng thứ tự · all books agree: once each, in order",
    )
    return [*broken, *left, *strange, *differ]


def _say(console: Console, wrong: Sequence[str], well: str) -> None:
    if not wrong:
        console.print(Text.assemble(("✓ ", "bold green"), well))
    for one in wrong:
        console.print(Text.assemble(("✗ ", "bold red"), one))
