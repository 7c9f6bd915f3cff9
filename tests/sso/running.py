"""The door with its sign-on on a real port, by the clock on the wall."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from gateway.ledger.signon import SignOnLedger
from gateway.message import utc_now
from sso.vault import digest
from tests.door import Door, fresh_ledger, make_home, open_door
from tests.sso.kit import SECRET, write_files

FOREIGN = Path(__file__).resolve().parents[1] / "foreign"
MODULES = FOREIGN.parents[1] / ".venvs" / "node" / "node_modules"


class Running:
    def __init__(self, door: Door, address: str) -> None:
        self.door = door
        self.address = address
        self.signon = door.app.extensions["lienthong-sso"].signon
        with SignOnLedger(door.gateway.ledger).write() as rows:
            for name, client in self.signon.office.clients.items():
                if client.needs_secret:
                    rows.add("secrets", id=f"s-{name}", client=name, digest=digest(SECRET), created_at=utc_now())

    def events(self, event: str) -> list[dict[str, Any]]:
        with SignOnLedger(self.door.gateway.ledger).read() as rows:
            return rows.all("events", order="id", event=event)


@contextmanager
def run_door(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: Callable[[str], tuple[str, Mapping[str, str]]]
) -> Iterator[Running]:
    """`files` makes (signon.toml, client files) of our address."""
    home = make_home(tmp_path)
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    apps: list[Any] = []  # the address must be known before the app is made

    def front(environ: Any, start: Any) -> Any:
        return apps[0](environ, start)

    http = make_server("127.0.0.1", 0, front, threaded=True)
    address = f"http://127.0.0.1:{http.server_port}"
    monkeypatch.setenv("LIENTHONG_PUBLIC_URL", address)
    settings, clients = files(address)
    write_files(home, settings, dict(clients))
    thread = threading.Thread(target=http.serve_forever)
    with open_door(home, utc_now) as door:
        apps.append(door.app)
        thread.start()
        try:
            yield Running(door, address)
        finally:
            http.shutdown()
            thread.join()
            http.server_close()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def wait_for(port: int, seconds: float = 20) -> None:
    until = time.monotonic() + seconds
    while True:
        with socket.socket() as trial:
            trial.settimeout(1)
            if trial.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < until, f"nothing listens at {port}"
        time.sleep(0.1)


def need(found: object, what: str) -> None:
    if not found:
        pytest.skip(f"{what} is not installed: `make test` installs it where it can")


def need_node(package: str) -> None:
    need(shutil.which("node") and (MODULES / package).is_dir(), f"Node's {package}")
