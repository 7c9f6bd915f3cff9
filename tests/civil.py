"""Civil status and criminal records in a real gateway: partner files and routes are those the connectors' READMEs tell an operator to write."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from gateway.codes import CsvCodes
from gateway.errors import Refused
from gateway.flow.clock import Clock
from gateway.flow.gateway import Gateway
from gateway.simulation import Serve
from mappings.engine import load
from tests.door import make_home
from tests.house import House, dossier

ROOT = Path(__file__).resolve().parents[1]
MAPPINGS = load(None, CsvCodes(ROOT / "config/codelists"))
NOWHERE = "http://127.0.0.1:9"
SECRETS = {
    **{f"LIENTHONG_DVCLT_{name}_URL": NOWHERE for name in ("TOKEN", "LIST", "DETAIL", "RECEIVED", "STATUS")},
    "LIENTHONG_DVCLT_USERNAME": "mcdt-mau",
    "LIENTHONG_DVCLT_PASSWORD": "mat-thu",
    **{f"LIENTHONG_HOTICH_{name}_URL": NOWHERE for name in ("TOKEN", "REGISTER", "RESULT")},
    "LIENTHONG_HOTICH_CLIENT": "tinh-mau",
    "LIENTHONG_HOTICH_SECRET": "mat-thu",
    "LIENTHONG_VNEID_RESULT_URL": NOWHERE,
    "LIENTHONG_CODE_URL": NOWHERE,
    "LIENTHONG_LLTP_REGISTER_URL": NOWHERE,
    "LIENTHONG_LLTP_RESULT_URL": NOWHERE,
    "LIENTHONG_LLTP_KEY": "khoa-thu",
}


def addresses(connector: str, url: str) -> dict[str, str]:
    """The environment that leads a connector's partners to its twin at `url`."""
    if connector == "dvclt":
        paths = {"TOKEN": "token", "LIST": "list", "RECEIVED": "received", "STATUS": "status"}
        detail = {"LIENTHONG_DVCLT_DETAIL_URL": f"{url}/api/lienthongdvclt/hosolienthong"}
        return {f"LIENTHONG_DVCLT_{name}_URL": f"{url}/{path}" for name, path in paths.items()} | detail
    if connector == "hotich_btp":
        paths = {"TOKEN": "token", "REGISTER": "register", "RESULT": "results"}
        return {f"LIENTHONG_HOTICH_{name}_URL": f"{url}/{path}" for name, path in paths.items()}
    return {
        "LIENTHONG_VNEID_RESULT_URL": f"{url}/vneid/result",
        "LIENTHONG_CODE_URL": f"{url}/one-stop/code",
        "LIENTHONG_LLTP_REGISTER_URL": f"{url}/ministry/register",
        "LIENTHONG_LLTP_RESULT_URL": f"{url}/ministry/standing",
    }


PARTNERS = {"dvclt": "dvclt", "hotich": "hotich_btp", "vneid": "lltp", "lltp": "lltp"}
COUNTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "dvclt": lambda book: [e["soHoSoLT"] for e in book["statuses"]],
    "hotich": lambda book: [e["maHoSoMCDT"] for e in book["registrations"]],
    "vneid": lambda book: [e["maHoSoMCDT"] for e in book["results"]],
    "lltp": lambda book: [e["maHoSoMCDT"] for e in book["dossiers"]],
}


def linked_dossier(number: int) -> dict[str, Any]:
    """A dossier that each of them has to do with."""
    code = f"000.00.01.H99-260105-{number:04d}"
    facts = {
        "nycHoTen": "Nguyễn Văn Mẫu",
        "lt:maHoSo": code,
        "lt:maDonVi": "101",
        "lt:module": "KS",
        "lltp:toKhai": '{"loaiPhieu":"1","nycHoTen":"Nguyễn Văn Mẫu"}',
    }
    paper = {"id": "1", "name": "to-khai.pdf", "sha256": "5f" * 32, "media_type": "application/pdf"}
    return dossier(number, facts=facts, attachments=[paper])


def prepare(partner: str, server: Serve) -> dict[str, str]:
    """Where the partner is, and at DVCLT the dossiers that it must know; nothing for other partners."""
    if partner == "dvclt":
        for number in range(1, 31):
            server.twin.act({"born": {"code": linked_dossier(number)["dossier"]}})
    return addresses(PARTNERS[partner], server.url) if partner in PARTNERS else {}


def add_partners(home: Path, partner: str) -> None:
    """The partner files and routes of the README that tells of `partner`; nothing for other partners."""
    if partner in PARTNERS:
        text = (ROOT / "connectors" / PARTNERS[partner] / "README.md").read_text(encoding="utf-8")
        for block in re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S):
            add_block(home, block)


def civil_home(folder: Path) -> Path:
    """A home with all of them."""
    home = make_home(folder)
    for partner in ("dvclt", "hotich", "vneid"):  # one README tells of VNeID and of the Ministry
        add_partners(home, partner)
    return home


def add_block(home: Path, block: str) -> None:
    name = tomllib.loads(block).get("id")
    if name is not None:
        (home / "config/partners" / f"{name}.toml").write_text(block, encoding="utf-8")
        return
    with (home / "config/routes.toml").open("a", encoding="utf-8") as file:
        file.write(f"\n{block}")


class Desk:
    """The spine in memory, as a poller sees it."""

    def __init__(self, known: Mapping[str, Any] | None = None, rows: Sequence[Mapping[str, Any]] = ()) -> None:
        self.known = known
        self.rows = rows
        self.files: dict[str, bytes] = {}
        self.refuse = False

    def now(self) -> datetime:
        return datetime(2026, 1, 6, 2, 0, tzinfo=UTC)

    def translate(self, mapping: str, document: Any) -> Any:
        if self.refuse:
            raise Refused.of("/x", "x", "sai", "wrong")
        return MAPPINGS[mapping].translate(document)

    def dossier(self, code: str) -> Mapping[str, Any] | None:
        return self.known

    def waiting(self, statuses: Sequence[int], after: str, most: int) -> Sequence[Mapping[str, Any]]:
        found = [row for row in self.rows if row["dossier"]["dossier"] > after and row["status"] in statuses]
        return found[:most]

    def keep(self, content: bytes, media_type: str) -> str:
        name = sha256(content).hexdigest()
        self.files[name] = content
        return name


class Day:
    """A gateway whose one-stop and portal are notebooks and whose other partners are real connectors; time is the test's."""

    def __init__(self, home: Path) -> None:
        self.time = datetime(2026, 1, 5, 2, 0, tzinfo=UTC)
        self.gateway = Gateway(home, now=lambda: self.time)
        self.house = House(self.gateway)
        kept = {"one-stop", "portal", "vnpost"}
        self.gateway._outbounds = {k: v for k, v in self.gateway._outbounds.items() if k in kept}
        self.clock = Clock(self.gateway)

    def later(self, minutes: float) -> None:
        self.time += timedelta(minutes=minutes)

    def work(self) -> None:
        self.house.work()

    def poll(self, partner: str) -> int:
        """Read a feed to its end, then let everything be delivered."""
        count = self.clock.poll(partner)
        self.work()
        return count

    def close(self) -> None:
        self.gateway.close()
