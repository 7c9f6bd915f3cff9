"""Where the faults happen: fresh ledgers on either engine, and the operator's files of a small province."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from gateway.config import Amqp, Config, Route, default_folder
from gateway.ledger.schema import upgrade
from tests.engines import PostgreSQL, find_postgresql
from tests.faults.table import Absent

ENGINES = ("sqlite", "postgresql")
SOURCE = "one-stop"

GATEWAY = """
[delivery]
concurrency = 4
batch = 8
lease_seconds = 120
backoff_first = 1
backoff_most = 60
asks = 3
breaker_failures = 5
breaker_first = 2
breaker_most = 30
"""
PARTNER = """
id = "{name}"
name = "Đối tác {name}"
name_en = "Partner {name}"
connector = "one_stop_rest"
sends = ["DossierSubmitted", "StatusChanged", "SupplementRequested", "SupplementProvided", "PostalEvent"]
"""
TYPES = ["DossierSubmitted", "StatusChanged", "SupplementRequested", "SupplementProvided", "PostalEvent"]


@cache
def scratch() -> Path:
    """A folder of this run, in memory where there is such: only processes die here, never the machine."""
    shared = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="lt-faults-", dir=shared if os.access(shared, os.W_OK) else None))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


@cache
def _pattern() -> Path:
    file = scratch() / "pattern.db"
    upgrade(f"sqlite:///{file}")
    return file


@cache
def postgresql() -> PostgreSQL:
    """One server for the whole run. Raises `Absent`."""
    binaries = find_postgresql()
    if binaries is None:
        raise Absent("chưa cài PostgreSQL · no PostgreSQL server is installed: apt-get install postgresql")
    server = PostgreSQL(binaries)
    atexit.register(server.stop)
    return server


@contextmanager
def fresh(engine: str) -> Iterator[str]:
    """The address of an empty ledger."""
    if engine == "postgresql":
        with postgresql().database() as url:
            yield url
        return
    folder = Path(tempfile.mkdtemp(dir=scratch()))
    shutil.copy(_pattern(), folder / "ledger.db")
    yield f"sqlite:///{folder / 'ledger.db'}"
    shutil.rmtree(folder)


@cache
def _home(partners: tuple[str, ...]) -> Path:
    home = Path(tempfile.mkdtemp(dir=scratch()))
    folder = home / "config"
    shutil.copytree(default_folder(), folder)
    shutil.rmtree(folder / "partners")
    (folder / "partners").mkdir()
    (folder / "gateway.toml").write_text(GATEWAY, encoding="utf-8")
    (folder / "routes.toml").write_text("", encoding="utf-8")
    for name in partners:
        (folder / "partners" / f"{name}.toml").write_text(PARTNER.format(name=name), encoding="utf-8")
    return home


def lay_out(url: str, told: list[str], *, known: tuple[str, ...], **delivery: Any) -> Config:
    """A configuration in which everything goes to the partners `told`, and results by post to ``post`` when it is among `known`.

    `delivery` are settings for all destinations, over those of this file.
    """
    config = Config(_home(tuple(sorted({SOURCE, *known}))))
    config.settings = config.settings.model_copy(
        update={
            "ledger": url,
            "data": config.home / "data",
            "channel": "memory",
            "delivery": config.settings.delivery.model_copy(update=delivery),
        }
    )
    config.partners[SOURCE] = config.partners[SOURCE].model_copy(update={"amqp": Amqp(inbox=True)})
    config.routes = [_route("everything", {"type": TYPES}, to=told)]
    if "post" in known:
        config.routes += [
            _route("back to the counter", {"type": ["StatusChanged", "PostalEvent"], "source": ["post"]}, to=[SOURCE]),
            _route("orders", {"type": ["PostalOrdered"]}, to=["post"]),
            _route(
                "result", {"type": ["StatusChanged"], "status": [9], "wishes": ["return"]}, implies="result_by_post"
            ),
            _route(
                "home", {"type": ["PostalEvent"], "state": ["delivered"], "leg": ["return"]}, implies="returned_by_post"
            ),
        ]
    return config


def _route(name: str, when: Mapping[str, Any], **where: Any) -> Route:
    return Route.model_validate({"name": name, "when": when, **where})
