"""`lienthong new agency`: a partner file, a mapping folder for each document, a route row, from what the agency has to show."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from gateway.cli.options import at_home
from gateway.errors import Misconfigured

if TYPE_CHECKING:
    from gateway.cli.agency import Agency

T = TypeVar("T")

AUTH = ("none", "bearer", "api_key", "basic", "oauth2")


@click.group(epilog="Ví dụ · Example:  lienthong new agency so-y-te")
def new() -> None:
    """Tạo mới: tệp của một cơ quan.

    Begin something new: an agency's files.
    """


@new.command(
    epilog="""Ví dụ · Examples:

\b
  lienthong new agency so-y-te                       # hỏi từng câu · asks
  lienthong new agency so-y-te --name "Sở Y tế" --name-en "Department of Health" --speaks rest \\
      --url https://yte.example.gov.vn/api --auth bearer --gets DossierSubmitted=ho-so.json --path /ho-so \\
      --says StatusChanged=trang-thai.json --organisation 000.00.18.H99
  lienthong new agency so-xay-dung --speaks soap --describes dich-vu.wsdl --gets DossierSubmitted=NhanHoSo …
"""
)
@click.argument("id", metavar="MÃ")
@click.option("--name", help="Tên tiếng Việt · its name in Vietnamese.")
@click.option("--name-en", help="Tên tiếng Anh · its name in English.")
@click.option("--speaks", type=click.Choice(["rest", "soap"]), help="Giao thức của họ · their protocol.")
@click.option(
    "--describes",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="TỆP",
    help="WSDL hoặc OpenAPI của họ · their WSDL (with what it imports beside it) or OpenAPI document.",
)
@click.option("--url", help="Địa chỉ của họ · their address (default: what the description says).")
@click.option("--auth", type=click.Choice(AUTH), help="Cách họ nhận ra ta · how they know us.")
@click.option(
    "--gets",
    multiple=True,
    metavar="LOẠI[=MẪU]",
    help="Họ nhận gì: loại bản tin = mẫu JSON họ muốn, hoặc tên thao tác trong tệp mô tả; không có mẫu: bản tin chuẩn · what they get: "
    "a type = a sample of what they want, or an operation of the description; without: the canonical message.",
)
@click.option(
    "--path",
    "paths",
    multiple=True,
    metavar="ĐƯỜNG_DẪN",
    help="Đường dẫn REST của từng --gets, theo thứ tự · the REST path of each --gets, in order.",
)
@click.option(
    "--says",
    multiple=True,
    metavar="LOẠI[=MẪU]",
    help="Họ gửi gì cho ta: loại bản tin = mẫu JSON họ gửi · what they send us: a type = a sample of what they send.",
)
@click.option(
    "--organisation", "organisations", multiple=True, metavar="MÃ", help="Đơn vị họ đại diện · units it may speak for."
)
@click.option(
    "--procedure",
    "procedures",
    multiple=True,
    metavar="MẪU",
    help="Chỉ thủ tục này (có thể dùng *) · only these procedures.",
)
@click.option("--dry-run", is_flag=True, help="Chỉ in ra, không ghi · print, write nothing.")
@at_home
def agency(id: str, home: Path, dry_run: bool, **told: Any) -> None:
    """Thêm một cơ quan: tệp đối tác, ánh xạ nháp kèm mẫu, dòng tuyến; không cần Python.

    Write what an agency needs to join: its partner file (not enabled yet), a drafted mapping with samples for each document, its route.
    Asks for what is not given. Nothing is overwritten. What a person must finish stands as ??? and is named at the end.
    """
    from gateway.cli.agency import begin

    if not re.fullmatch(r"[a-z][a-z0-9-]{1,40}", id):
        raise Misconfigured(f"{id!r}: mã gồm chữ thường, số và gạch ngang · lower-case letters, digits and hyphens")
    _ask_for_rest(told)
    made = begin(home, id, **told)
    if dry_run:
        for file, text in made.files.items():
            click.echo(f"# ── {file}\n{text if isinstance(text, str) else text.decode('utf-8', 'replace')}")
        return
    for file in made.write():
        click.echo(f"+ {file}")
    click.echo("\n" + "\n".join(_steps(made)))


def _ask_for_rest(told: dict[str, Any]) -> None:
    """Raises `Misconfigured` naming everything that is missing when nobody can be asked."""
    questions = {
        "name": "Tên tiếng Việt · its name in Vietnamese",
        "name_en": "Tên tiếng Anh · its name in English",
        "speaks": "Giao thức · protocol (rest, soap)",
    }
    if not sys.stdin.isatty():
        missing = [f"--{name.replace('_', '-')}" for name in questions if not told[name]]
        missing += ["--gets | --says"] if not (told["gets"] or told["says"]) else []
        missing += ["--describes"] if told["speaks"] == "soap" and not told["describes"] else []
        missing += ["--url"] if told["speaks"] == "rest" and not (told["url"] or told["describes"]) else []
        if missing:
            raise Misconfigured(f"còn thiếu · missing: {', '.join(missing)}")
        return
    for name, question in questions.items():
        told[name] = told[name] or click.prompt(question)
    if told["describes"] is None and (
        told["speaks"] == "soap" or click.confirm("Có tệp OpenAPI không? · is there an OpenAPI document?")
    ):
        told["describes"] = click.prompt("Tệp mô tả · the file", type=click.Path(exists=True, path_type=Path))
    if not told["url"] and not told["describes"]:
        told["url"] = click.prompt("Địa chỉ · address")
    told["auth"] = told["auth"] or click.prompt(
        "Cách họ nhận ra ta · how they know us", type=click.Choice(AUTH), default="bearer"
    )
    if not told["gets"] and not told["says"]:
        told["gets"] = _ask_list("Họ nhận gì · what they get: LOẠI=mẫu.json (Enter: hết · done)")
        told["says"] = _ask_list("Họ gửi gì · what they send: LOẠI=mẫu.json (Enter: hết · done)")
    told["organisations"] = told["organisations"] or _ask_list("Mã đơn vị · unit code (Enter: hết · done)")


def _ask_list(question: str) -> Sequence[str]:
    found = []
    while given := click.prompt(question, default="", show_default=False):
        found.append(given)
    return found


def _steps(made: Agency) -> Sequence[str]:
    steps = [*(f"lienthong map test {name}" for name in made.mappings)]
    open_lines = [f"  {file}:{number}: {line}" for file, number, line in made.unfinished()]
    told = [f"! {note}" for note in made.notes]
    if open_lines:
        told += ["Hoàn thành các dòng ??? · finish the ??? lines:", *open_lines]
    told += ["Rồi · then:", *(f"  {step}" for step in steps)]
    if made.secrets:
        told.append(f"  export {' '.join(f'{name}=…' for name in made.secrets)}")
    told += [
        f"  lienthong simulate {made.id} --send      # thử với bản mô phỏng của họ · try it against their twin",
        f"  {made.partner_file}: enabled = true",
        "  lienthong check && lienthong reload",
    ]
    if made.says:
        told.append(f"  lienthong keys add {made.id}             # khóa để họ gọi ta · the key with which they call us")
    return told
