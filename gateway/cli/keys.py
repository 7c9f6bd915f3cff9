"""`lienthong keys`: with what partners show who they are."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import click

from gateway.cli.options import as_json, at_home, open_gateway
from gateway.errors import Misconfigured


@click.group(epilog="Ví dụ · Example:  lienthong keys add one-stop --note máy-chủ-chính")
def keys() -> None:
    """Khóa API của các đối tác.

    The partners' API keys. A key is shown once, when it is made; the ledger holds only its digest.
    """


@keys.command(epilog="Ví dụ · Example:  lienthong keys add portal --kind hmac --days 365")
@click.argument("partner", metavar="ĐỐI_TÁC")
@click.option(
    "--kind",
    type=click.Choice(["bearer", "hmac"]),
    default="bearer",
    show_default=True,
    help="hmac: mỗi yêu cầu được ký · each request is signed.",
)
@click.option("--note", metavar="GHI CHÚ", help="Để nhớ khóa này dùng ở đâu · what it is for.")
@click.option(
    "--days", type=click.IntRange(1, 3650), help="Có hiệu lực mấy ngày (mặc định: mãi) · how long it is good."
)
@at_home
@as_json
def add(partner: str, kind: str, note: str | None, days: int | None, home: Path, as_json: bool) -> None:
    """Tạo một khóa mới; chỉ hiện một lần.

    Make a new key. It is shown this once: give it to the partner by a safe way.
    """
    from gateway.ledger.keys import add_key

    gateway = open_gateway(home)
    if partner not in gateway.config.partners:
        raise Misconfigured(
            f"không có đối tác · no partner {partner!r}; có · known: {', '.join(gateway.config.partners)}"
        )
    now = gateway.now()
    with gateway.ledger.write() as connection:
        made = add_key(connection, partner, kind, note, now, _later(now, days), sign=gateway.sign)
    _show_made(made, partner, as_json)


@keys.command("list", epilog="Ví dụ · Example:  lienthong keys list --partner one-stop")
@click.option("--partner", metavar="ĐỐI_TÁC", help="Chỉ đối tác này · this partner only.")
@at_home
@as_json
def list_(partner: str | None, home: Path, as_json: bool) -> None:
    """Liệt kê các khóa, không có nội dung khóa.

    List the keys, never the secrets themselves.
    """
    from gateway.cli.show import print_json, table
    from gateway.ledger.keys import list_keys

    gateway = open_gateway(home)
    now = gateway.now()
    with gateway.ledger.read() as connection:
        rows = list_keys(connection, partner)
    if as_json:
        names = ("id", "partner", "kind", "note", "created_at", "expires_at", "disabled_at")
        print_json([{name: getattr(row, name) for name in names} | {"good": row.good(now)} for row in rows])
        return
    table(
        "Khóa · Keys",
        ("!Mã", "Đối tác", "Loại", "Ghi chú", "Tạo lúc", "Hết hạn", "Còn dùng"),
        [
            (
                r.id,
                r.partner,
                r.kind,
                r.note,
                r.created_at,
                r.expires_at,
                "được · good" if r.good(now) else "không · no",
            )
            for r in rows
        ],
    )


@keys.command(epilog="Ví dụ · Example:  lienthong keys disable 3f2a9c01d4e5")
@click.argument("key", metavar="MÃ_KHÓA")
@at_home
def disable(key: str, home: Path) -> None:
    """Vô hiệu một khóa, ngay.

    Disable a key: within seconds it opens nothing any more.
    """
    from gateway.ledger.keys import disable_key

    gateway = open_gateway(home)
    with gateway.ledger.write() as connection:
        row = disable_key(connection, key, gateway.now())
    click.echo(f"{row.id} ({row.partner}): đã vô hiệu · disabled")


@keys.command(epilog="Ví dụ · Example:  lienthong keys rotate 3f2a9c01d4e5 --days 7")
@click.argument("key", metavar="MÃ_KHÓA")
@click.option(
    "--days",
    type=click.FloatRange(0, 365),
    default=7,
    show_default=True,
    help="Khóa cũ còn dùng mấy ngày · how long the old one stays good.",
)
@at_home
@as_json
def rotate(key: str, days: float, home: Path, as_json: bool) -> None:
    """Thay khóa: khóa mới ngay, khóa cũ còn dùng thêm ít ngày. MÃ_KHÓA sign-on: khóa ký của đăng nhập một lần.

    Replace a key: the new one is good at once, the old one for some days more, so that nobody is cut off. The key `sign-on` means those that
    the one sign-on signs with: new ones are published now and used later; with --days 0 (stolen) the old ones end at once.
    """
    if key == "sign-on":
        return _rotate_signing(home, stolen=days == 0)
    from gateway.ledger.keys import find_key, rotate_key

    gateway = open_gateway(home)
    now = gateway.now()
    with gateway.ledger.write() as connection:
        made = rotate_key(connection, key, now, now + timedelta(days=days), sign=gateway.sign)
        row = find_key(connection, made[0])
    _show_made(made, row.partner if row else "", as_json)


def _rotate_signing(home: Path, stolen: bool) -> None:
    from gateway.flow.signon import open_signon
    from gateway.ledger.signon import SignOnLedger, note_admin

    gateway = open_gateway(home)
    signon = open_signon(gateway)
    if signon is None:
        raise Misconfigured("không có · there is no config/signon.toml")
    with SignOnLedger(gateway.ledger).write() as rows:
        made = signon.office.keys.rotate(rows, stolen)
        note_admin(rows, gateway.now(), "signing_keys_rotated", "", "stolen" if stolen else "planned")
    click.echo(f"khóa ký mới · new signing keys: {', '.join(made)}")


def _later(now: datetime, days: int | None) -> datetime | None:
    return now + timedelta(days=days) if days else None


def _show_made(made: tuple[str, str], partner: str, as_json: bool) -> None:
    from gateway.cli.show import print_json

    found: dict[str, Any] = {"id": made[0], "partner": partner, "key": made[1]}
    if as_json:
        print_json(found)
    else:
        click.echo(f"{found['id']} ({partner}); chỉ hiện lần này · shown this once:", err=True)
        click.echo(found["key"])
