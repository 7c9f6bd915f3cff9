"""The demo's stage: a home of its own, the partners' twins, and the gateway between them, each in its own process."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from gateway.cli.lifeline import LIFELINE
from gateway.config import default_folder
from gateway.errors import DeliveryError, Misconfigured
from gateway.http import Http

TWINS = {"one-stop": "one_stop_rest", "portal": "mapi", "vnpost": "vnpost_hcc"}
ACCOUNTS = {
    "LIENTHONG_ONE_STOP_KEY": "khoa-mot-cua",
    "LIENTHONG_PORTAL_USERNAME": "mot-cua",
    "LIENTHONG_PORTAL_PASSWORD": "mat-khau-gia",
    "LIENTHONG_VNPOST_KEY": "khoa-thu",
    "LIENTHONG_VNPOST_SECRET": "mat-thu",
    "LIENTHONG_VNPOST_CUSTOMER": "C0001",
}
"""What the twins let in unless told otherwise. Invented, and good for nothing else."""

TTKM = """
[settings.ttkm]
received_by = { code = "000.00.10.H99", name = "Trung tâm Phục vụ hành chính công tỉnh" }
handled_by = { code = "000.00.02.H99", name = "Sở Công Thương" }
"""
RULES = """
mode = "heal"
every_seconds = 3
after_seconds = 1
again_seconds = 1
rate = 200
"""
"""The portal is asked about every dossier each few seconds, and what differs is healed without a person."""
QUICK = {"backoff_first": 0.2, "backoff_most": 2, "breaker_first": 1, "breaker_most": 2}


@dataclass
class Twin:
    """A partner's twin in its own process."""

    address: str
    http: Http

    def book(self) -> dict[str, Any]:
        book: dict[str, Any] = self.http.call("GET", "/_twin/book", total_timeout=30).json()
        return book

    def act(self, **order: Any) -> Any:
        reply = self.http.call("POST", "/_twin/act", json=order)
        if reply.status != 200:
            raise Misconfigured(f"bản mô phỏng từ chối · the twin refused {sorted(order)}: {reply.excerpt()}")
        return reply.json()["done"]

    def chaos(self, **profile: Any) -> None:
        self.http.call("POST", "/_twin/chaos", json=profile)


class Stage:
    """Everything that runs. `close` ends it all; so does the end of this process, however it comes."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.twins: dict[str, Twin] = {}
        self.keys: dict[str, str] = {}
        self.address = f"http://127.0.0.1:{free_port()}"
        self.environment = {**os.environ, **ACCOUNTS, "LIENTHONG_HOME": str(home), "LIENTHONG_PUBLIC_URL": self.address}
        for name in ("LIENTHONG_LEDGER", "LIENTHONG_DATA", "LIENTHONG_HOST", "LIENTHONG_PORT"):
            self.environment.pop(name, None)  # the demo touches no one's real data
        self._processes: list[subprocess.Popen[str]] = []
        self._lifeline = os.pipe()
        self._logs = home / "logs"

    def prepare(self) -> None:
        """The shipped configuration, with shorter waits and the portal's promotion notices switched on."""
        self._logs.mkdir(parents=True)
        config = self.home / "config"
        shutil.copytree(default_folder(), config)
        _rewrite(config / "gateway.toml", {rf"(?m)^{name} = .*$": f"{name} = {value}" for name, value in QUICK.items()})
        _rewrite(
            config / "partners" / "vnpost.toml",
            {r"poll_seconds = \d+": "poll_seconds = 1", r"\[settings\]": "[settings]\nlag = 1"},
        )
        portal = config / "partners" / "portal.toml"
        _rewrite(portal, {r"(?m)^mode = .*$": RULES.strip()})
        if "[settings.ttkm]" not in portal.read_text(encoding="utf-8"):
            _rewrite(portal, {r"\n\[mappings": TTKM + "\n[mappings"})

    def start_twins(self) -> None:
        started = {partner: self._start(partner, ["simulate", connector]) for partner, connector in TWINS.items()}
        for partner, process in started.items():
            address = self._first_line(partner, process).rpartition(" ")[2]
            self.twins[partner] = Twin(address, Http(base_url=address))
        post = self.twins["vnpost"].address
        self.environment |= {
            "LIENTHONG_ONE_STOP_URL": self.twins["one-stop"].address, "LIENTHONG_PORTAL_URL": self.twins["portal"].address,
            "LIENTHONG_VNPOST_TOKEN_URL": f"{post}/token", "LIENTHONG_VNPOST_ORDER_URL": f"{post}/order",
            "LIENTHONG_VNPOST_CANCEL_URL": f"{post}/cancel", "LIENTHONG_VNPOST_TRACKING_URL": f"{post}/tracking",
        }  # fmt: skip

    def start_gateway(self) -> None:
        """Schema, keys, then `lienthong up`; returns when it answers."""
        self.run("db", "upgrade")
        for partner in ("one-stop", "portal"):
            self.keys[partner] = self.run("keys", "add", partner, "--note", "demo").strip()
        self._first_line("up", self._start("up", ["up", "--port", self.address.rpartition(":")[2]]))

    def write_environment(self) -> Path:
        """What a `lienthong` command of another terminal wants of this house, for `set -a; . FILE; set +a`."""
        file = self.home / "lienthong.env"
        ours = {name: value for name, value in self.environment.items() if name.startswith("LIENTHONG_")}
        lines = [f"PATH={shlex.quote(str(Path(sys.executable).parent))}:$PATH"]
        lines += [f"{name}={shlex.quote(value)}" for name, value in ours.items()]
        file.touch(mode=0o600)
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        return file

    def run(self, *arguments: str) -> str:
        """A `lienthong` command in this house; its output. Raises `Misconfigured` with what it said when it failed."""
        command = [sys.executable, "-m", "gateway.cli.main", *arguments]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)  # noqa: S603
        if done.returncode:
            raise Misconfigured(f"lienthong {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def start_others(self, commands: Mapping[str, Sequence[str]]) -> None:
        """Further `lienthong` commands, by a name for their logs, until each has said that it is ready."""
        started = {name: self._start(name, arguments) for name, arguments in commands.items()}
        for name, process in started.items():
            self._first_line(name, process)

    def _start(self, name: str, arguments: Sequence[str]) -> subprocess.Popen[str]:
        with (self._logs / f"{name}.log").open("w", encoding="utf-8") as log:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "gateway.cli.main", *arguments],
                env={**self.environment, LIFELINE: str(self._lifeline[0])}, pass_fds=[self._lifeline[0]], process_group=0,
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        self._processes.append(process)
        return process

    def _first_line(self, name: str, process: subprocess.Popen[str]) -> str:
        """What a process says when it is ready. Raises `Misconfigured` with its log when it ends instead."""
        line = _stdout(process).readline()
        if not line:
            said = (self._logs / f"{name}.log").read_text(encoding="utf-8")[-2000:]
            raise Misconfigured(f"{name}: không khởi động được · did not start:\n{said}")
        return line.strip()

    def close(self) -> None:
        for process in reversed(self._processes):
            process.terminate()
        for process in self._processes:
            try:
                process.wait(timeout=30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
            _stdout(process).close()
        os.close(self._lifeline[0])
        os.close(self._lifeline[1])


class Caller:
    """One partner's hold on the gateway's API, with its key."""

    def __init__(self, address: str, key: str) -> None:
        self._http = Http(base_url=address, headers={"Authorization": f"Bearer {key}"})

    def get(self, path: str, **query: Any) -> Any:
        return self._http.call("GET", path, query={name: str(value) for name, value in query.items()}).json()

    def post(self, body: Mapping[str, Any]) -> tuple[int, str]:
        """Send a canonical message: HTTP status and answer. Sent again after a silence: the same id is stored once."""
        path, content = "/api/v1/dossiers", body
        if body["type"] == "StatusChanged":
            path = f"/api/v1/dossiers/{body['dossier']}/statuses"
        elif body["type"] != "DossierSubmitted":
            path, content = "/api/v1/messages/batch", {"messages": [body]}
        for pause in (0.2, 0.5, 1.0):
            try:
                reply = self._http.call("POST", path, json=content)
                break
            except DeliveryError:
                time.sleep(pause)
        else:
            reply = self._http.call("POST", path, json=content)
        return reply.status, reply.excerpt()

    def upload(self, content: bytes) -> str:
        """Park a file; its sha256."""
        reply = self._http.call("POST", "/api/v1/files", body=content, headers={"Content-Type": "text/plain"})
        if reply.status not in (200, 201):
            raise Misconfigured(f"POST /api/v1/files: {reply.status} {reply.excerpt()}")
        return str(reply.json()["sha256"])


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _rewrite(file: Path, changes: Mapping[str, str]) -> None:
    text = file.read_text(encoding="utf-8")
    for pattern, words in changes.items():
        text, count = re.subn(pattern, words.replace("\\", r"\\"), text, count=1)
        if not count:
            raise Misconfigured(f"{file}: the demo found nothing like {pattern!r} to change")
    file.write_text(text, encoding="utf-8")


def _stdout(process: subprocess.Popen[str]) -> IO[str]:
    if process.stdout is None:
        raise RuntimeError("started without a pipe")
    return process.stdout
