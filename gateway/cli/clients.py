"""`lienthong clients`: the systems that sign people in through the gateway, or call it as machines with tokens."""

from __future__ import annotations

import json
import re
import secrets
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gateway.cli.options import as_json, at_home, open_gateway
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.flow.gateway import Gateway
    from gateway.ledger.signon import SignOnRows


@click.group(epilog="Ví dụ · Example:  lienthong clients add cong-tinh --redirect https://congtinh.example/callback")
def clients() -> None:
    """Các hệ thống dùng đăng nhập một lần.

    The clients of the one sign-on. Each has a file in config/clients; a secret is shown once, the ledger holds only its digest.
    """


@clients.command(
    epilog="Ví dụ · Example:  lienthong clients add cong-tinh --redirect https://congtinh.example/callback --name 'Cổng tỉnh'"
)
@click.argument("client", metavar="MÃ")
@click.option(
    "--name",
    metavar="TÊN",
    help="Tên người dân nhìn thấy, nếu chưa có tệp · the name people see, when there is no file yet.",
)
@click.option(
    "--redirect",
    multiple=True,
    metavar="URL",
    help="Địa chỉ nhận kết quả, nếu chưa có tệp · where answers go, when there is no file yet.",
)
@click.option(
    "--machine",
    metavar="ĐỐI_TÁC",
    help="Là máy của đối tác này, nếu chưa có tệp · a machine of this partner, when there is no file yet.",
)
@at_home
@as_json
def add(
    client: str, name: str | None, redirect: tuple[str, ...], machine: str | None, home: Path, as_json: bool
) -> None:
    """Thêm một hệ thống, hoặc thêm một mã bí mật cho nó.

    Add a client: write its file in config/clients if there is none, and make its first, or a further, secret. It is shown this once.
    """
    gateway = open_gateway(home)
    file = gateway.config.folder / "clients" / f"{client}.toml"
    if not file.exists():
        _write_file(file, client, name or client, redirect, machine)
        click.echo(f"{file}: đã viết, hãy xem lại · written, look it over", err=True)
    row = _known(gateway, client)
    from gateway.ledger.signon import SignOnLedger, note_admin

    with SignOnLedger(gateway.ledger).write() as rows:
        if not rows.add("clients", id=client, at=gateway.now()):
            rows.change("clients", {"id": client}, disabled_at=None)
        shown = _make_secret(gateway, rows, client) if row.needs_secret else None
        note_admin(rows, gateway.now(), "client_added", client, row.auth)
    _show(client, shown, row.auth, as_json)


@clients.command("list", epilog="Ví dụ · Example:  lienthong clients list")
@at_home
@as_json
def list_(home: Path, as_json: bool) -> None:
    """Liệt kê các hệ thống và mã bí mật, không có nội dung mã.

    List the clients and how many secrets of each are good, never the secrets themselves.
    """
    from gateway.cli.show import print_json, table
    from gateway.ledger.signon import SignOnLedger

    gateway = open_gateway(home)
    known, now = _all(gateway), gateway.now()
    with SignOnLedger(gateway.ledger).read() as rows:
        states = {row["id"]: row for row in rows.all("clients", at_until=now)}
        kept = {name: rows.all("secrets", order="created_at", client=name) for name in known}
    found = [
        {
            "id": name,
            "name": row.name,
            "auth": row.auth,
            "grants": list(row.grants),
            "scopes": list(row.scopes),
            "partner": row.partner,
            "secrets": [s["id"] for s in kept[name] if s["expires_at"] is None or now < s["expires_at"]],
            "disabled": not row.enabled or (name in states and states[name]["disabled_at"] is not None),
        }
        for name, row in known.items()
    ]
    if as_json:
        print_json(found)
        return
    table(
        "Hệ thống · Clients",
        ("!Mã", "Tên", "Chứng minh", "Quyền", "Đối tác", "#Mã bí mật", "Còn dùng"),
        [
            (r["id"], r["name"], r["auth"], " ".join(r["scopes"]), r["partner"], len(r["secrets"]), "không · no" if r["disabled"] else "được · good")
            for r in found
        ],
    )  # fmt: skip


@clients.command(epilog="Ví dụ · Example:  lienthong clients rotate cong-tinh --days 7")
@click.argument("client", metavar="MÃ")
@click.option(
    "--days",
    type=click.FloatRange(0, 365),
    default=7,
    show_default=True,
    help="Mã cũ còn dùng mấy ngày · how long old ones stay good.",
)
@at_home
@as_json
def rotate(client: str, days: float, home: Path, as_json: bool) -> None:
    """Thay mã bí mật: mã mới ngay, mã cũ còn dùng thêm ít ngày.

    Replace the secret: the new one is good at once, those before it for some days more.
    """
    from gateway.ledger.signon import SignOnLedger, note_admin

    gateway = open_gateway(home)
    row = _known(gateway, client)
    if not row.needs_secret:
        raise Misconfigured(
            f"{client} ({row.auth}) không dùng mã bí mật: đổi khóa trong tệp của nó · has no secret: change the keys in its file"
        )
    now = gateway.now()
    with SignOnLedger(gateway.ledger).write() as rows:
        until = now + timedelta(days=days)
        for old in rows.all("secrets", client=client):
            if old["expires_at"] is None or old["expires_at"] > until:
                rows.change("secrets", {"id": old["id"]}, expires_at=until)
        shown = _make_secret(gateway, rows, client)
        note_admin(rows, now, "client_rotated", client, f"{days:g} days")
    _show(client, shown, row.auth, as_json)


@clients.command(epilog="Ví dụ · Example:  lienthong clients disable cong-tinh")
@click.argument("client", metavar="MÃ")
@at_home
def disable(client: str, home: Path) -> None:
    """Khóa một hệ thống, ngay; mọi quyền đã cấp cho nó hết hiệu lực.

    Disable a client: within seconds it signs nobody in, and nothing that was granted to it is good. `clients add` opens it again.
    """
    from gateway.ledger.signon import SignOnLedger, note_admin

    gateway = open_gateway(home)
    _known(gateway, client)
    now = gateway.now()
    with SignOnLedger(gateway.ledger).write() as rows:
        if not rows.add("clients", id=client, at=now, disabled_at=now):
            rows.change("clients", {"id": client}, disabled_at=now)
        rows.change("families", {"client": client, "revoked_at": None}, revoked_at=now, because="client disabled")
        rows.drop("secrets", client=client)
        note_admin(rows, now, "client_disabled", client, "")
    click.echo(f"{client}: đã khóa · disabled")


def _all(gateway: Gateway) -> dict[str, Any]:
    from gateway.flow.signon import open_signon

    signon = open_signon(gateway)
    if signon is None:
        raise Misconfigured(
            "không có config/signon.toml: đăng nhập một lần đang tắt · there is no config/signon.toml: the sign-on is off"
        )
    found: dict[str, Any] = dict(signon.office.clients)
    return found


def _known(gateway: Gateway, client: str) -> Any:
    known = _all(gateway)
    if client not in known:
        raise Misconfigured(f"không có hệ thống · no client {client!r}; có · known: {', '.join(known) or '–'}")
    return known[client]


def _make_secret(gateway: Gateway, rows: SignOnRows, client: str) -> str:
    from gateway.ledger.keys import digest_of

    secret = secrets.token_urlsafe(32)
    rows.add("secrets", id=secrets.token_hex(6), client=client, digest=digest_of(secret), created_at=gateway.now())
    return secret


def _write_file(file: Path, client: str, name: str, redirect: tuple[str, ...], machine: str | None) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9-]{1,40}", client):
        raise Misconfigured(f"{client!r}: chỉ a-z, 0-9 và dấu gạch · only a-z, 0-9 and dashes")
    if bool(redirect) == bool(machine):
        raise Misconfigured(
            f"chưa có {file}: cần --redirect (người dùng đăng nhập) hoặc --machine (máy gọi cổng) · "
            f"there is no {file}: give --redirect (people sign in) or --machine (a machine calls)"
        )
    lines = [f"id = {_toml(client)}", f"name = {_toml(name)}", f"name_en = {_toml(name)}"]
    if machine:
        scopes = ["api.read", "api.write"]
        lines += [
            'grants = ["client_credentials"]',
            f"scopes = {_toml(scopes)}",
            f"partner = {_toml(machine)}",
            'consent = "implied"',
        ]
    else:
        lines += [
            'grants = ["authorization_code", "refresh_token"]',
            f"redirect_uris = {_toml(list(redirect))}",
            "post_logout_redirect_uris = []",
            'scopes = ["openid", "profile"]',
            f"purposes = {{ profile = {_toml('Để biết ai đang làm thủ tục')} }}",
        ]
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _toml(value: str | list[str]) -> str:
    """TOML's basic strings and arrays are JSON's."""
    return json.dumps(value, ensure_ascii=False)


def _show(client: str, secret: str | None, auth: str, as_json: bool) -> None:
    from gateway.cli.show import print_json

    if as_json:
        print_json({"client_id": client, "client_secret": secret, "auth": auth})
    elif secret is None:
        click.echo(f"{client}: {auth}, không có mã bí mật · no secret to show", err=True)
    else:
        click.echo(f"{client}; chỉ hiện lần này · shown this once:", err=True)
        click.echo(secret)
