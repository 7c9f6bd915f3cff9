"""`lienthong trace`: all that is known of one dossier."""

from __future__ import annotations

from dataclasses import asdict
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_books, read_config
from gateway.errors import Fault, NotFound

if TYPE_CHECKING:
    from datetime import datetime

    from rich.text import Text

    from gateway.flow.gateway import Setup
    from gateway.ledger import Ledger


@click.command(epilog="Ví dụ · Example:  lienthong trace 000.00.01.H99-260105-0001")
@click.argument("dossier", metavar="MÃ_HỒ_SƠ")
@click.option("--reckoning", is_flag=True, help="Kèm cách tính thời hạn từng bước · how the deadlines were reckoned.")
@at_home
@as_json
def trace(dossier: str, reckoning: bool, home: Path, as_json: bool) -> None:
    """Toàn bộ diễn biến của một hồ sơ: ai nói gì, ai đã được báo, ai tin gì.

    Everything about one dossier: who said what and when, to whom it went and with what result, what each system believes now, and when it is
    due by each of the three clocks.
    """
    from gateway.cli.deadlines import show_clocks
    from gateway.cli.lint import losses_of, show_losses
    from gateway.cli.show import print_json
    from gateway.flow.gateway import Setup

    config = read_config(home)
    found = gather(open_books(home), dossier, Setup(config))
    if as_json:
        print_json(found)
        return
    names = {row.code: row.name for row in config.statuses.values()}
    _show_dossier(found, names)
    if found["clocks"] is not None:
        show_clocks(found["clocks"], reckoning=reckoning)
    _show_messages(found, names)
    show_losses("Mất điểm theo Bộ chỉ số 766 · Points lost by the national index", losses_of(found["kpi"]))
    _show_acts(found)


def gather(ledger: Ledger, code: str, setup: Setup) -> dict[str, Any]:
    """The dossier, its beliefs, its clocks, and its messages with their deliveries and what people did to them. Raises `NotFound`."""
    from gateway.cli.deadlines import clocks_of
    from gateway.cli.show import mapping
    from gateway.dossiers.axes import as_json, read_axes
    from gateway.dossiers.beliefs import lay_out
    from gateway.ledger import believing, queries, standing
    from gateway.ledger.messages import histories
    from gateway.message import utc_now

    config, now = setup.config, utc_now()
    with ledger.read() as connection:
        row = standing.dossier(connection, code)
        told = queries.messages_of(connection, code)
        statuses = {s.seq: s.status for s in queries.statuses_of(connection, code)}
        if row is None and not told:
            raise NotFound(
                [Fault("", "unknown-dossier", f"cổng không có hồ sơ {code}", f"the gateway knows no dossier {code}")]
            )
        gone = [mapping(d, "steps", "edited") for d in standing.deliveries_of(connection, code=code)]
        gone_of = {seq: list(of) for seq, of in groupby(gone, lambda d: d["message_seq"])}
        history = histories(connection, [code]).get(code, [])
        material = believing.gather(connection, code)
        sources = [held.source for held in queries.held_of(connection, code)]
        sides = lay_out(material, row.status, sources, config, now) if row is not None else []
        acts = standing.acts_on(
            connection, [f"delivery {d['id']}" for d in gone] + [f"message {m.id}" for m in told] + [f"dossier {code}"]
        )
        return {
            "dossier": mapping(row) if row is not None else None,
            "beliefs": [asdict(side) for side in sides],
            "axes": as_json(read_axes(material, row.status, sides, config.postal), config.statuses, config.postal)
            if row is not None
            else None,
            "clocks": clocks_of(history, setup, now) if row is not None else None,
            "messages": [
                {
                    **mapping(m),
                    "status": statuses.get(m.seq),
                    "deliveries": gone_of.get(m.seq, []),
                }
                for m in told
            ],
            "acts": [mapping(a, "detail") for a in acts],
            "kpi": [loss.as_json() for loss in setup.losses(history, now)],
        }


def _show_dossier(found: dict[str, Any], names: dict[int, str]) -> None:
    from gateway.cli.show import console, table, when

    row = found["dossier"]
    if row is not None:
        out = console()
        out.print(
            f"[bold]{row['code']}[/]   {row['status']} {names[row['status']]}   từ · since {when(row['status_time'])}"
        )
        out.print(
            f"thủ tục · procedure {row['procedure']}   đơn vị · unit {row['organisation']}   của · owner {row['owner']}   "
            f"hẹn trả · due {when(row['due_at'])}",
            markup=False,
        )
    table(
        "Ai tin gì · Who believes what",
        ("Hệ thống", "Trạng thái", "Từ lúc, bản tin làm chứng", "Căn cứ", "Tiếp theo"),
        [
            (b["system"], _believed(b, names), _shown(b["since"], b["message"]), _sure(b), _next(b["next"]))
            for b in found["beliefs"]
        ],
    )
    if found["axes"] is not None:
        _show_axes(found["axes"])


def _show_axes(axes: dict[str, Any]) -> None:
    """The axes beside the status: money where there is any, a line per postal order, and who is not in step."""
    from gateway.cli.show import table

    money = axes["financial"]
    rows = (
        [("Tài chính · financial", _money(money), _shown(money["since"], money["message"]))] if money["since"] else []
    )
    for one in axes["postal"]:
        stands = f"{one['name']} · {one['name_en']}"
        rows.append((f"Bưu chính · postal {one['order']}", stands, _shown(one["since"], one["message"])))
        rows += [("", _aside(late), _shown(late["at"], late["message"])) for late in one["aside"]]
    apart = [one for one in axes["synchronisation"] if one["state"] != "in_step"]
    rows += [(f"Đồng bộ · synchronisation {one['system']}", f"{one['name']} · {one['name_en']}", None) for one in apart]
    if rows:
        table("Các trục khác · Other axes", ("Trục", "Đang ở", "Từ lúc, bản tin làm chứng"), rows)


ASIDE = {
    "terminal": "bưu gửi đã kết thúc · it had ended",
    "not-lawful": "không có bước này từ trạng thái đang ở · no step from where it stood",
    "unlisted": "mã không có trong bảng · the code is in no table",
}
"""Why an event of the post moved nothing."""


def _aside(late: dict[str, Any]) -> str:
    return f"không tính · set aside: {late['theirs'] or late['state']} ({ASIDE[late['reason']]})"


def _shown(since: datetime | None, message: str | None) -> str | None:
    """When, and below it the message that proves it."""
    from gateway.cli.show import when

    return "\n".join([*([when(since)] if since else []), *([message] if message else [])]) or None


def _money(money: dict[str, Any]) -> str:
    words = f"{money['name']} · {money['name_en']}"
    return f"{words}: {money['owed']:,} đ" if money["owed"] else words


def _believed(belief: dict[str, Any], names: dict[int, str]) -> Text:
    """Its status, or its own word for it; ⚠ where it is not the dossier's."""
    from rich.text import Text

    status = belief["status"]
    words = f"{status} {names[status]}" if status else belief["theirs"] or "–"
    words += f"\n({belief['sub_status']})" if belief["sub_status"] else ""
    return Text(words) if belief["agrees"] else Text(f"{words} ⚠", style="bold yellow")


def _sure(belief: dict[str, Any]) -> str:
    from gateway.cli.show import when
    from gateway.dossiers.beliefs import HOW

    words = " · ".join(HOW[belief["how"]])
    return f"{words} ({when(belief['asked_at'])})" if belief["asked_at"] else words


def _next(step: dict[str, Any] | None) -> str | None:
    from gateway.cli.show import when

    if step is None:
        return None
    return f"{when(step['at'])} {step['words']}" if step["at"] else step["words"]


def _show_messages(found: dict[str, Any], names: dict[int, str]) -> None:
    from rich.text import Text

    from gateway.cli.show import TYPES, table, when

    rows = []
    for one in found["messages"]:
        words = f"{TYPES[one['type']]} · {one['type']}" + (
            f"\n{one['status']} {names[one['status']]}" if one["status"] else ""
        )
        told = Text.assemble(words, ("\n" + one["id"], "dim"))
        rows.append((f"{when(one['event_time'])}\n{when(one['received_time'])}", one["source"], told, _gone(one)))
    table("Diễn biến · What happened", ("!Xảy ra,\nnhận lúc", "Từ", "Bản tin", "Gửi đến"), rows)


def _gone(message: dict[str, Any]) -> Text:
    """The deliveries of a message, one a line, each in the colour of its state."""
    from rich.text import Text

    from gateway.cli.show import COLOURS, STATES
    from gateway.dossiers.algebra import HELD

    if message["held"]:
        return Text(f"bị giữ: {HELD.get(message['held'], (message['held'],))[0]}", style="magenta")
    lines = Text()
    for i, one in enumerate(message["deliveries"]):
        words = f"{one['destination']}: {STATES.get(one['state'], one['state'])}"
        words += f" ({one['tries']} lần)" if one["tries"] > 1 else ""
        words += f" – {one['reason']}" if one["state"] != "delivered" and one["reason"] else ""
        lines.append(("\n" if i else "") + words, style=COLOURS.get(one["state"], ""))
    return lines


def _show_acts(found: dict[str, Any]) -> None:
    from gateway.cli.show import table

    if found["acts"]:
        rows = [(a["at"], a["who"], _act(a["act"]), a["subject"], a["reason"]) for a in found["acts"]]
        table("Người đã can thiệp · What people did", ("!Lúc", "Ai", "Việc", "Với", "Vì sao"), rows)


ACTS = {
    "applied": "cho áp dụng",
    "arrived": "cho là đã đến",
    "ask": "hỏi lại bên gửi",
    "ask-now": "cho hỏi ngay",
    "discard": "bỏ lượt gửi",
    "discarded": "bỏ qua",
    "edit": "sửa nội dung",
    "heal": "cho chữa",
    "look": "xem dữ liệu cá nhân",
    "retry": "cho gửi lại",
    "retry-absent": "cho gửi lại, vì bên kia không có",
}
"""What people do to a dossier's messages and deliveries, beside the ledger's names."""


def _act(name: str) -> str:
    return f"{ACTS[name]} · {name}" if name in ACTS else name
