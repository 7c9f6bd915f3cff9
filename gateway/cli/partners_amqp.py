"""`lienthong partners amqp`: who may speak to us over RabbitMQ."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_books, read_config
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.channels.management import Management
    from gateway.config import Config
    from gateway.ledger import Ledger

WHO = click.option(
    "--who",
    envvar="LIENTHONG_WHO",
    default=getpass.getuser,
    metavar="TÊN",
    help="Ai làm (mặc định: người đang đăng nhập) · who acts.",
)


@click.group(epilog="Ví dụ · Example:  lienthong partners amqp add so-y-te")
def amqp() -> None:
    """Tài khoản RabbitMQ của các cơ quan.

    The agencies' users at RabbitMQ, made through its management API (gateway.toml, [rabbitmq] management). What a user may do follows from
    [amqp] of the partner file: `inbox = true`, publish to its own inbox and read its own answers; `events = ["dossier.<org>.#"]`, read
    these events. Nothing of another agency can be read, written or bound.
    """


@amqp.command(epilog="Ví dụ · Example:  lienthong partners amqp add so-y-te")
@click.argument("partner", metavar="ĐỐI_TÁC")
@click.option("--keep", is_flag=True, help="Chỉ đặt lại quyền, giữ mật khẩu · set what it may do, keep the password.")
@WHO
@at_home
@as_json
def add(partner: str, keep: bool, who: str, home: Path, as_json: bool) -> None:
    """Tạo tài khoản, hoặc đổi mật khẩu; mật khẩu chỉ hiện một lần.

    Make the agency's user, or give it a new password: the old one ends at once, and so do its connections. The password is shown this
    once: give it to the agency by a safe way. The user's name is the partner's id.
    """
    from gateway.channels.permissions import permission
    from gateway.cli.show import print_json

    config = read_config(home)
    row = config.partners.get(partner)
    if row is None:
        raise Misconfigured(f"không có đối tác · no partner {partner!r}; có · known: {', '.join(config.partners)}")
    broker, ledger = _management(config), open_books(home)
    if keep:
        broker.keep_access(row)
        _note(ledger, who, "amqp-rights", partner)
        click.echo(f"{partner}: đã đặt lại quyền · permissions set", err=True)
        return
    password = broker.give_access(row)
    _note(ledger, who, "amqp-add", partner)
    if as_json:
        rights = permission(row)
        print_json(
            {"user": partner, "password": password, "write": rights.write, "read": rights.read, "bind": rights.bind}
        )
        return
    click.echo(f"{partner}; mật khẩu chỉ hiện lần này · the password is shown this once:", err=True)
    click.echo(password)


@amqp.command(epilog="Ví dụ · Example:  lienthong partners amqp remove so-y-te")
@click.argument("partner", metavar="ĐỐI_TÁC")
@WHO
@at_home
def remove(partner: str, who: str, home: Path) -> None:
    """Xóa tài khoản, ngay.

    Remove the agency's user; its connections end at once. Its queues, and what is in them, stay until its partner file changes.
    """
    from gateway.channels.management import no_user

    broker, ledger = _management(read_config(home)), open_books(home)
    if not broker.take_access(partner):
        raise no_user(partner)
    _note(ledger, who, "amqp-remove", partner)
    click.echo(f"{partner}: đã xóa tài khoản · the user is removed")


@amqp.command("list", epilog="Ví dụ · Example:  lienthong partners amqp list")
@at_home
@as_json
def list_(home: Path, as_json: bool) -> None:
    """Liệt kê các tài khoản và quyền của chúng.

    List the users, what each may do, whether that is what the partner file says, and how many connections each has.
    """
    from gateway.channels.permissions import permission
    from gateway.cli.show import print_json, table

    config = read_config(home)
    found: list[dict[str, Any]] = []
    for access in _management(config).accesses():
        row = config.partners.get(access.user)
        right = row is not None and access.permission == permission(row)
        rights = access.permission
        found.append(
            {
                "user": access.user,
                "inbox": row is not None and row.amqp.inbox,
                "events": row.amqp.events if row is not None else [],
                "write": rights.write if rights else None,
                "read": rights.read if rights else None,
                "as_configured": right,
                "connections": access.connections,
            }
        )
    if as_json:
        print_json(found)
        return
    table(
        "Tài khoản RabbitMQ · Users at RabbitMQ",
        ("Đối tác", "Gửi vào", "Sự kiện", "Quyền", "#Kết nối"),
        [
            (
                f["user"],
                "có · yes" if f["inbox"] else "không · no",
                "\n".join(f["events"]) or None,
                "đúng · as configured" if f["as_configured"] else "khác cấu hình · differs",
                f["connections"],
            )
            for f in found
        ],
    )


def _management(config: Config) -> Management:
    from gateway.channels.management import Management

    return Management(config.settings.rabbitmq)


def _note(ledger: Ledger, who: str, act: str, partner: str) -> None:
    from gateway.ledger.facts import note_act
    from gateway.message import utc_now

    with ledger.write() as connection:
        note_act(
            connection, at=utc_now(), who=who, act=act, subject=f"partner {partner}", reason="lienthong partners amqp"
        )
