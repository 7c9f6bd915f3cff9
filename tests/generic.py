"""Partners joined by a file alone: those of the READMEs of `rest`, `mailbox` and `folder`, with the mappings they name. All people are invented."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.config import resolve_secrets

ROOT = Path(__file__).resolve().parents[1]
NOWHERE = "http://127.0.0.1:9"
SECRETS = {
    "LIENTHONG_SO_Y_TE_URL": NOWHERE,
    "LIENTHONG_SO_Y_TE_TOKEN_URL": f"{NOWHERE}/token",
    "LIENTHONG_SO_Y_TE_SECRET": "mat-thu",
    "LIENTHONG_TRUC_URL": NOWHERE,
    "LIENTHONG_TRUC_KEY": "khoa-thu",
}
PARTNERS = {"so-y-te": "rest", "truc-ho-so": "mailbox"}
COUNTS: dict[str, Callable[[dict[str, Any]], list[str]]] = dict.fromkeys(PARTNERS, lambda book: book["keys"])

_DOSSIER_MAP = """\
about: Hồ sơ → Sở Y tế
source: view(DossierSubmitted)
fields:
  maHoSo: dossier.dossier
  nguoiNop: dossier.applicant.name | max(100)
  ngayNop: dossier.submitted_at | time(dd/MM/yyyy HH:mm:ss)
"""
_STATUS_MAP = """\
about: Trạng thái của Sở Y tế → StatusChanged
source: samples
target: canonical
fields:
  id: = "syt-{maHoSo}-{trangThai}"
  type: = "StatusChanged"
  dossier: maHoSo | form(dossier_code)
  event_time: ngay | from_time(dd/MM/yyyy HH:mm:ss)
  status: trangThai | code(status) | number
  content: noiDung | max(2000)
  officer:
    fields:
      name: canBo
"""
_CODES = "table,from,to,note\nstatus,DXL,4,\nstatus,BS,5,\nstatus,XONG,9,\n"
CODE = "000.00.01.H99-260105-0001"


def row(number: int = 1, status: str = "DXL", **changes: Any) -> dict[str, Any]:
    """One row of what the Department of Health says of a dossier."""
    code = f"000.00.01.H99-260105-{number:04d}"
    told = {"maHoSo": code, "trangThai": status, "ngay": "05/01/2026 14:30:00", "noiDung": "Đang thẩm định"}
    return {**told, "canBo": "Trần Thị Ví Dụ", **changes}


def add_mappings(home: Path) -> None:
    """The two mappings that the READMEs' files name, with a sample each."""
    made = {"maHoSo": CODE, "nguoiNop": "Nguyễn Văn Mẫu", "ngayNop": "05/01/2026 08:15:00"}
    _mapping(home, "so_y_te_dossier", _DOSSIER_MAP, {}, made)
    _mapping(home, "so_y_te_status", _STATUS_MAP, row(), {})
    (home / "config/mappings/so_y_te_status/codes.csv").write_text(_CODES, encoding="utf-8")


def _mapping(home: Path, name: str, sheet: str, came: Any, made: Any) -> None:
    folder = home / "config/mappings" / name
    (folder / "samples/one").mkdir(parents=True)
    (folder / "map.yaml").write_text(sheet, encoding="utf-8")
    for file, value in (("in", came), ("out", made)):
        if value:
            (folder / f"samples/one/{file}.json").write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")


def blocks(connector: str) -> list[str]:
    """The TOML of a README: the partner file first."""
    text = (ROOT / "connectors" / connector / "README.md").read_text(encoding="utf-8")
    return re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S)


def add_partner(home: Path, connector: str, change: Callable[[str], str] = str) -> Path:
    """The partner file of a README, `change`d, with its mappings and routes to it."""
    text = change(blocks(connector)[0])
    name = tomllib.loads(text)["id"]
    file = home / "config/partners" / f"{name}.toml"
    file.write_text(text, encoding="utf-8")
    if not (home / "config/mappings/so_y_te_dossier").exists():
        add_mappings(home)
    with (home / "config/routes.toml").open("a", encoding="utf-8") as routes:
        routes.write(
            f'\n[[route]]\nname = "hồ sơ về {name}"\nwhen = {{ type = ["DossierSubmitted"] }}\nto = ["{name}"]\n'
        )
    return file


def partner_file(file: Path) -> dict[str, Any]:
    """What `lienthong simulate --settings` hands to a twin."""
    table = tomllib.loads(file.read_text(encoding="utf-8"))
    settings = resolve_secrets(table["settings"], file.name)
    return {**table, "settings": settings, "folder": str(file.parent.parent)}


def addresses(partner: str, url: str) -> dict[str, str]:
    """The environment that leads a partner to its twin."""
    if partner == "so-y-te":
        return {"LIENTHONG_SO_Y_TE_URL": url, "LIENTHONG_SO_Y_TE_TOKEN_URL": f"{url}/token"}
    return {"LIENTHONG_TRUC_URL": url} if partner == "truc-ho-so" else {}
