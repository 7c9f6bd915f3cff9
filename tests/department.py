"""The invented department of connectors/soap/example: its file, contract and mapping, put where the README tells an operator to."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any

from connectors.soap import FOLDER
from connectors.soap.settings import Settings

EXAMPLE = FOLDER / "example"
PASSWORD = "mat-khau-so-vi-du"
PATH = "/HoSo.asmx"
ROUTE = """
[[route]]
name = "Hồ sơ về Sở Ví dụ"
when = { type = ["DossierSubmitted", "StatusChanged"] }
to = ["so-vi-du"]
"""


def partner_file() -> dict[str, Any]:
    return tomllib.loads((EXAMPLE / "partner.toml").read_text(encoding="utf-8"))


def raw_settings(url: str, **more: Any) -> dict[str, Any]:
    """`[settings]` of the example as they are when its secrets are resolved; its files are in `EXAMPLE`."""
    found: dict[str, Any] = partner_file()["settings"]
    auth = {**found["auth"], "password": PASSWORD}
    return {**found, "url": url + PATH, "auth": auth, "wsdl": "HoSo.wsdl", "total_timeout": 5, **more}


def settings(url: str, **more: Any) -> Settings:
    return Settings.model_validate(raw_settings(url, **more))


def twin_settings(**more: Any) -> dict[str, Any]:
    return {**raw_settings("http://127.0.0.1", **more), "folder": str(EXAMPLE)}


def add_department(home: Path) -> Path:
    """The partner, its contract, its mapping and a route that leads to it."""
    config = home / "config"
    shutil.copy(EXAMPLE / "partner.toml", config / "partners/so-vi-du.toml")
    (config / "wsdl").mkdir(exist_ok=True)
    for name in ("HoSo.wsdl", "HoSo.xsd"):
        shutil.copy(EXAMPLE / name, config / "wsdl" / name)
    shutil.copytree(EXAMPLE / "mappings", config / "mappings", dirs_exist_ok=True)
    with (config / "routes.toml").open("a", encoding="utf-8") as routes:
        routes.write(ROUTE)
    return home


def addresses(url: str) -> dict[str, str]:
    return {"SO_VI_DU_URL": url + PATH, "SO_VI_DU_PASSWORD": PASSWORD}
