"""`lienthong explain`: how each outgoing field of a message came to be."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_gateway

if TYPE_CHECKING:
    from gateway.cli.masking import Mask
    from gateway.flow.gateway import Gateway
    from gateway.message import Message


@click.command(epilog='Ví dụ · Example:  lienthong explain 019b8d… --show --reason "đối chiếu khiếu nại"')
@click.argument("message", metavar="MÃ_BẢN_TIN")
@at_home
@click.option("--to", "only", metavar="ĐÍCH", help="Chỉ đích này · this destination only.")
@click.option("--show", "uncover", is_flag=True, help="Hiện dữ liệu cá nhân; cần --reason · show personal data.")
@click.option("--reason", metavar="LÝ DO", help="Vì sao phải xem; được ghi lại · why; it is recorded.")
@click.option("--who", envvar="LIENTHONG_WHO", metavar="TÊN", help="Ai xem · who looks.")
@as_json
def explain(
    message: str, home: Path, only: str | None, uncover: bool, reason: str | None, who: str | None, as_json: bool
) -> None:
    """Giải thích một bản tin: mỗi trường gửi đi lấy từ đâu, theo quy tắc nào.

    Explain a message: for each destination, every outgoing field, the field it came from, the rule, and the mapping with its version.
    Personal data is covered; --show uncovers it and needs a reason, which is recorded.
    """
    from gateway.cli.looking import allow_look, mask_of, view_of
    from gateway.cli.show import print_json

    gateway = open_gateway(home)
    told, view = view_of(gateway, message)
    allow_look(gateway.ledger, message, uncover=uncover, reason=reason, who=who, now=gateway.now())
    mask = mask_of(gateway.ledger, told.dossier, off=uncover)
    found = gather(gateway, told, view, mask, only)
    print_json(found) if as_json else _show(found)


def gather(gateway: Gateway, message: Message, view: dict[str, Any], mask: Mask, only: str | None) -> dict[str, Any]:
    """What each destination was, or will be, sent: a document a mapping, line by line."""
    from gateway.ledger import queries, standing

    with gateway.ledger.read() as connection:
        gone = standing.deliveries_of(connection, seq=message.seq)
        row = next(m for m in queries.messages_of(connection, message.dossier) if m.seq == message.seq)
    return {
        "id": message.id, "type": message.type, "dossier": message.dossier, "source": message.source, "source_id": message.source_id,
        "event_time": message.event_time, "held": message.held, "inbound_mapping": row.mapping, "because": row.because,
        "destinations": [
            {
                "destination": d.destination,
                "state": d.state,
                "edited": d.edited is not None,
                "as_it_came": d.edited is None and d.destination in gateway.config.proxied,
                "documents": _documents(gateway, d.destination, message.type, view, mask),
            }
            for d in gone
            if only in (None, d.destination)
        ],
    }  # fmt: skip


def _documents(gateway: Gateway, destination: str, kind: str, view: dict[str, Any], mask: Mask) -> list[dict[str, Any]]:
    rows = gateway.config.partners[destination].mappings if destination in gateway.config.partners else {}
    return [_document(gateway, name, mapping, view, mask) for name, mapping in rows.get(kind, {}).items()]


def _document(gateway: Gateway, name: str, mapping: str, view: dict[str, Any], mask: Mask) -> dict[str, Any]:
    from gateway.errors import Refused

    translation = gateway.translation(mapping)
    found: dict[str, Any] = {
        "document": name,
        "mapping": f"{translation.name}@{translation.version}",
        "code_lists": {one: _list_version(gateway, one) for one in translation.lists},
        "lines": [],
        "faults": [],
    }
    try:
        for line in translation.explain(view):
            value = mask.value(line.source, line.value)
            found["lines"].append({"target": line.target, "source": line.source, "rule": line.rule, "value": value})
    except Refused as refused:
        found["faults"] = [f.as_json() for f in refused.faults]
    return found


def _list_version(gateway: Gateway, name: str) -> str:
    """As `map` versions: the first twelve digits of its content's hash."""
    import hashlib

    return hashlib.sha256((gateway.config.folder / "codelists" / f"{name}.csv").read_bytes()).hexdigest()[:12]


def _show(found: dict[str, Any]) -> None:
    from gateway.cli.show import console, when
    from gateway.dossiers.algebra import HELD

    out = console()
    out.print(
        f"[bold]{found['type']}[/]  {found['dossier']}   từ · from {found['source']} ({found['source_id']})   {when(found['event_time'])}"
    )
    if found["because"]:
        out.print(
            f"suy ra từ bản tin · derived from {found['because']}, ánh xạ · mapping {found['inbound_mapping']}",
            markup=False,
        )
    elif found["inbound_mapping"]:
        out.print(f"đọc vào bằng ánh xạ · read by the mapping {found['inbound_mapping']}", markup=False)
    if found["held"]:
        out.print(" · ".join(HELD.get(found["held"], (found["held"],))), markup=False)
    if not found["destinations"]:
        out.print("không gửi đi đâu · goes nowhere")
    for one in found["destinations"]:
        _show_destination(one)


def _show_destination(one: dict[str, Any]) -> None:
    import json

    from gateway.cli.show import STATES, console, table

    out = console()
    out.print(
        f"\n[bold]→ {one['destination']}[/]  {STATES.get(one['state'], one['state'])} · {one['state']}"
        + ("  (người đã sửa tay · edited by hand)" if one["edited"] else "")
    )
    if one["as_it_came"]:
        out.print("  nguyên văn bên gửi đã gửi, từng byte · what the sender sent, byte by byte")
    elif not one["documents"]:
        out.print("  bản tin chuẩn, gửi nguyên · the canonical message as it is, no mapping")
    for document in one["documents"]:
        lists = "".join(f", {one}@{version}" for one, version in document["code_lists"].items())
        name = f"{document['document']}: {document['mapping']}{lists}"
        lines = document["lines"]
        if len(lines) == 1 and not lines[0]["target"] and lines[0]["value"] is None:
            out.print(f"  {name}: không áp dụng · does not apply ({lines[0]['rule']})", markup=False)
            continue
        rows = [
            (x["target"], x["source"] or "(hằng · constant)", x["rule"], json.dumps(x["value"], ensure_ascii=False))
            for x in lines
        ]
        rows += [(f["pointer"], None, f["code"], f"{f['detail']} · {f['detail_en']}") for f in document["faults"]]
        table(name, ("Trường gửi đi", "Lấy từ", "Quy tắc", "Giá trị"), rows)
