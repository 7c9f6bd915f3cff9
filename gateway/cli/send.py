"""`lienthong send`: accept messages from a file, as if a partner had sent them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_gateway
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.ports import Submission


@click.command(epilog="Ví dụ · Example:  lienthong send hồ-sơ.json --as one-stop")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--as", "partner", default="one-stop", show_default=True, metavar="ĐỐI TÁC", help="Ai gửi · who sends.")
@at_home
@as_json
def send(file: Path, partner: str, home: Path, as_json: bool) -> None:
    """Nhận bản tin từ một tệp JSON, như đối tác đã gửi.

    Accept the messages of a JSON file as if a partner had sent them: canonical, one object or a list; the same checks, routes and
    receipts, without the network. All good ones are stored in one go; the file may be sent again, nothing is doubled.
    """
    from gateway.cli.show import print_json
    from gateway.errors import Refused
    from gateway.flow.accept import Acceptance

    gateway = open_gateway(home)
    row = gateway.config.partners.get(partner)
    if row is None:
        raise Misconfigured(
            f"không có đối tác · no partner {partner!r}; có · known: {', '.join(gateway.config.partners)}"
        )
    submissions = _read(file)
    results = Acceptance(gateway, row).many(submissions)
    told = [_told(s, r) for s, r in zip(submissions, results, strict=True)]
    if as_json:
        print_json(told)
    else:
        _show(told)
    sys.exit(int(any(isinstance(r, Refused) for r in results)))


def _read(file: Path) -> list[Submission]:
    from gateway.ports import Submission

    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise Misconfigured(f"{file}: không phải JSON · not JSON: {error}") from error
    bodies: list[Any] = content if isinstance(content, list) else [content]
    return [
        Submission(
            str(body.get("id", "")) if isinstance(body, dict) else "",
            body,
            json.dumps(body, ensure_ascii=False).encode(),
        )
        for body in bodies
    ]


def _told(submission: Submission, result: Any) -> dict[str, Any]:
    from gateway.errors import Refused

    if isinstance(result, Refused):
        return {
            "source_id": submission.source_id,
            "refused": result.kind,
            "faults": [f.as_json() for f in result.faults],
        }
    return {
        "id": result.id, "source_id": result.source_id, "type": result.type, "dossier": result.dossier, "held": result.held,
        "destinations": list(result.destinations), "repeated": result.repeated, "warnings": list(result.warnings),
        "doubts": [fault.as_json() for fault in result.doubts],
    }  # fmt: skip


def _show(told: list[dict[str, Any]]) -> None:
    from gateway.cli.show import table

    rows = []
    for one in told:
        if "refused" in one:
            faults = "\n".join(f"{f['pointer'] or '/'}: {f['detail']} · {f['detail_en']}" for f in one["faults"])
            rows.append((one["source_id"], None, None, f"từ chối · refused\n{faults}"))
        else:
            words = "đã có, biên nhận cũ · had it" if one["repeated"] else "đã nhận · accepted"
            words = (
                f"bị giữ · held: {one['held']}" if one["held"] else f"{words} → {', '.join(one['destinations']) or '–'}"
            )
            words += "".join(f"\n! {w['detail']} · {w['detail_en']}" for w in (*one["doubts"], *one["warnings"]))
            rows.append((one["source_id"], one["dossier"], one["id"], words))
    table("Kết quả · Result", ("Mã của bên gửi", "!Hồ sơ", "!Mã của cổng", "Kết quả"), rows)
