"""Options that several commands share, and what they open."""

from __future__ import annotations

import getpass
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from gateway.config import Config
    from gateway.flow.gateway import Gateway
    from gateway.ledger import Ledger

F = TypeVar("F", bound=Callable[..., Any])

at_home = click.option(
    "--home",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    envvar="LIENTHONG_HOME",
    default=".",
    metavar="DIR",
    help="Thư mục có config/ và data/ (mặc định: thư mục này) · the folder with config/ and data/ (default: this one).",
)
as_json = click.option("--json", "as_json", is_flag=True, help="In JSON thay cho bảng · print JSON instead of a table.")
at_most = click.option(
    "--limit", type=click.IntRange(1, 10_000), default=200, show_default=True, help="Nhiều nhất mấy dòng · most rows."
)


def answerable(function: F, *, required: bool = True) -> F:
    """`--reason`, required, and `--who`: an act without them is not done. Not `required` where only a part of the command is an act."""
    who = click.option(
        "--who",
        envvar="LIENTHONG_WHO",
        default=getpass.getuser,
        metavar="TÊN",
        help="Ai làm (mặc định: người đang đăng nhập) · who acts.",
    )
    reason = click.option(
        "--reason",
        required=required,
        metavar="LÝ DO",
        callback=_filled,
        help="Vì sao; được ghi lại · why; it is recorded.",
    )
    return who(reason(function))


def _filled(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and not value.strip():
        raise click.BadParameter("không được để trống · must not be blank")
    return value


def read_config(home: Path) -> Config:
    """Raises `Misconfigured`."""
    from gateway.config import Config

    return Config(home)


def open_gateway(home: Path) -> Gateway:
    """Everything, for a command that accepts, translates or calls a partner; closed when the command ends, however it ends."""
    from gateway.flow.gateway import Gateway
    from gateway.signals import keep_stdout_clean

    keep_stdout_clean()
    config = read_config(home)
    _must_exist(config)
    gateway = Gateway(home, config=config)
    click.get_current_context().call_on_close(gateway.close)
    return gateway


def open_books(home: Path) -> Ledger:
    """The ledger alone, with its schema checked, for a command that only reads it or records an act."""
    from gateway.ledger import open_ledger
    from gateway.ledger.schema import require_schema
    from gateway.signals import keep_stdout_clean

    keep_stdout_clean()
    config = read_config(home)
    _must_exist(config)
    ledger = open_ledger(config.settings.ledger_url)
    click.get_current_context().call_on_close(ledger.close)
    require_schema(ledger)
    return ledger


def _must_exist(config: Config) -> None:
    """SQLite would make a missing file, empty; but a command in the wrong folder should say so and leave nothing behind."""
    from gateway.ledger.schema import SchemaBehind

    file = config.data / "lienthong.db"
    if not config.settings.ledger and not file.exists():
        raise SchemaBehind(
            f"{file}: chưa có cơ sở dữ liệu · no ledger here: đúng --home chưa? nếu đúng · if it is the right one: lienthong db upgrade"
        )
