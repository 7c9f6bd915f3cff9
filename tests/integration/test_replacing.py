"""Processes are replaced, one after the other, under load: no request fails, no delivery comes in doubt, the clock goes on."""

from __future__ import annotations

import itertools
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterator
from http.client import HTTPException  # noqa: TID251 - what tests.commands raises
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.config import default_folder
from gateway.ledger import Ledger, open_ledger
from gateway.ledger.keys import add_key
from gateway.ledger.tables import attempts, leaders, messages
from gateway.message import utc_now
from tests.commands import Caller, Command, free_port, running, until
from tests.door import fresh_ledger
from tests.e2e.town import Sender, Town, find_differences, wait_until_quiet
from tests.engines import PostgreSQL

pytestmark = pytest.mark.slow


class Load:
    """Callers who send without a pause until `stop`: some open a connection for each request, some keep theirs. No answer but 202 is good."""

    def __init__(self, port: int, key: str) -> None:
        self._numbers = itertools.count(1)
        self._stop = threading.Event()
        self.accepted = 0
        self.failed: list[str] = []
        self._lock = threading.Lock()
        callers = [Caller(port, key, keep=n % 2 == 0) for n in range(6)]
        self._threads = [threading.Thread(target=self._send, args=(caller,)) for caller in callers]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _send(self, caller: Caller) -> None:
        while not self._stop.is_set():
            try:
                status, problem = caller.send(next(self._numbers)), ""
            except (OSError, HTTPException) as error:
                status, problem = 0, f"{type(error).__name__}: {error} (keep={caller.keep})"
            with self._lock:
                if status == 202:
                    self.accepted += 1
                else:
                    self.failed.append(f"{status} {problem}")

    def goes_on(self, more: int = 30) -> None:
        wanted = self.accepted + more
        until(lambda: self.accepted >= wanted or self.failed, 60)


def count_messages(ledger: Ledger) -> int:
    with ledger.read() as connection:
        return int(connection.execute(select(func.count()).select_from(messages)).scalar_one())


@pytest.fixture
def place(tmp_path: Path) -> dict[str, str]:
    return {"LIENTHONG_HOME": str(tmp_path), "LIENTHONG_LEDGER": fresh_ledger(tmp_path)}


@pytest.fixture
def ledger(place: dict[str, str]) -> Iterator[Ledger]:
    ledger = open_ledger(place["LIENTHONG_LEDGER"])
    yield ledger
    ledger.close()


@pytest.fixture
def key(ledger: Ledger) -> str:
    with ledger.write() as connection:
        return add_key(connection, "one-stop", "bearer", None, utc_now())[1]


def test_no_request_fails_while_two_web_processes_at_one_socket_are_replaced_three_times(
    tmp_path: Path, place: dict[str, str], ledger: Ledger, key: str
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        port = listening.getsockname()[1]

        def start() -> Command:
            web = Command(tmp_path, place, "web", given=listening)
            web.wait_for(f"web: http://127.0.0.1:{port}")
            return web

        serving = [start(), start()]
        try:
            with Load(port, key) as load:
                for turn in range(6):
                    load.goes_on()
                    assert serving[turn % 2].stop() == 0
                    serving[turn % 2] = start()
                load.goes_on()
        finally:
            for web in serving:
                web.end()
    assert load.failed == []
    assert load.accepted == count_messages(ledger)


def test_connections_wait_in_the_socket_while_the_only_web_process_is_replaced(
    tmp_path: Path, place: dict[str, str], ledger: Ledger, key: str
) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listening:
        port = listening.getsockname()[1]
        first = Command(tmp_path, place, "web", given=listening)
        with running(first), Load(port, key) as load:
            load.goes_on()
            assert first.stop() == 0
            second = Command(tmp_path, place, "web", given=listening)
            with running(second):
                load.goes_on()
                load.__exit__()
                assert second.stop() == 0
    assert load.failed == []


def test_no_request_fails_while_up_replaces_its_processes_on_sighup(
    tmp_path: Path, place: dict[str, str], ledger: Ledger, key: str
) -> None:
    port = free_port()
    up = Command(tmp_path, {**place, "LIENTHONG_PORT": str(port)}, "up")
    with running(up):
        up.wait_for("is running")
        with Load(port, key) as load:
            for turn in range(1, 4):
                up.process.send_signal(signal.SIGHUP)
                until(lambda turn=turn: up.said().count("work: đã thay") == turn, 60)  # type: ignore[misc]
                load.goes_on()
        assert up.said().count("web: đã thay") == 3
        assert up.stop() == 0
    assert load.failed == []
    assert load.accepted == count_messages(ledger)


def test_a_web_process_that_cannot_start_replaces_nobody(tmp_path: Path, place: dict[str, str]) -> None:
    shutil.copytree(default_folder(), tmp_path / "config")
    port = free_port()
    up = Command(tmp_path, {**place, "LIENTHONG_PORT": str(port)}, "up")
    with running(up):
        up.wait_for("is running")
        before = up.said().splitlines()
        (tmp_path / "config" / "gateway.toml").write_text("[web]\nthreads = 0\n", encoding="utf-8")

        up.process.send_signal(signal.SIGHUP)

        until(lambda: "gateway.toml" in "".join(up.said().splitlines()[len(before) :]), 60)
        assert Caller(port).status("/readyz") == 200
        assert up.stop() == 0


@pytest.mark.postgresql
def test_workers_and_clocks_are_replaced_without_a_doubt_and_without_a_gap(
    tmp_path: Path, postgresql_server: PostgreSQL
) -> None:
    with postgresql_server.database() as url:
        town = Town(tmp_path, url)
        try:
            _replace_all(tmp_path, town)
        finally:
            town.close()


def _replace_all(folder: Path, town: Town) -> None:
    numbers = range(1, 61)
    town.file_dossiers(numbers)
    port = free_port()
    place = {**town.environment, "LIENTHONG_PORT": str(port)}
    key = town.add_key()
    processes = {n: Command(folder, place, n.split("-")[0]) for n in ("web", "work-1", "work-2", "clock-1", "clock-2")}
    ledger = town.ledger()
    watch = Watch(ledger)
    try:
        until(lambda: Caller(port).status("/readyz") == 200)
        sender = Sender([port], key)

        def live() -> None:
            for number in numbers:
                sender.life(number)

        lives = threading.Thread(target=live)
        lives.start()
        until(lambda: watch.leader() is not None)
        watch.start()
        for name in ("work-1", "clock-1", "work-2", "clock-2"):
            old = processes[name]
            processes[name] = Command(folder, place, name.split("-")[0])
            assert old.stop() == 0, old.said()
            time.sleep(0.5)
        lives.join()
        wait_until_quiet(town, 60)
        longest = watch.end()
        assert [process.stop() for process in processes.values()] == [0] * 5
        with ledger.read() as connection:
            outcomes = set(connection.execute(select(attempts.c.code)).scalars())
        assert "crash" not in outcomes, "a call was cut off"
        assert longest < 3
        assert find_differences(town) == []
    finally:
        watch.end()
        for process in processes.values():
            process.end()
        ledger.close()


class Watch(threading.Thread):
    """Looks who leads, many times a second. `end` gives the longest time, in seconds, for which nobody did."""

    def __init__(self, ledger: Ledger) -> None:
        super().__init__()
        self._ledger = ledger
        self._stop_it = threading.Event()
        self._longest = 0.0

    def leader(self) -> str | None:
        with self._ledger.read() as connection:
            found: str | None = connection.execute(select(leaders.c.owner)).scalar()
            return found

    def run(self) -> None:
        lost: float | None = None
        while not self._stop_it.wait(0.05):
            if self.leader() is None:
                lost = lost or time.monotonic()
            elif lost is not None:
                self._longest, lost = max(self._longest, time.monotonic() - lost), None

    def end(self) -> float:
        self._stop_it.set()
        if self.is_alive():
            self.join()
        return self._longest
