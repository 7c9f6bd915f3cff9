"""A town around the gateway: twins in processes of their own, a one-stop system that sends, and the judgement at the end."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from gateway.cli.books import compare
from gateway.config import default_folder
from gateway.errors import DeliveryError
from gateway.http import Http
from gateway.ledger import Ledger, open_ledger
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
PARTNERS = {"portal": "mapi", "vnpost": "vnpost_hcc", "one-stop": "one_stop_rest"}
LIFE = ((4, 1), (4, 2), (9, 3))  # status and minute; with the submission, four messages a dossier
TRY_LATER = (500, 502, 503, 507)


class Town:
    """The twins, each in its own process, and a home for the gateway. `ledger` empty: SQLite in the home."""

    def __init__(self, folder: Path, ledger: str = "") -> None:
        self.home = folder
        self.ledger_url = ledger or f"sqlite:///{folder / 'data' / 'lienthong.db'}"
        shutil.copytree(default_folder(), folder / "config")
        quicken(folder / "config")
        self.twins: dict[str, subprocess.Popen[str]] = {}
        self.urls: dict[str, str] = {}
        for connector, settings in SETTINGS.items():
            self._start_twin(connector, settings)
        self.environment = {
            **os.environ,
            **ADDRESSES,
            "LIENTHONG_HOME": str(folder),
            **partner_addresses(self.urls),
        }
        self.environment.pop("LIENTHONG_LEDGER", None)
        if ledger:
            self.environment["LIENTHONG_LEDGER"] = ledger

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

    def books(self) -> dict[str, dict[str, Any]]:
        return {partner: self.book(connector) for partner, connector in PARTNERS.items()}

    def file_dossiers(self, numbers: Sequence[int]) -> None:
        """The one-stop system knows the dossiers that it filed itself."""
        self.act("one_stop_rest", {"knows": [dossier(n)["dossier"] for n in numbers]})

    def run(self, *arguments: str) -> str:
        done = subprocess.run([*PROGRAM, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"lienthong {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def add_key(self) -> str:
        key: str = json.loads(self.run("keys", "add", "one-stop", "--json"))["key"]
        return key

    def ledger(self) -> Ledger:
        return open_ledger(self.ledger_url, pool=2)

    def close(self) -> None:
        for process in self.twins.values():
            process.terminate()
        for process in self.twins.values():
            process.wait(timeout=20)
            assert process.stdout is not None
            process.stdout.close()


def partner_addresses(urls: Mapping[str, str]) -> dict[str, str]:
    """The environment that tells the gateway where its partners are. `urls` by connector."""
    post = urls["vnpost_hcc"]
    return {
        "LIENTHONG_PORTAL_URL": urls["mapi"],
        "LIENTHONG_ONE_STOP_URL": urls["one_stop_rest"],
        **{f"LIENTHONG_VNPOST_{n.upper()}_URL": f"{post}/{n}" for n in ("token", "order", "cancel", "tracking")},
    }


def quicken(config: Path) -> None:
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


def tell_life(number: int) -> list[tuple[str, dict[str, Any]]]:
    """A dossier's whole life: where each message goes over REST, and its body. Every third dossier is wanted by post."""
    home = {
        "name": "Nguyễn Văn Mẫu",
        "phone": "0912345678",
        "address": {"detail": "Số 1 đường A", "province": "19"},
    }
    first = dossier(number, **({"postal": {"return_to": home}} if number % 3 == 0 else {}))
    later = [status(number, code, minute) for code, minute in LIFE]
    return [("/api/v1/dossiers", first), *((f"/api/v1/dossiers/{body['dossier']}/statuses", body) for body in later)]


class Sender:
    """The one-stop system's side: sends each message until it has the receipt, always under the same id, to any of the ports."""

    def __init__(self, ports: Sequence[int], key: str, patience: float = 120) -> None:
        bearer = {"Authorization": f"Bearer {key}"}
        self.doors = [Http(base_url=f"http://127.0.0.1:{port}", total_timeout=20, headers=bearer) for port in ports]
        self.patience = patience
        self.receipts: dict[str, str] = {}  # id of the message at its sender → ours
        self.answers: Counter[int | str] = Counter()  # HTTP status, or the code of a call that had no answer
        self._lock = threading.Lock()
        self._turns = itertools.count()

    @property
    def resent(self) -> int:
        with self._lock:
            return sum(n for answer, n in self.answers.items() if answer not in (200, 202))

    def life(self, number: int) -> None:
        for path, body in tell_life(number):
            self.send(path, body)

    def send(self, path: str, body: dict[str, Any]) -> None:
        until = time.monotonic() + self.patience
        while True:
            answer: int | str
            try:
                reply = self.doors[next(self._turns) % len(self.doors)].call("POST", path, json=body)
                answer = reply.status
            except DeliveryError as error:
                reply, answer = None, error.code or type(error).__name__
            with self._lock:
                self.answers[answer] += 1
                if reply is not None and reply.status in (200, 202):
                    self.receipts[body["id"]] = reply.json()["id"]
                    return
            if reply is not None and reply.status not in TRY_LATER:
                raise AssertionError(f"{path}: {reply.status} {reply.excerpt()}")
            if time.monotonic() > until:
                raise AssertionError(f"{path}: no receipt within {self.patience:.0f} s")
            time.sleep(0.05)


def count_open(ledger: Ledger) -> int:
    with ledger.read() as connection:
        sums = count(connection)
    return sums["waiting"] + sums["in_doubt"] + sums["parked"]


def wait_until_quiet(town: Town, seconds: float) -> None:
    """Until no delivery is open."""
    ledger = town.ledger()
    try:
        _wait_while_it_gets_less(lambda: count_open(ledger), seconds, "deliveries are still open")
    finally:
        ledger.close()


def wait_until_returned(town: Town, wanted: int, seconds: float) -> None:
    """Until the portal has heard of every dossier that the post returned."""

    def unheard() -> int:
        dossiers = town.book("mapi")["dossiers"].values()
        return wanted - sum(int(d["fields"].get("TrangThaiHoSo") == "10") for d in dossiers)

    _wait_while_it_gets_less(unheard, seconds, f"of {wanted} returned dossiers are unknown to the portal")


def _wait_while_it_gets_less(left: Callable[[], int], seconds: float, words: str) -> None:
    """Patient as long as there is progress, however slow the machine: it ends when nothing has become less for so many seconds."""
    least, since = left(), time.monotonic()
    while least > 0:
        time.sleep(0.5)
        now = left()
        if now < least:
            least, since = now, time.monotonic()
        elif time.monotonic() - since > seconds:
            raise AssertionError(f"{least} {words}, and no fewer for {seconds:.0f} s")


def find_differences(town: Town) -> list[str]:
    """What breaks a law of the ledger, and where a partner's book differs from it."""
    ledger = town.ledger()
    books = town.books()
    try:
        with ledger.read() as connection:
            found = [str(finding) for finding in conserve(connection)]
        return found + compare(ledger, books)
    finally:
        ledger.close()
