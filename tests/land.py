"""The land office and the tax office as partners of a real gateway: their files and routes are those their READMEs tell an operator to write."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from tests.door import make_home
from tests.house import dossier

ROOT = Path(__file__).resolve().parents[1]
SECRETS = {
    "LIENTHONG_LAND_URL": "http://127.0.0.1:9",
    "LIENTHONG_LAND_CODE": "ma-bao-mat-van-phong-dat",
    "LIENTHONG_TAX_KEY": "khoa-bao-mat-co-quan-thue",
    "LIENTHONG_ILIS_CODE": "ma-lay-ket-qua-thue-ilis",
}
FACTS = {"TinhId": "19", "XaId": "00166", "SoThuTuThua": "12", "SoHieuBanDo": "34", "DienTich": "120.5"}


def add_partner(home: Path, connector: str) -> Path:
    """Write the partner file of a connector's README into a home, and its routes behind those that are there."""
    text = (ROOT / "connectors" / connector / "README.md").read_text(encoding="utf-8")
    partner, routes = re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S)
    # The shipped code list has no land procedure: here a dossier of another one goes that way.
    partner, routes = (part.replace("1.012783", "1.001193") for part in (partner, routes))
    name = tomllib.loads(partner)["id"]
    (home / "config/partners" / f"{name}.toml").write_text(partner, encoding="utf-8")
    with (home / "config/routes.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{routes}")
    return home


def land_home(folder: Path) -> Path:
    """A home with both."""
    return add_partner(add_partner(make_home(folder), "vbdlis"), "land_tax")


def land_dossier(number: int = 1, **changes: Any) -> dict[str, Any]:
    return dossier(number, **{"facts": FACTS, **changes})
