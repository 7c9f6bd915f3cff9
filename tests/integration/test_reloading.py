"""The operator's files are changed under running processes: good ones are taken between two messages, bad ones are refused and the old go on."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.one_stop_rest.simulator import OneStopTwin
from gateway.config import default_folder
from gateway.flow.presence import present
from gateway.ledger import open_ledger
from gateway.ledger.keys import add_key
from gateway.message import utc_now
from gateway.simulation import Serve
from tests.commands import PROGRAM, Caller, Command, free_port, running, until
from tests.door import fresh_ledger
from tests.house import ADDRESSES, plain_config
from tests.integration.test_replacing import Load

pytestmark = pytest.mark.slow

ROUTE = """
[[route]]
name = "Bản sao cho hệ thống thứ hai"
when = { type = ["DossierSubmitted"] }
to = ["second"]
"""


class Province:
    """A home folder of its own, an `up` on it, and a second one-stop system that no file names yet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config"
        shutil.copytree(default_folder(), self.config)
        plain_config(self.config)
        self.port = free_port()
        self.place = {
            "LIENTHONG_HOME": str(folder),
            "LIENTHONG_LEDGER": fresh_ledger(folder),
            "LIENTHONG_PORT": str(self.port),
        }
        ledger = open_ledger(self.place["LIENTHONG_LEDGER"])
        with ledger.write() as connection:
            self.key = add_key(connection, "one-stop", "bearer", None, utc_now())[1]
        ledger.close()
        self.twin = OneStopTwin({"key": "khoa-thu-hai"})
        self.serve = Serve(self.twin)

    def write_partner(self, url: str) -> None:
        (self.config / "partners" / "second.toml").write_text(
            f'id = "second"\nname = "Hệ thống thứ hai"\nname_en = "Second system"\nconnector = "one_stop_rest"\n'
            f'[settings]\nurl = "{url}"\nkey = "khoa-thu-hai"\n',
            encoding="utf-8",
        )

    def write_route(self) -> None:
        routes = self.config / "routes.toml"
        routes.write_text(routes.read_text(encoding="utf-8") + ROUTE, encoding="utf-8")

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*PROGRAM, *arguments],
            env={**os.environ, **ADDRESSES, **self.place},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )

    def reload(self) -> tuple[int, list[dict[str, Any]]]:
        done = self.run("reload", "--json")
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def province(tmp_path: Path) -> Iterator[Province]:
    made = Province(tmp_path)
    yield made
    made.serve.stop()


def test_a_new_partner_gets_its_messages_after_a_reload_and_no_request_fails(province: Province) -> None:
    up = Command(province.folder, province.place, "up")
    with running(up):
        up.wait_for("is running")
        with Load(province.port, province.key) as load:
            load.goes_on()
            province.write_partner(province.serve.start())
            province.write_route()

            code, told = province.reload()

            assert (code, [one["taken"] for one in told]) == (0, [True, True]), told
            assert {one["name"] for one in told} == {"web", "work"}
            assert len({one["version"] for one in told}) == 1
            load.goes_on()
        assert load.failed == []
        until(lambda: province.twin.book()["messages"], 30)
        assert up.stop() == 0


def test_a_bad_change_is_refused_with_its_place_and_the_old_files_go_on(province: Province) -> None:
    up = Command(province.folder, province.place, "up")
    with running(up):
        up.wait_for("is running")
        before = {one.pid: one.version for one in present(province.folder / "data")}
        province.write_partner("ftp://127.0.0.1/")
        province.write_route()

        done = province.run("reload")

        assert done.returncode == 1
        assert "config/partners/second.toml" in done.stdout
        assert "url" in done.stdout
        assert done.stdout.count("✗") == 1, "when the first refuses, the others are not asked"
        assert {one.pid: one.version for one in present(province.folder / "data")} == before
        assert Caller(province.port, province.key).send(1) == 202
        province.write_partner(province.serve.start())
        assert province.reload()[0] == 0
        assert Caller(province.port, province.key).send(2) == 202
        until(lambda: province.twin.book()["messages"], 30)
        assert up.stop() == 0


def test_what_only_a_start_can_change_is_refused_by_name(province: Province) -> None:
    up = Command(province.folder, province.place, "up")
    with running(up):
        up.wait_for("is running")
        (province.config / "gateway.toml").write_text("[web]\nthreads = 3\n", encoding="utf-8")

        code, told = province.reload()

        assert code == 1
        assert "web.threads" in told[0]["refused"]
        assert "started anew" in told[0]["refused"]
        assert up.stop() == 0


def test_with_reload_seconds_a_changed_file_is_taken_without_a_word(province: Province) -> None:
    (province.config / "gateway.toml").write_text("reload_seconds = 0.2\n", encoding="utf-8")
    work = Command(province.folder, province.place, "work")
    with running(work):
        until(lambda: present(province.folder / "data"))
        first = present(province.folder / "data")[0]
        province.write_partner(province.serve.start())
        province.write_route()
        until(lambda: present(province.folder / "data")[0].version != first.version, 30)
        assert present(province.folder / "data")[0].refused is None
        assert work.stop() == 0
    assert present(province.folder / "data") == []


def test_each_of_many_web_processes_takes_the_files(province: Province) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as listening:
        web = Command(province.folder, province.place, "web", "--workers", "2", given=listening)
        with running(web):
            web.wait_for("web: http://")
            province.write_partner(province.serve.start())
            province.write_route()
            code, told = province.reload()
            assert (code, len(told)) == (0, 2)
            web.process.send_signal(signal.SIGHUP)  # by hand, to the one that started them
            until(lambda: all(one.readings == 3 for one in present(province.folder / "data")))
            assert web.stop() == 0


def test_without_a_process_reload_says_so(province: Province) -> None:
    done = province.run("reload")
    assert done.returncode == 0
    assert "no process runs here" in done.stdout


def test_a_reload_beside_a_gateway_at_a_terminal_ends_nothing(province: Province) -> None:
    ours, theirs = pty.openpty()
    environment = {**os.environ, **ADDRESSES, **province.place, "TERM": "dumb"}
    up = subprocess.Popen(
        [*PROGRAM, "up"], stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    )
    reading = threading.Thread(target=_read_all, args=(ours,), daemon=True)
    reading.start()
    try:
        until(lambda: len(present(province.folder / "data")) == 2, 60)
        before = {one.pid for one in present(province.folder / "data")}
        province.write_partner("ftp://127.0.0.1/")

        done = province.run("reload")

        assert done.returncode == 1
        assert "second.toml" in done.stdout
        assert {one.pid for one in present(province.folder / "data")} == before
        province.write_partner(province.serve.start())
        assert province.reload()[0] == 0
        assert {one.pid for one in present(province.folder / "data")} == before
    finally:
        up.terminate()
        up.wait(60)
        os.close(theirs)


def _read_all(terminal: int) -> None:
    with suppress(OSError):  # the other end is closed
        while os.read(terminal, 4096):
            pass
