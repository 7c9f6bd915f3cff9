"""`lienthong partners`: who is connected, and does it answer."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_gateway, read_config
from gateway.cli.partners_amqp import amqp
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.config import PartnerFile
    from gateway.flow.gateway import Gateway


@click.group(epilog="Ví dụ · Example:  lienthong partners check portal")
def partners() -> None:
    """Các đối tác: xem và kiểm tra kết nối.

    The partners: list them, show one, ask whether it answers; their users at RabbitMQ.
    """


partners.add_command(amqp)


@partners.command("list", epilog="Ví dụ · Example:  lienthong partners list")
@at_home
@as_json
def list_(home: Path, as_json: bool) -> None:
    """Liệt kê các đối tác.

    List the partners: name, connector, rights.
    """
    from gateway.cli.show import print_json, table

    rows = read_config(home).partners.values()
    if as_json:
        print_json([row.model_dump(exclude={"settings"}) for row in rows])
    else:
        table(
            "Đối tác · Partners",
            ("Mã", "Tên", "Kết nối", "Được gửi", "Được đọc"),
            [(r.id, f"{r.name}\n{r.name_en}", r.connector, ", ".join(r.sends) or None, r.reads) for r in rows],
        )


@partners.command(epilog="Ví dụ · Example:  lienthong partners show vnpost")
@click.argument("partner", metavar="ĐỐI_TÁC")
@at_home
@as_json
def show(partner: str, home: Path, as_json: bool) -> None:
    """Xem một đối tác: quyền, thiết lập, ánh xạ, cách gửi.

    Show one partner: rights, settings (a secret only by the place it is read from), mappings, delivery policy.
    """
    from gateway.cli.show import print_json

    config = read_config(home)
    row = _known(partner, config.partners)
    found = {**row.model_dump(exclude={"delivery"}), "delivery": config.delivery(partner).model_dump()}
    found["settings"] = {name: _unsecret(name, value) for name, value in row.settings.items()}
    if as_json:
        print_json(found)
    else:
        for name, value in found.items():
            _print(name, value)


@partners.command(epilog="Ví dụ · Example:  lienthong partners check")
@click.argument("names", nargs=-1, metavar="[ĐỐI_TÁC]…")
@at_home
@as_json
def check(names: Sequence[str], home: Path, as_json: bool) -> None:
    """Hỏi từng đối tác: có đó không, có nhận ra ta không.

    Ask each partner: is it there, does it know us? Nothing is changed there. Exit code 1 when one does not answer well.
    """
    from gateway.cli.show import print_json

    found = ask(open_gateway(home), names)
    if as_json:
        print_json(found)
    else:
        for one in found:
            click.echo(f"{'✓' if one['ok'] else '✗'} {one['partner']}: {one['question']} {one['answer']}")
    sys.exit(int(not all(one["ok"] for one in found)))


def ask(gateway: Gateway, names: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Every question of a connector's own check, with the partner's answer."""
    for name in names:
        _known(name, gateway.config.partners)
    found = []
    for name, partner in gateway.partners.items():
        if (names and name not in names) or not gateway.kinds[partner.connector].delivers:
            continue
        for health in gateway.outbound(name).check():
            found.append({"partner": name, "question": health.question, "ok": health.ok, "answer": health.answer})
    return found


def _known(name: str, known: dict[str, PartnerFile]) -> PartnerFile:
    if name not in known:
        raise Misconfigured(f"không có đối tác · no partner {name!r}; có · known: {', '.join(known)}")
    return known[name]


_SECRET = ("password", "secret", "key", "token")


def _unsecret(name: str, value: Any) -> Any:
    """A secret written straight into the file is not shown; the name of where it is read from is."""
    plain = isinstance(value, str) and not value.startswith(("env:", "file:"))
    return "•••" if plain and any(word in name for word in _SECRET) and not name.endswith("url") else value


def _print(name: str, value: Any, depth: int = 0) -> None:
    if isinstance(value, dict):
        click.echo(f"{'  ' * depth}{name}:" + ("" if value else " –"))
        for key, one in value.items():
            _print(key, one, depth + 1)
    else:
        words = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        click.echo(f"{'  ' * depth}{name}: {words or '–'}")
