"""`lienthong`: the list of commands, and how an error is told."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

COMMANDS = {
    "up": "up:up",
    "demo": "demo:demo",
    "web": "web:web",
    "work": "work:work",
    "clock": "clock:clock",
    "reload": "reload:reload",
    "check": "check:check",
    "flow": "flow:flow",
    "send": "send:send",
    "trace": "trace:trace",
    "explain": "explain:explain",
    "parked": "parked:parked",
    "doubts": "doubts:doubts",
    "held": "held:held",
    "reconcile": "reconcile:reconcile",
    "incidents": "incidents:incidents",
    "digest": "digest:digest",
    "new": "new:new",
    "stats": "stats:stats",
    "delays": "delays:delays",
    "lint": "lint:lint",
    "partners": "partners:partners",
    "keys": "keys:keys",
    "clients": "clients:clients",
    "people": "people:people",
    "map": "mapping:mapping",
    "codes": "codes:codes",
    "calendar": "calendar:calendar",
    "simulate": "simulate:simulate",
    "db": "db:db",
    "bench": "bench:bench",
}
"""Name → file in this folder : command in it. Their order is that of the help."""


class Commands(click.Group):
    """Loads a command's file when the command is asked for, and turns the errors an operator can mend into one message."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        file, _, name = COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(f"gateway.cli.{file}"), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, in_short(self.get_command(ctx, name))) for name in COMMANDS]
        with formatter.section("Lệnh · Commands"):
            formatter.write_dl(rows)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.UsageError as error:
            raise in_both_languages(error) from error
        except Exception as error:
            raise told(error) from error


class Told(click.ClickException):
    """One clear message, exit code 1: it could not be done now."""

    def show(self, file: Any = None) -> None:
        click.echo(f"Lỗi · Error: {self.message}", err=True)


class Wrong(Told):
    """Exit code 2: what was given, words or files, is wrong, and trying again will not help."""

    exit_code = 2


def told(error: Exception) -> Exception:
    """The error as it is shown: itself, when it is a fault of ours."""
    words = tell(error)
    return error if words is None else (Wrong if _is_wrong(error) else Told)(words)


def in_both_languages(error: click.UsageError) -> click.UsageError:
    """Click's own words, with a Vietnamese sentence before them when we have not written them ourselves."""
    said = error.format_message()
    if not said.isascii() and " · " in said:
        return error
    kinds = (
        (click.MissingParameter, "thiếu tham số bắt buộc"),
        (click.NoSuchOption, "không có tùy chọn này"),
        (click.BadParameter, "giá trị không hợp lệ"),
        (click.UsageError, "gõ sai lệnh hoặc tham số"),
    )
    words = next(words for kind, words in kinds if isinstance(error, kind))
    return click.UsageError(f"{words} · {said}", ctx=error.ctx)


def in_short(command: click.Command | None) -> str:
    """The beginning in each language: the first two paragraphs of the help, up to their first stop."""
    paragraphs = (command.help or "" if command else "").split("\n\n")[:2]
    return " · ".join(re.split(r"[.:;] |\.$", " ".join(p.split()))[0] for p in paragraphs)


def tell(error: Exception) -> str | None:
    """What an operator should read; None for a fault of ours, which deserves its traceback."""
    from gateway.errors import DeliveryError, Misconfigured, Refused

    if isinstance(error, Refused):
        lines = [f"{error.title} · {error.title_en}"]
        lines += [f"  {f.pointer + ': ' if f.pointer else ''}{f.detail} · {f.detail_en}" for f in error.faults]
        return "\n".join(lines)
    if isinstance(error, DeliveryError):
        return f"{error.reason} [{error.code}]" if error.code else error.reason
    if isinstance(error, Misconfigured):
        return str(error)
    opening = sys.modules.get(
        "gateway.ledger.opening"
    )  # not imported for this: a command that opened no ledger has none away
    if opening is not None and isinstance(error, opening.LedgerAway):
        return f"cơ sở dữ liệu không trả lời · the ledger does not answer: {error}"
    return None


def _is_wrong(error: Exception) -> bool:
    from gateway.errors import Misconfigured

    schema = sys.modules.get("gateway.ledger.schema")
    behind = schema is not None and isinstance(error, schema.SchemaBehind)  # somebody is about to mend that
    return isinstance(error, Misconfigured) and not behind


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 120},
    epilog="Bắt đầu · Start: `lienthong demo`, rồi · then `lienthong up`.  Mỗi lệnh · each command: `lienthong LỆNH --help`.",
)
@click.option(
    "--home",
    envvar="LIENTHONG_HOME",
    metavar="DIR",
    help="Thư mục có config/ và data/ · the folder with config/ and data/.",
)
@click.version_option(
    package_name="lienthong", message="lienthong %(version)s", help="Xem phiên bản · show the version."
)
def root(home: str | None) -> None:
    """Liên thông: cổng tích hợp hồ sơ giữa một cửa, bưu điện và Cổng Dịch vụ công quốc gia.

    An integration gateway: every system tells the same truth about every dossier.
    """
    if home:
        os.environ["LIENTHONG_HOME"] = home


def main(arguments: Sequence[str] | None = None) -> None:
    root(args=arguments, prog_name="lienthong")


if __name__ == "__main__":
    main()
