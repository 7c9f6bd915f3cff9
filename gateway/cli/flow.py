"""`lienthong flow`: the live map. If it is hard to read, the code is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.flow_try import leads, show_trial, try_sample
from gateway.cli.options import as_json, at_home, read_config
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from rich.text import Text

    from gateway.config import Config


@click.command(
    epilog="Ví dụ · Example:  lienthong flow --json   ·   lienthong flow --try docs/examples/dossier.json --from one-stop"
)
@click.option(
    "--try",
    "sample",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TỆP",
    help="Bản tin này sẽ đi đâu, vì sao · where would this message go, and why.",
)
@click.option(
    "--from",
    "sender",
    default="one-stop",
    show_default=True,
    metavar="ĐỐI_TÁC[/ÁNH_XẠ]",
    help="Ai gửi; mẫu của riêng họ thì qua ánh xạ nào · who sends it, and the mapping that reads it.",
)
@click.option(
    "--dossier",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TỆP",
    help="Hồ sơ mà bản tin nói đến, khi sổ cái không có · the dossier it is about, where the ledger has none.",
)
@at_home
@as_json
def flow(sample: Path | None, sender: str, dossier: Path | None, home: Path, as_json: bool) -> None:
    """Bản đồ đang chạy: đối tác, tuyến, ánh xạ, hàng đợi.

    Print the live map: the partners, the routes with their conditions, the mappings with their versions, and what is under way. With
    --try: where one message would go, and of each route the first condition that does not hold. Nothing is sent.
    """
    from gateway.cli.mapping import load_all
    from gateway.cli.show import print_json

    if sample is not None:
        tried = try_sample(home, sample, sender, dossier)
        if as_json:
            print_json(tried)
        else:
            show_trial(tried)
        return
    config = read_config(home)
    versions = {name: t.version for name, t in load_all(home).items()}
    found = {
        "partners": _partners(config),
        "routes": _routes(config, versions),
        "mappings": _mappings(config, versions),
        "queues": _queues(config),
        "broker": _broker(config),
    }
    if as_json:
        print_json(found)
    else:
        _show(found)


def _partners(config: Config) -> list[dict[str, Any]]:
    return [
        {
            "id": p.id, "name": p.name, "name_en": p.name_en, "connector": p.connector, "sends": p.sends, "reads": p.reads,
            "poll_seconds": p.poll_seconds,
        }
        for p in config.partners.values()
    ]  # fmt: skip


def _routes(config: Config, versions: Mapping[str, str]) -> list[dict[str, Any]]:
    """A route's condition, in one line, and where it leads."""
    found = []
    for route in config.routes:
        when = {name: wanted for name, wanted in route.when if wanted}
        when |= {name: str(day) for name, day in (("from", route.from_), ("until", route.until)) if day}
        implies = f"{route.implies}@{versions.get(route.implies, '?')}" if route.implies else None
        found.append({"name": route.name, "when": when, "mode": route.mode, "to": route.to, "implies": implies})
    return found


def _mappings(config: Config, versions: Mapping[str, str]) -> list[dict[str, Any]]:
    return [
        {"partner": p.id, "type": kind, "document": name, "mapping": f"{mapping}@{versions.get(mapping, '?')}"}
        for p in config.partners.values()
        for kind, documents in p.mappings.items()
        for name, mapping in documents.items()
    ]


def _queues(config: Config) -> list[dict[str, Any]] | None:
    """What is under way to each destination; None when there is no ledger yet."""
    from gateway.cli.show import mapping
    from gateway.ledger import open_ledger, standing
    from gateway.ledger.schema import require_schema

    if not config.settings.ledger and not (config.data / "lienthong.db").exists():
        return None
    ledger = open_ledger(config.settings.ledger_url)
    try:
        require_schema(ledger)
    except Misconfigured:
        return None  # `check` and `db status` say so
    with ledger.read() as connection:
        return [mapping(row) for row in standing.destinations(connection)]


def _broker(config: Config) -> list[dict[str, Any]] | None:
    """The queues at RabbitMQ, and what is in them as far as the management API tells; None for another channel."""
    from gateway.channels.topology import topology

    if config.settings.channel != "rabbitmq":
        return None
    real = _depths(config)
    return [
        {
            "queue": q.name,
            "bound": [f"{exchange} {key}".strip() for exchange, key in q.bindings],
            "messages": real.get(q.name, {}).get("messages"),
            "consumers": real.get(q.name, {}).get("consumers"),
            "online": len(real[q.name].get("online", [])) if q.name in real else None,
        }
        for q in topology(config).queues
    ]


def _depths(config: Config) -> Mapping[str, Mapping[str, Any]]:
    from gateway.channels.management import Management
    from gateway.errors import DeliveryError

    if not config.settings.rabbitmq.management:
        return {}
    try:
        return {row["name"]: row for row in Management(config.settings.rabbitmq).queues()}
    except DeliveryError as error:
        click.echo(
            f"RabbitMQ: API quản trị không trả lời · the management API does not answer: {error.reason}", err=True
        )
        return {}


def _show(found: dict[str, Any]) -> None:
    from gateway.cli.show import table

    table(
        "Đối tác · Partners",
        ("Mã", "Tên", "Kết nối", "Được gửi", "Được đọc", "Hỏi mỗi"),
        [
            (p["id"], f"{p['name']}\n{p['name_en']}", p["connector"], "\n".join(p["sends"]), p["reads"],
             f"{p['poll_seconds']:g} s" if p["poll_seconds"] else None)
            for p in found["partners"]
        ],
    )  # fmt: skip
    table(
        "Tuyến · Routes (các dòng cộng dồn · rows add up)",
        ("Tên", "Khi", "Đến"),
        [(r["name"], _condition(r["when"]), leads(r)) for r in found["routes"]],
    )
    table(
        "Ánh xạ gửi đi · Outgoing mappings",
        ("Đến", "Bản tin", "Tài liệu", "Ánh xạ"),
        [(m["partner"], m["type"], m["document"], m["mapping"]) for m in found["mappings"]],
    )
    _show_lanes(found["queues"])
    if found["broker"] is not None:
        table(
            "Hàng đợi RabbitMQ · Queues at RabbitMQ",
            ("Hàng đợi", "Nhận từ", "#Bản tin", "#Người đọc", "#Máy"),
            [
                (q["queue"], "\n".join(q["bound"]) or None, q["messages"], q["consumers"], q["online"])
                for q in found["broker"]
            ],
        )


def _show_lanes(queues: list[dict[str, Any]] | None) -> None:
    from gateway.cli.show import table

    if queues is None:
        click.echo("Hàng đợi · Queues: chưa có cơ sở dữ liệu · no ledger yet (lienthong db upgrade)")
        return
    table(
        "Hàng đợi · Queues",
        ("Đến", "#Làn", "#Đang chờ", "#Chưa rõ", "#Chờ người", "#Đã gửi", "#Đã hủy", "Cũ nhất", "Tạm ngừng gọi"),
        [
            (q["destination"], q["lanes"], q["waiting"], q["in_doubt"], q["parked"], q["delivered"], q["cancelled"], q["oldest"],
             _breaker(q["breaker"]))
            for q in queues
        ],
    )  # fmt: skip


def _breaker(state: str) -> Text:
    from rich.text import Text

    from gateway.cli.show import BREAKER, COLOURS

    return Text(BREAKER.get(state, state), style=COLOURS.get(state, ""))


def _condition(when: Mapping[str, Any]) -> str:
    told = {name: wanted if isinstance(wanted, str) else " | ".join(map(str, wanted)) for name, wanted in when.items()}
    return "\n".join(f"{name} = {wanted}" for name, wanted in told.items()) or "luôn · always"
