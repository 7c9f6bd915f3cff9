"""The trunks and one-stop relatives in a real gateway: partner files and routes are those the connectors' READMEs tell an operator to write."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gateway.canonical.scalars import write_instant
from gateway.ledger.queries import deliveries_of, held_of, messages_of, statuses_of
from tests.civil import Day, add_block
from tests.door import fresh_ledger, make_home
from tests.house import dossier

ROOT = Path(__file__).resolve().parents[1]
CODE = "000.00.01.H99-260105-0001"
OFFICER = {"name": "Trần Thị Ví Dụ", "unit": "Phòng Một cửa"}
NOWHERE = "http://127.0.0.1:9"
PARTNERS = {"trunk": "edxml", "axis": "msync", "opencps": "opencps", "profiles": "bttt_profile"}
SECRETS = {
    "LIENTHONG_TRUNK_URL": NOWHERE,
    "LIENTHONG_TRUNK_SECRET": "mat-thu",
    "LIENTHONG_MSYNC_URL": NOWHERE,
    "LIENTHONG_MSYNC_TOKEN_URL": NOWHERE,
    "LIENTHONG_MSYNC_CLIENT": "tinh-mau",
    "LIENTHONG_MSYNC_SECRET": "mat-thu",
    "LIENTHONG_OPENCPS_URL": NOWHERE,
    "LIENTHONG_OPENCPS_USERNAME": "mot-cua",
    "LIENTHONG_OPENCPS_PASSWORD": "mat-thu",
    **{f"LIENTHONG_PROFILES_{name}_URL": NOWHERE for name in ("TOKEN", "LIST", "DETAIL", "ACK", "PROFILE", "STATUS")},
    "LIENTHONG_PROFILES_CLIENT": "tinh-mau",
    "LIENTHONG_PROFILES_SECRET": "mat-thu",
}
COUNTS: dict[str, Callable[[dict[str, Any]], list[str]]] = {
    "trunk": lambda book: [row["documentId"] for row in book["sent"]],
    "axis": lambda book: list(book["documents"]),
    "opencps": lambda book: list(book["dossiers"]),
    "profiles": lambda book: [row["source_id"] for row in book["steps"]],
}


def addresses(partner: str, url: str) -> dict[str, str]:
    """The environment that leads a partner to its twin at `url`; nothing for other partners."""
    return {
        "trunk": {"LIENTHONG_TRUNK_URL": f"{url}/vxp"},
        "axis": {"LIENTHONG_MSYNC_URL": url, "LIENTHONG_MSYNC_TOKEN_URL": f"{url}/token"},
        "opencps": {"LIENTHONG_OPENCPS_URL": f"{url}/o/rest/v2"},
        "profiles": {
            name: f"{url}/{name.split('_')[2].lower()}"
            for name in SECRETS
            if name.startswith("LIENTHONG_PROFILES_") and name.endswith("_URL")
        },
    }.get(partner, {})


def trunk_dossier(number: int) -> dict[str, Any]:
    """A dossier with a file, received."""
    paper = {"id": "1", "name": "to-khai.pdf", "sha256": "5f" * 32, "media_type": "application/pdf"}
    return dossier(number, attachments=[paper])


def profile_dossier(number: int) -> dict[str, Any]:
    """A dossier that came from the Ministry's exchange: it is told every step of it."""
    code = f"000.00.01.H99-260105-{number:04d}"
    reference = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
    facts = {"bttt:source_id": code, "bttt:ref_code": reference, "bttt:from_unit_code": "G99.DVC"}
    return dossier(number, facts=facts)


def add_partner(home: Path, partner: str) -> Path:
    """The partner file and route of the README that tells of `partner`; nothing for other partners."""
    if partner in PARTNERS:
        text = (ROOT / "connectors" / PARTNERS[partner] / "README.md").read_text(encoding="utf-8")
        for block in re.findall(r"^```toml\n(.*?)^```", text, re.M | re.S):
            add_block(home, block)
    return home


def status_rows(connector: str) -> list[dict[str, Any]]:
    """The rows of a connector's statuses.toml."""
    text = (ROOT / "connectors" / connector / "statuses.toml").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = tomllib.loads(text)["status"]
    return rows


class TrunkDay(Day):
    """A real gateway with one of these partners at its twin; one-stop, portal and post are notebooks. The trunk's dossier 1 is CODE."""

    def __init__(self, folder: Path, partner: str, url: str, monkeypatch: pytest.MonkeyPatch, more: str = "") -> None:
        """`more` stands at the top of the partner file's settings."""
        monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(folder))
        for variable, value in (SECRETS | addresses(partner, url)).items():
            monkeypatch.setenv(variable, value)
        home = add_partner(make_home(folder), partner)
        file = home / "config/partners" / f"{partner}.toml"
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("[settings]\n", f"[settings]\n{more}\n", 1), encoding="utf-8")
        super().__init__(home)

    def receive(self) -> None:
        """The one-stop received dossier 1, half an hour ago, and hands it on."""
        self.time = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
        self.house.accept("one-stop", dossier(1))
        self.work()

    def say(self, kind: str, **more: Any) -> None:
        """The one-stop says something more of it, ten minutes later."""
        self.later(10)
        body = {"type": kind, "id": f"mc-{self.time:%d%H%M}", "dossier": CODE, "event_time": write_instant(self.time)}
        self.house.accept("one-stop", body | more)
        self.work()

    def told(self, partner: str = "one-stop") -> list[str]:
        """The types of messages that a notebook got of it, in order."""
        with self.gateway.ledger.read() as connection:
            types = {row.id: row.type for row in messages_of(connection, CODE)}
        return [types[key] for key in self.house.partners[partner].keys(CODE)]

    def moves(self) -> list[int]:
        with self.gateway.ledger.read() as connection:
            return [row.status for row in statuses_of(connection, CODE)]

    def open_ends(self) -> list[str]:
        """What is not delivered, or held."""
        with self.gateway.ledger.read() as connection:
            undone = [
                f"{row.destination}: {row.state}: {row.reason}" for row in deliveries_of(connection, CODE, undone=True)
            ]
            return undone + [f"held: {row.held}" for row in held_of(connection, CODE)]
