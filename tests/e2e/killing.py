"""Killed with -9 at random moments, restarted each time: at the end the partners' books equal the ledger.

As a script: ``python -m tests.e2e.killing --dossiers 2000 --kills 40 --seed 1``. The twins stand outside and live on, as partners do.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.cli.books import compare
from gateway.config import default_folder
from gateway.errors import DeliveryError
from gateway.http import Http
from gateway.ledger import open_ledger
from gateway.ledger.conservation import conserve, count
from tests.house import ADDRESSES, dossier, status

PROGRAM = [sys.executable, "-m", "gateway.cli.main"]
SETTINGS = {
    "mapi": {"username": "tinh-h99", "password": "portal-test-password"},
    "vnpost_hcc": {
        "customer_key": "vnpost-test-key",
        "customer_secret": "vnpost-test-secret",
        "customer_code": "C0001",
    },
    "one_stop_rest": {"key": "one-stop-test-key"},
}


@dataclass
class Story:
    """What happened, for the table at the end."""

    dossiers: int
    messages: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    resent: int = 0
    seconds: float = 0.0
    differences: list[str] = field(default_factory=list)


class Town:
    """The twins, each in its own process, and a home for the gateway."""

    def __init__(self, folder: Path) -> None:
        self.home = folder
        shutil.copytree(default_folder(), folder / "config")
        _quicken(folder / "config")
        self.twins: dict[str, subprocess.Popen[str]] = {}
        self.urls: dict[str, str] = {}
        for connector, settings in SETTINGS.items():
            self._start_twin(connector, settings)
        post = self.urls["vnpost_hcc"]
        self.environment = {
            **os.environ,
            **ADDRESSES,
            "LIENTHONG_HOME": str(folder),
            "LIENTHONG_PORTAL_URL": self.urls["mapi"],
            "LIENTHONG_ONE_STOP_URL": self.urls["one_stop_rest"],
            **{f"LIENTHONG_VNPOST_{n.upper()}_URL": f"{post}/{n}" for n in ("token", "order", "cancel", "tracking")},
        }
        self.environment.pop("LIENTHONG_LEDGER", None)

    def _start_twin(self, connector: str, settings: dict[str, str]) -> None:
        file = self.home / f"{connector}.json"
        file.write_text(json.dumps(settings), encoding="utf-8")
        process = subprocess.Popen(
            [*PROGRAM, "simulate", connector, "--settings", str(file)], stdout=subprocess.PIPE, text=True
        )
        assert process.stdout is not None
        self.urls[connector] = process.stdout.readline().split(": ", 1)[1].strip()
        self.twins[connector] = process

    def act(self, connector: str, order: dict[str, Any]) -> Any:
        return Http(base_url=self.urls[connector]).call("POST", "/_twin/act", json=order).json()

    def book(self, connector: str) -> dict[str, Any]:
        book: dict[str, Any] = Http(base_url=self.urls[connector], max_bytes=1 << 30).call("GET", "/_twin/book").json()
        return book

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, check=True)
        return done.stdout

    def close(self) -> None:
        for process in self.twins.values():
            process.terminate()
        for process in self.twins.values():
            process.wait(timeout=20)


def _quicken(config: Path) -> None:
    """Short pauses, so that an hour of retries is a minute."""
    text = (config / "gateway.toml").read_text(encoding="utf-8")
    for old, new in (
        ("lease_seconds = 120", "lease_seconds = 3"),
        ("backoff_first = 1", "backoff_first = 0.1"),
        ("backoff_most = 3600", "backoff_most = 1"),
        ("breaker_first = 2", "breaker_first = 0.2"),
        ("breaker_most = 300", "breaker_most = 1"),
        ("asks = 12", "asks = 1000"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    (config / "gateway.toml").write_text(text, encoding="utf-8")
    post = config / "partners" / "vnpost.toml"
    text = post.read_text(encoding="utf-8").replace("poll_seconds = 60", "poll_seconds = 1")
    post.write_text(text.replace("[settings]", "[settings]\nlag = 0"), encoding="utf-8")


class Killer:
    """Keeps `lienthong up` running, and kills it (or one of its processes) again and again."""

    def __init__(self, town: Town, story: Story, dice: random.Random, log: Path) -> None:
        self.town, self.story, self.dice = town, story, dice
        self.port = _free_port()
        self._log = log.open("ab")
        self.up = self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {**self.town.environment, "LIENTHONG_PORT": str(self.port)}
        return subprocess.Popen([*PROGRAM, "up"], env=environment, stdout=self._log, stderr=self._log)

    def kill(self) -> None:
        """One of: the supervisor, the web, the worker, or all of them at the same moment."""
        who = self.dice.choice(["up", "web", "work", "all"])
        children = _children(self.up.pid)
        victims = {
            "up": [self.up.pid],
            "all": [self.up.pid, *children],
            "web": [p for p in children if b"web" in _command(p)],
            "work": [p for p in children if b"work" in _command(p)],
        }[who]
        for pid in victims:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        self.story.kills[who] = self.story.kills.get(who, 0) + 1
        if who in ("up", "all"):
            self.up.wait()
            self.up = self._start()

    def stop(self) -> None:
        self.up.terminate()
        self.up.wait(timeout=60)
        self._log.close()


def _free_port() -> int:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _children(pid: int) -> list[int]:
    found = []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        found += [int(child), *_children(int(child))]
    return found


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


LIFE = ((4, 1), (4, 2), (9, 3))  # status and minute; with the submission, four messages a dossier


class Sender:
    """The one-stop system's side: sends each message until it has the receipt, always under the same id."""

    def __init__(self, port: int, key: str, story: Story) -> None:
        self.http = Http(
            base_url=f"http://127.0.0.1:{port}", total_timeout=20, headers={"Authorization": f"Bearer {key}"}
        )
        self.story = story
        self._lock = threading.Lock()

    def life(self, number: int) -> None:
        """A dossier's whole life. Every third is wanted by post."""
        home = {
            "name": "Nguyễn Văn Mẫu",
            "phone": "0912345678",
            "address": {"detail": "Số 1 đường A", "province": "19"},
        }
        self.send("/api/v1/dossiers", dossier(number, **({"postal": {"return_to": home}} if number % 3 == 0 else {})))
        for code, minute in LIFE:
            body = status(number, code, minute)
            self.send(f"/api/v1/dossiers/{body['dossier']}/statuses", body)

    def send(self, path: str, body: dict[str, Any]) -> None:
        until = time.monotonic() + 120
        while True:
            try:
                reply = self.http.call("POST", path, json=body)
            except DeliveryError:
                reply = None
            if reply is not None and reply.status in (200, 202):
                break
            if reply is not None and reply.status not in (500, 502, 503):
                raise AssertionError(f"{path}: {reply.status} {reply.excerpt()}")
            if time.monotonic() > until:
                raise AssertionError(f"{path}: no receipt within 120 s")
            with self._lock:
                self.story.resent += 1
            time.sleep(0.05)
        with self._lock:
            self.story.messages += 1


def tell(dossiers: int, kills: int, seed: int, folder: Path) -> Story:
    """The whole story. `differences` must be empty at its end."""
    dice = random.Random(seed)
    story, town, begun = Story(dossiers), Town(folder), time.monotonic()
    try:
        town.run("db", "upgrade")
        key = _key(town.run("keys", "add", "one-stop", "--json"))
        town.act("one_stop_rest", {"knows": [dossier(n)["dossier"] for n in range(1, dossiers + 1)]})
        killer = Killer(town, story, dice, folder / "up.log")
        try:
            _rush(town, killer, Sender(killer.port, key, story), dossiers, kills, dice)
            _wait_until_quiet(town, 120 + dossiers / 10)
            town.act("vnpost_hcc", {"deliver_all": True})
            _wait_until_returned(town, dossiers // 3, 120)
            _wait_until_quiet(town, 120)
        finally:
            killer.stop()
        story.differences = _differences(town)
    finally:
        town.close()
    story.seconds = time.monotonic() - begun
    return story


def _key(printed: str) -> str:
    found: str = json.loads(printed)["key"]
    return found


def _rush(town: Town, killer: Killer, sender: Sender, dossiers: int, kills: int, dice: random.Random) -> None:
    """Send everything over eight connections, and kill all the while."""
    with ThreadPoolExecutor(8) as pool:
        lives = [pool.submit(sender.life, number) for number in range(1, dossiers + 1)]
        done = 0
        while done < kills:
            time.sleep(dice.uniform(0.2, 2.5))
            killer.kill()
            done += 1
            if all(life.done() for life in lives) and not _waiting(town):
                break
        for life in lives:
            life.result()


def _ledger(town: Town) -> Any:
    return open_ledger(f"sqlite:///{town.home / 'data' / 'lienthong.db'}")


def _waiting(town: Town) -> int:
    ledger = _ledger(town)
    try:
        with ledger.read() as connection:
            sums = count(connection)
            return sums["waiting"] + sums["in_doubt"] + sums["parked"]
    finally:
        ledger.close()


def _wait_until_quiet(town: Town, seconds: float) -> None:
    until = time.monotonic() + seconds
    while (waiting := _waiting(town)) > 0:
        if time.monotonic() > until:
            raise AssertionError(f"{waiting} deliveries still open after {seconds:.0f} s")
        time.sleep(0.5)


def _wait_until_returned(town: Town, wanted: int, seconds: float) -> None:
    """Until the portal has heard of every dossier that the post returned."""
    until = time.monotonic() + seconds
    while True:
        told = sum(d["fields"].get("TrangThaiHoSo") == "10" for d in town.book("mapi")["dossiers"].values())
        if told >= wanted:
            return
        if time.monotonic() > until:
            raise AssertionError(f"the portal knows {told} of {wanted} returned dossiers after {seconds:.0f} s")
        time.sleep(1)


def _differences(town: Town) -> list[str]:
    ledger = _ledger(town)
    books = {"portal": town.book("mapi"), "vnpost": town.book("vnpost_hcc"), "one-stop": town.book("one_stop_rest")}
    try:
        with ledger.read() as connection:
            found = [str(finding) for finding in conserve(connection)]
        return found + compare(ledger, books)
    finally:
        ledger.close()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dossiers", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=40)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 30))
    chosen = parser.parse_args(arguments)
    folder = Path(tempfile.mkdtemp(prefix="lt-killing-"))
    print(f"seed {chosen.seed}, {folder}", flush=True)
    story = tell(chosen.dossiers, chosen.kills, chosen.seed, folder)
    print(
        f"{story.dossiers} dossiers, {story.messages} messages sent, {story.resent} sends repeated, kills {story.kills}, {story.seconds:.0f} s"
    )
    for line in story.differences[:50]:
        print(f"  differs: {line}")
    print("books equal the ledger" if not story.differences else f"{len(story.differences)} differences")
    if not story.differences:
        shutil.rmtree(folder)
    return int(bool(story.differences))


if __name__ == "__main__":
    sys.exit(main())
