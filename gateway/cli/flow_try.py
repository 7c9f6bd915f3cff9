"""`lienthong flow --try`: where a sample would go, row by row, and why. Nothing is stored and nobody is called."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.flow.gateway import Setup


def try_sample(home: Path, file: Path, sender: str, dossier: Path | None) -> dict[str, Any]:
    """`sender`: a partner, or ``partner/mapping`` for a sample that the mapping must read first. `dossier`: a DossierSubmitted, for a
    message about a dossier that the ledger does not have.

    Raises `Misconfigured`, and `Refused` for a sample that is no message at all.
    """
    from gateway.cli.options import read_config
    from gateway.flow.gateway import Setup
    from gateway.flow.route import Facts, destinations, implications

    config = read_config(home)
    setup = Setup(config)
    partner, _, mapping = sender.partition("/")
    if partner not in config.partners:
        raise Misconfigured(f"không có đối tác · no partner {partner!r}; có · known: {', '.join(config.partners)}")
    body = _message(setup, file, mapping)
    about = body if body["type"] == "DossierSubmitted" else _dossier(setup, body["dossier"], dossier)
    facts = Facts(body, partner, about, setup.codes)
    unmet = {route.name: route.first_unmet(facts) for route in config.routes}
    rows = [
        {
            "name": route.name,
            "matches": (why := unmet[route.name]) is None,
            "unmet": None if why is None else {"condition": why[0], "wanted": _plain(why[1]), "found": _plain(why[2])},
            "mode": route.mode,
            "to": route.to,
            "back": partner in route.to,
            "implies": route.implies,
        }
        for route in config.routes
    ]
    return {
        "message": {"type": body["type"], "dossier": body["dossier"], "source": partner},
        "faults": [fault.as_json() for fault in _faults(setup, partner, body)],
        "routes": rows,
        "to": [_destination(config, d, body["type"]) for d in destinations(config.routes, facts, config.partners)],
        "implies": [route.implies for route in implications(config.routes, facts)],
    }


def _message(setup: Setup, file: Path, mapping: str) -> dict[str, Any]:
    from gateway.flow.validate import read_canonical

    document = file.read_bytes() if file.suffix == ".xml" else _read(file)
    if mapping:
        document = setup.translate(mapping, document)
        if document is None:
            raise Misconfigured(f"{file}: ánh xạ {mapping} không tạo bản tin nào · the mapping makes no message of it")
    body: dict[str, Any] = json.loads(read_canonical(document).model_dump_json(exclude_none=True))
    return body


def _dossier(setup: Setup, code: str, file: Path | None) -> dict[str, Any]:
    """The newest DossierSubmitted of the dossier: the file's, else the ledger's."""
    if file is not None:
        body = _message(setup, file, "")
        if body["type"] != "DossierSubmitted":
            raise Misconfigured(f"{file}: phải là DossierSubmitted · must be a DossierSubmitted")
        return body
    found = _kept(setup.config, code)
    if found is None:
        raise Misconfigured(
            f"sổ cái không có hồ sơ {code}: thêm --dossier TỆP · the ledger has no such dossier: give --dossier with its DossierSubmitted"
        )
    return found


def _kept(config: Config, code: str) -> dict[str, Any] | None:
    from gateway.ledger import facts, open_ledger, standing
    from gateway.ledger.schema import require_schema

    if not config.settings.ledger and not (config.data / "lienthong.db").exists():
        return None
    ledger = open_ledger(config.settings.ledger_url)
    try:
        require_schema(ledger)
        with ledger.read() as connection:
            row = standing.dossier(connection, code)
            return None if row is None else facts.body_of(connection, row.newest)
    finally:
        ledger.close()


def _faults(setup: Setup, partner: str, body: dict[str, Any]) -> list[Any]:
    """What accept would refuse besides, as far as it can be told without the ledger and the files."""
    from gateway.canonical.rules import broken_rules
    from gateway.errors import Forbidden
    from gateway.flow.validate import check_rights, read_canonical, unknown_codes

    canonical = read_canonical(body)
    found = [*broken_rules(canonical), *unknown_codes(body, setup.codes)]
    try:
        check_rights(setup.config.partners[partner], canonical)
    except Forbidden as forbidden:
        found += forbidden.faults
    return found


def _destination(config: Config, name: str, kind: str) -> dict[str, Any]:
    mappings = config.partners[name].mappings
    return {
        "partner": name,
        "copy": name in config.replicas,
        "mappings": sorted(mappings.get(kind, {}).values()),
        "lacks_mapping": bool(mappings) and kind not in mappings,
    }


def _read(file: Path) -> Any:
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError, OSError) as error:
        raise Misconfigured(f"{file}: không phải JSON · not JSON: {error}") from error


def _plain(value: Any) -> Any:
    """As JSON can have it: a route's days are dates."""
    return value if isinstance(value, list | int | str | None) else str(value)


def show_trial(found: dict[str, Any]) -> None:
    from gateway.cli.show import table

    message = found["message"]
    click.echo(f"{message['type']} {message['dossier']}, từ · from {message['source']}")
    for fault in found["faults"]:
        click.echo(f"✗ {fault['pointer'] or '/'}: {fault['detail']} · {fault['detail_en']}")
    table(
        "Tuyến · Routes",
        ("", "Tên", "Vì sao", "Đến"),
        [
            ("✓" if r["matches"] else "–", r["name"], _why(r), leads(r) if r["matches"] else None)
            for r in found["routes"]
        ],
    )
    table(
        "Đi đâu · Where it goes",
        ("Đến", "Ánh xạ", "Ghi chú"),
        [(d["partner"], ", ".join(d["mappings"]) or None, _note(d)) for d in found["to"]],
    )
    earnest = [d for d in found["to"] if not d["copy"]]
    if not earnest and not found["implies"]:
        click.echo("không có tuyến nào: bản tin sẽ bị từ chối · no route leads anywhere: it would be refused")


def _why(row: dict[str, Any]) -> str:
    unmet = row["unmet"]
    if unmet is None:
        back = "; không quay lại nơi gửi · never back to its sender" if row["back"] else ""
        return f"mọi điều kiện đều đúng · every condition holds{back}"
    found = " | ".join(map(str, unmet["found"])) if isinstance(unmet["found"], list) else unmet["found"]
    wanted = " | ".join(map(str, unmet["wanted"])) if isinstance(unmet["wanted"], list) else unmet["wanted"]
    return f"{unmet['condition']}: cần · wants {wanted}; ở đây · here {'–' if found in (None, '') else found}"


def leads(row: dict[str, Any]) -> str:
    """Where a row of the map leads, in a few words."""
    to = ", ".join(row["to"]) or f"suy ra · implies {row['implies']}"
    return f"{to} (bản sao · copy)" if row["mode"] == "replicate" else to


def _note(one: dict[str, Any]) -> str | None:
    if one["lacks_mapping"]:
        return "thiếu ánh xạ cho loại này, sẽ chờ người · no mapping of this type: it would be parked"
    return "bản sao để so sánh · a copy, for comparison" if one["copy"] else None
