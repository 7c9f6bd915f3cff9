"""The front door over a real gateway with the shipped configuration: real mappings, code lists and connectors, nothing listening behind."""

from __future__ import annotations

import json
import shutil
from atexit import register
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from gateway.config import default_folder
from gateway.flow.gateway import Gateway
from gateway.ledger.keys import add_key
from gateway.ledger.schema import upgrade
from gateway.web.app import create_app

PARTNERS = ("one-stop", "portal", "vnpost", "agency")


class Door:
    """The app's client, and a bearer key for each partner."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.app = create_app(gateway)
        self.client: FlaskClient = self.app.test_client()
        with gateway.ledger.write() as connection:
            self.keys = {
                p: add_key(connection, p, "bearer", "test", gateway.now())[1]
                for p in PARTNERS
                if p in gateway.config.partners
            }

    def headers(self, partner: str | None, more: dict[str, str] | None = None) -> dict[str, str]:
        known = {"Authorization": f"Bearer {self.keys[partner]}"} if partner else {}
        return {**known, **(more or {})}

    def post(self, path: str, body: Any, partner: str | None = "one-stop", **headers: str) -> TestResponse:
        """`body` is sent as JSON, or as it is when it is bytes. Underscores in header names stand for dashes."""
        raw = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
        more = {"Content-Type": "application/json", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return self.client.post(path, data=raw, headers=self.headers(partner, more))

    def get(self, path: str, partner: str | None = "one-stop", **headers: str) -> TestResponse:
        more = {k.replace("_", "-"): v for k, v in headers.items()}
        return self.client.get(path, headers=self.headers(partner, more))


@cache
def _pattern() -> Path:
    file = Path(mkdtemp(prefix="lt-door-")) / "ledger.db"
    upgrade(f"sqlite:///{file}")
    register(shutil.rmtree, file.parent, ignore_errors=True)
    return file


def fresh_ledger(folder: Path) -> str:
    """The address of an empty SQLite ledger; the schema is made once and copied."""
    shutil.copy(_pattern(), folder / "ledger.db")
    return f"sqlite:///{folder / 'ledger.db'}"


def make_home(folder: Path) -> Path:
    home = folder / "home"
    shutil.copytree(default_folder(), home / "config")
    return home


@contextmanager
def open_door(home: Path, now: Callable[[], datetime]) -> Iterator[Door]:
    gateway = Gateway(home, now=now)
    try:
        yield Door(gateway)
    finally:
        gateway.close()


def faults(response: TestResponse) -> dict[str, str]:
    """Pointer → code of every fault of a problem document."""
    assert response.content_type == "application/problem+json"
    return {f["pointer"]: f["code"] for f in response.json["faults"]}  # type: ignore[index]
