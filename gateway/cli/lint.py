"""`lienthong lint`: what a dossier would lose by the national index, and what would be refused as falsified, before it leaves."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_books, read_config
from gateway.errors import Fault, Misconfigured, NotFound, Refused

if TYPE_CHECKING:
    from gateway.dossiers.kpi import Loss
    from gateway.flow.gateway import Setup
    from gateway.message import Message


@click.command(epilog="Ví dụ · Example:  lienthong lint 000.00.01.H99-260105-0001")
@click.argument("what", metavar="MÃ_HỒ_SƠ|TỆP")
@at_home
@as_json
def lint(what: str, home: Path, as_json: bool) -> None:
    """Soi hồ sơ theo Bộ chỉ số 766 trước khi gửi lên Cổng: mất điểm ở đâu, sửa được gì, điều gì bị coi là khai sai.

    Hold a dossier against the national index before it leaves for the portal: each rule it breaks with the field and the points at stake,
    and every field that would say what is not so, which is refused. A dossier of the ledger by its code, or a JSON file: one canonical
    message, or all of a dossier's in order. Exit code 1 when something can be mended or would be refused.
    """
    from gateway.cli.show import print_json
    from gateway.flow.gateway import Setup
    from gateway.message import utc_now

    setup = Setup(read_config(home))
    told = _read(Path(what)) if Path(what).is_file() else _kept(home, what)
    losses, faults = judge(setup, told, utc_now())
    if as_json:
        faulty = [fault.as_json() for fault in faults]
        print_json({"dossier": told[-1].dossier, "losses": [loss.as_json() for loss in losses], "refused": faulty})
    else:
        _show(told[-1].dossier, losses, faults)
    sys.exit(int(bool(faults) or any(loss.mend for loss in losses)))


def judge(setup: Setup, told: Sequence[Message], now: datetime) -> tuple[list[Loss], list[Fault]]:
    """What the dossier loses as it stands, and what the index's partners would be refused of its last message."""
    from gateway.dossiers.kpi import view_of

    place = setup.config.settings.public_url.rstrip("/")
    view = view_of(told, lambda file, message: f"{place}/files/{file['sha256']}")  # unsigned: it is shown to nobody
    if view is None or view["dossier"] is None:
        raise Misconfigured("không có DossierSubmitted · there is no DossierSubmitted among the messages")
    faults: dict[str, Fault] = {}
    for partner in setup.kpi.partners:
        faults |= {fault.pointer: fault for fault in _refused(setup, partner, view)}
    return setup.losses(told, now), list(faults.values())


def _refused(setup: Setup, partner: str, view: Mapping[str, Any]) -> Sequence[Fault]:
    row = setup.config.partners.get(partner)
    mappings = row.mappings.get(view["meta"]["type"], {}) if row else {}
    try:
        documents = {name: setup.translate(mapping, view) for name, mapping in mappings.items()}
        if documents:
            setup.check_truths(partner, documents, view)
    except Refused as refused:
        return refused.faults
    return ()


def _kept(home: Path, code: str) -> list[Message]:
    """The dossier's messages in the ledger. Raises `NotFound`."""
    from gateway.ledger.messages import histories

    with open_books(home).read() as connection:
        told = histories(connection, [code]).get(code, [])
    if not told:
        words = f"cổng không có hồ sơ {code}", f"the gateway knows no dossier {code}, and there is no such file"
        raise NotFound([Fault("", "unknown-dossier", *words)])
    return told


def _read(file: Path) -> list[Message]:
    """Canonical messages as they would be stored. Raises `Misconfigured` and `Refused`."""
    from gateway.flow.validate import read_canonical
    from gateway.message import Message

    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise Misconfigured(f"{file}: không phải JSON · not JSON: {error}") from error
    told = []
    for number, one in enumerate(content if isinstance(content, list) else [content], start=1):
        said = read_canonical(one)
        body = json.loads(said.model_dump_json(exclude_none=True))
        told.append(
            Message(number, said.id, "", said.id, said.type, said.dossier, said.event_time, said.event_time, body)
        )
    if len({one.dossier for one in told}) != 1:
        raise Misconfigured(f"{file}: phải là các bản tin của một hồ sơ · must hold the messages of one dossier")
    return told


def losses_of(found: Sequence[Mapping[str, Any]]) -> list[Loss]:
    """Read back from their JSON."""
    from gateway.dossiers.kpi import Loss

    return [Loss(**one) for one in found]


def _show(dossier: str, losses: Sequence[Loss], faults: Sequence[Fault]) -> None:
    from gateway.cli.show import write_lines

    write_lines("✗", "bold red", (f"{f.code} {f.pointer}: {f.detail} · {f.detail_en}" for f in faults))
    show_losses(f"Bộ chỉ số 766 · National index: {dossier}", losses)


def show_losses(title: str, losses: Sequence[Loss]) -> None:
    """A line a rule; those that can be mended first."""
    from gateway.cli.show import table

    rows = sorted(losses, key=lambda loss: not loss.mend)
    table(
        title,
        ("Sửa được", "Chỉ số, trường", "#Điểm", "Vì sao"),
        [
            (
                "✓ mend" if loss.mend else "–",
                f"{loss.indicator} {loss.name}\n{loss.field}\n{loss.wire}",
                f"≤ {loss.points:g}{'' if loss.points_of == 'indicator' else ' (nhóm)'}",
                f"{loss.detail}\n{loss.detail_en}",
            )
            for loss in rows
        ],
    )
