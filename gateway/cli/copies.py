"""`lienthong db backup` and `lienthong db restored`: a copy of the ledger, and what must be said after one was put back."""

from __future__ import annotations

from pathlib import Path

import click

from gateway.cli.options import answerable, as_json, at_home, open_books


@click.command(epilog="Ví dụ · Example:  lienthong db backup /var/backups/lienthong.db")
@click.argument("file", metavar="TỆP", type=click.Path(dir_okay=False, path_type=Path))
@at_home
def backup(file: Path, home: Path) -> None:
    """Sao lưu cơ sở dữ liệu SQLite trong khi cổng đang chạy.

    Copy the SQLite ledger to a new file while the gateway runs. Copy data/files after it, never before. PostgreSQL: see docs/backup.md.
    """
    from gateway.ledger.copying import copy_ledger

    size = copy_ledger(open_books(home), file)
    click.echo(f"{file}: {size} byte; tiếp theo sao thư mục tệp · now copy the folder of files")


@click.command(epilog='Ví dụ · Example:  lienthong db restored --reason "hỏng đĩa, phục hồi bản 02:00"')
@at_home
@answerable
@as_json
def restored(home: Path, who: str, reason: str, as_json: bool) -> None:
    """Báo rằng cơ sở dữ liệu vừa được phục hồi từ bản sao: hỏi đối tác trước khi gửi bất cứ gì.

    Say that a copy of the ledger was put back: whatever is open is in doubt, and every partner is asked before anything is sent. Run it
    before any other process of the gateway is started.
    """
    from gateway.cli.show import print_json
    from gateway.ledger.restoring import declare
    from gateway.message import utc_now

    with open_books(home).write() as connection:
        found = declare(connection, who=who, reason=reason, now=utc_now())
    if as_json:
        print_json(found)
    else:
        click.echo(
            f"{found['in_doubt']} lượt gửi sẽ được hỏi trước · deliveries are asked about first; "
            f"{found['parked']} chờ người xử lý · are parked"
        )
        click.echo(
            "Đăng nhập một lần: bí mật của hệ thống đã thay sau bản sao nay lại dùng được, hãy thay tất cả "
            "(lienthong clients rotate ID --days 0) · sign-on: client secrets that were replaced since the copy are good again; rotate them all"
        )
