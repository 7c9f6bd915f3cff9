"""Started before its database, or while that is away: each process says so, waits, and goes on by itself."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.config import default_folder
from gateway.ledger import open_ledger
from gateway.ledger.keys import add_key
from gateway.message import utc_now
from tests.commands import PROGRAM, Caller, Command, free_port, running, until
from tests.door import fresh_ledger
from tests.engines import PostgreSQL
from tests.house import ADDRESSES, dossier
from tests.proxy import Proxy

pytestmark = [pytest.mark.slow, pytest.mark.postgresql]


@pytest.fixture
def wire(postgresql_server: PostgreSQL) -> Iterator[Proxy]:
    proxy = Proxy(postgresql_server.folder / ".s.PGSQL.5432")
    yield proxy
    proxy.shut()


@pytest.fixture
def name(postgresql_server: PostgreSQL) -> Iterator[str]:
    with postgresql_server.database() as url:
        yield url.partition("?")[0].rpartition("/")[2]


@pytest.fixture
def place(tmp_path: Path, wire: Proxy, name: str) -> dict[str, str]:
    """The environment of processes whose database is at the other end of the wire."""
    return {
        "LIENTHONG_HOME": str(tmp_path),
        "LIENTHONG_LEDGER": f"postgresql+psycopg://lienthong:geheim@127.0.0.1:{wire.port}/{name}",
        "LIENTHONG_PORT": str(free_port()),
    }


def test_processes_start_without_their_database_and_go_on_when_it_is_there(
    tmp_path: Path, wire: Proxy, name: str, place: dict[str, str], postgresql_server: PostgreSQL
) -> None:
    ledger = open_ledger(postgresql_server.url(name))
    with ledger.write() as connection:
        _, key = add_key(connection, "one-stop", "bearer", None, utc_now())
    ledger.close()
    caller = Caller(int(place["LIENTHONG_PORT"]), key)
    web, work, clock = (Command(tmp_path, place, one) for one in ("web", "work", "clock"))
    with running(web, work, clock):
        for process in (web, work, clock):
            said = process.wait_for("waiting")
            assert "the ledger does not answer" in said
            assert "cơ sở dữ liệu không trả lời" in said
            assert f"127.0.0.1:{wire.port}/{name}" in said
            assert "refused" in said
            assert "geheim" not in said
        until(lambda: caller.status("/healthz") == 200)

        status, headers, ready = caller.ask("GET", "/readyz")
        assert (status, ready["ready"], ready["ledger"]) == (503, False, "away")
        status, headers, problem = caller.ask("POST", "/api/v1/dossiers", dossier(1))
        assert status == 503
        assert int(headers["retry-after"]) > 0
        assert headers["content-type"] == "application/problem+json"
        assert problem["instance"] == "/api/v1/dossiers"

        wire.open()

        until(lambda: caller.status("/readyz") == 200)
        assert caller.send(1) == 202
        for process in (work, clock):
            process.wait_for("the ledger is there")

        wire.shut()

        until(lambda: caller.status("/readyz") == 503)
        status, headers, problem = caller.ask("POST", "/api/v1/dossiers", dossier(2))
        assert status == 503
        assert int(headers["retry-after"]) > 0

        wire.open()

        until(lambda: caller.send(2) == 202)
        assert [process.stop() for process in (web, work, clock)] == [0, 0, 0]


def test_what_is_said_of_a_database_that_is_away_is_said_once(tmp_path: Path, place: dict[str, str]) -> None:
    work = Command(tmp_path, place, "work")
    with running(work):
        work.wait_for("waiting")
        with pytest.raises(AssertionError):
            until(lambda: work.said().count("waiting") > 1, 3)
        assert work.stop() == 0


def test_wrong_files_end_a_process_at_once_though_the_database_is_away(tmp_path: Path, place: dict[str, str]) -> None:
    for process in ("web", "work"):
        wrong = Command(tmp_path, {**place, "LIENTHONG_PORTAL_URL": "no address"}, process)
        with running(wrong):
            assert wrong.process.wait(30) == 2
            assert "config/partners/portal.toml" in wrong.said()


def test_a_short_command_does_not_wait(tmp_path: Path, wire: Proxy, place: dict[str, str]) -> None:
    for command in (["trace", "000.00.01.H99-260105-0001"], ["check"], ["db", "upgrade"]):
        done = subprocess.run(
            [*PROGRAM, *command],
            env={**ADDRESSES, **place, "PATH": "/usr/bin"},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        told = done.stdout + done.stderr
        assert done.returncode == 1
        assert str(wire.port) in told
        assert "Traceback" not in told


def test_processes_started_before_the_schema_is_made_say_what_to_run_and_wait_for_it(
    tmp_path: Path, postgresql_server: PostgreSQL
) -> None:
    name = "t_without_schema"
    postgresql_server.execute(f"CREATE DATABASE {name}")
    port = free_port()
    place = {
        "LIENTHONG_HOME": str(tmp_path),
        "LIENTHONG_LEDGER": postgresql_server.url(name),
        "LIENTHONG_PORT": str(port),
    }
    web, work = Command(tmp_path, place, "web"), Command(tmp_path, place, "work")
    try:
        with running(web, work):
            for process in (web, work):
                process.wait_for("lienthong db upgrade")
            until(lambda: Caller(port).status("/readyz") == 503)
            assert Caller(port).ask("GET", "/readyz")[2]["ledger"] == "schema"

            upgraded = Command(tmp_path, place, "db", "upgrade")
            assert upgraded.process.wait(60) == 0, upgraded.said()

            until(lambda: Caller(port).status("/readyz") == 200)
            work.wait_for("the ledger is there")
            assert [process.stop() for process in (web, work)] == [0, 0]
    finally:
        postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_up_starts_without_its_database_and_brings_it_up_to_date_itself(
    tmp_path: Path, wire: Proxy, postgresql_server: PostgreSQL
) -> None:
    name = "t_for_up"
    postgresql_server.execute(f"CREATE DATABASE {name}")
    port = free_port()
    place = {
        "LIENTHONG_HOME": str(tmp_path),
        "LIENTHONG_LEDGER": f"postgresql+psycopg://lienthong@127.0.0.1:{wire.port}/{name}",
        "LIENTHONG_PORT": str(port),
    }
    up = Command(tmp_path, place, "up")
    try:
        with running(up):
            until(lambda: Caller(port).status("/healthz") == 200)
            assert Caller(port).status("/readyz") == 503
            wire.open()
            up.wait_for("is running")
            assert Caller(port).status("/readyz") == 200
            assert up.stop() == 0
    finally:
        postgresql_server.execute(f"DROP DATABASE {name} WITH (FORCE)")


def test_while_only_the_broker_is_away_messages_are_accepted_and_readyz_tells_it(tmp_path: Path) -> None:
    shutil.copytree(default_folder(), tmp_path / "config")
    file = tmp_path / "config" / "gateway.toml"
    text = file.read_text(encoding="utf-8")
    assert "127.0.0.1:5672" in text
    file.write_text(text.replace("127.0.0.1:5672", f"127.0.0.1:{free_port()}"), encoding="utf-8")
    url = fresh_ledger(tmp_path)
    ledger = open_ledger(url)
    with ledger.write() as connection:
        _, key = add_key(connection, "one-stop", "bearer", None, utc_now())
    ledger.close()
    port = free_port()
    place = {
        "LIENTHONG_HOME": str(tmp_path),
        "LIENTHONG_LEDGER": url,
        "LIENTHONG_PORT": str(port),
        "LIENTHONG_CHANNEL": "rabbitmq",
    }
    web, work = Command(tmp_path, place, "web"), Command(tmp_path, place, "work")
    caller = Caller(port, key)
    with running(web, work):
        until(lambda: caller.status("/readyz") == 200)
        assert caller.ask("GET", "/readyz")[2]["broker"] == "away"
        assert caller.send(1) == 202
        work.wait_for('"delivery": 1')  # it looks for work without tickets too
        assert [process.stop() for process in (web, work)] == [0, 0]
