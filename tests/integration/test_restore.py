"""A real copy, more traffic, a crash, the copy put back: the senders repeat, and the partners' books equal the ledger, nothing twice."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import select

from gateway.cli.main import root
from gateway.errors import Rejected
from gateway.ledger import open_ledger, people
from gateway.ledger.conservation import conserve
from gateway.ledger.tables import deliveries, messages
from gateway.message import utc_now
from tests.conftest import Time
from tests.door import Door
from tests.engines import PostgreSQL, find_postgresql
from tests.house import House, Notebook, dossier, status

HOME = {
    "name": "Nguyễn Văn Mẫu",
    "phone": "0912345678",
    "address": {"detail": "Số 1 đường A", "province": "19"},
}
LIFE = ((4, 1), (4, 2), (9, 3))


class Engine:
    """A ledger that can be copied while it works, and lost."""

    def __init__(self, url: str, copy: Callable[[], None], put_back: Callable[[], str]) -> None:
        self.url, self.copy, self.put_back = url, copy, put_back


@pytest.fixture
def sqlite_engine(sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Copied by `lienthong db backup`; the ledger's own files are deleted."""
    ledger, kept = tmp_path / "ledger.db", tmp_path / "kept.db"

    def put_back() -> str:
        for file in tmp_path.glob("ledger.db*"):
            file.unlink()
        shutil.copy(kept, ledger)
        return sqlite_url

    return Engine(sqlite_url, lambda: run("db", "backup", str(kept)), put_back)


@pytest.fixture
def postgresql_engine(tmp_path: Path) -> Iterator[Engine]:
    """Copied by pg_basebackup while it works; then the server is killed and its data folder deleted."""
    binaries = find_postgresql()
    if binaries is None:
        pytest.skip("no PostgreSQL server is installed: `make test` installs it")
    server = PostgreSQL((binaries / "initdb").resolve().parent)  # all its programs stand there
    server.execute("CREATE DATABASE work TEMPLATE pattern")

    def copy() -> None:
        server._run(
            "pg_basebackup", "-h", str(server.folder), "-U", "lienthong", "-c", "fast", "-D", f"{server.folder}/copy"
        )

    def put_back() -> str:
        data = server.folder / "data"
        server._run("pg_ctl", "-D", str(data), "-m", "immediate", "stop")
        shutil.rmtree(data)
        (server.folder / "copy").rename(data)
        options = f"-k {server.folder} -c listen_addresses='' -c fsync=off"
        server._run("pg_ctl", "-D", str(data), "-w", "-l", str(server.folder / "log2"), "-o", options, "start")
        return server.url("work")

    yield Engine(server.url("work"), copy, put_back)
    server.stop()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def engine(request: pytest.FixtureRequest) -> Engine:
    made: Engine = request.getfixturevalue(f"{request.param}_engine")
    return made


def run(*arguments: str) -> None:
    done = CliRunner().invoke(root, arguments)
    assert done.exit_code == 0, done.output


def live(house: House, *numbers: int) -> None:
    """Whole lives of dossiers, as their sender tells them; it tells all again when it is asked to."""
    for number in numbers:
        house.accept("one-stop", dossier(number, postal={"return_to": HOME}))
        for code, minute in LIFE:
            house.accept("one-stop", status(number, code, minute))


def delivered(house: House) -> dict[str, dict[str, list[str]]]:
    """Partner → dossier → our ids of what it was given, in the ledger's order."""
    found: dict[str, dict[str, list[str]]] = {}
    statement = (
        select(deliveries.c.destination, messages.c.dossier, messages.c.id)
        .join(messages, messages.c.seq == deliveries.c.message_seq)
        .where(deliveries.c.state == "delivered")
        .order_by(messages.c.seq)
    )
    with house.gateway.ledger.read() as connection:
        for row in connection.execute(statement):
            found.setdefault(row.destination, {}).setdefault(row.dossier, []).append(row.id)
    return found


def books(partners: dict[str, Notebook]) -> dict[str, dict[str, list[str]]]:
    found: dict[str, dict[str, list[str]]] = {}
    for name, notebook in partners.items():
        for code, key in notebook.effects:
            found.setdefault(name, {}).setdefault(code, []).append(key)
    return found


def crash_and_come_back(house: House, engine: Engine, make_house: Callable[[str], House]) -> House:
    """The partners live on; the gateway begins anew on the copy."""
    house.gateway.close()
    again = make_house(engine.put_back())
    again.partners = house.partners
    again.gateway._outbounds = dict(house.partners)
    return again


@pytest.fixture
def before(make_house: Callable[[str], House], engine: Engine, monkeypatch: pytest.MonkeyPatch) -> House:
    house = make_house(engine.url)
    monkeypatch.setenv("LIENTHONG_HOME", str(house.gateway.config.home))
    return house


def test_a_copy_put_back_loses_nothing_and_doubles_nothing(
    before: House, engine: Engine, make_house: Callable[[str], House], time: Time
) -> None:
    live(before, 1, 2, 3)
    before.work()  # long delivered
    live(before, 4, 5)
    before.partners["portal"].script = [Rejected("sai", code="1")]
    under_way = before.courier("portal")
    under_way.step()  # calls are made, one is refused, none is settled yet
    engine.copy()
    under_way._drain()
    before.work()  # what was open is delivered, after the copy
    live(before, 6, 7)
    before.work()  # and what the copy has never heard of
    for row in parked(before):
        with before.gateway.ledger.write() as connection:
            people.retry(connection, row.id, who="chị Tư", reason="đã sửa danh mục", now=time())
    before.work()
    told = books(before.partners)
    assert told == delivered(before)

    after = crash_and_come_back(before, engine, make_house)
    assert delivered(after) != told, "the copy is older than the partners"
    run("db", "restored", "--reason", "hỏng đĩa, phục hồi bản 02:00")
    time.at = utc_now()  # that of the command just run
    live(after, *range(1, 8))
    after.work()
    time.move(hours=2)
    after.work()
    for row in parked(after):
        with after.gateway.ledger.write() as connection:
            people.retry(connection, row.id, who="chị Tư", reason="đã sửa danh mục", now=time())
    after.work()

    assert books(after.partners) == told == delivered(after), "nothing twice, and every one is accounted for"
    with after.gateway.ledger.read() as connection:
        assert conserve(connection) == []


def test_new_messages_after_the_copy_was_put_back_are_not_asked_about(
    before: House, engine: Engine, make_house: Callable[[str], House], time: Time
) -> None:
    engine.copy()
    after = crash_and_come_back(before, engine, make_house)
    run("db", "restored", "--reason", "thử phục hồi")
    time.at = utc_now()
    time.move(minutes=10)
    after.accept("one-stop", dossier(1, event_time=time().isoformat()))

    after.work()

    assert len(after.partners["portal"].effects) == 1
    assert after.partners["portal"].asked == []


def test_a_reader_of_the_feed_goes_back_to_where_the_copy_ended(
    before: House, engine: Engine, make_house: Callable[[str], House], time: Time
) -> None:
    live(before, 1)
    engine_door = Door(before.gateway)
    kept: Any = engine_door.get("/api/v1/status-feed", "portal").json
    engine.copy()
    live(before, 2)
    seen: Any = engine_door.get(f"/api/v1/status-feed?after={kept['next']}", "portal").json
    assert len(seen["items"]) == 4

    after = crash_and_come_back(before, engine, make_house)
    run("db", "restored", "--reason", "hỏng đĩa")
    live(after, 3)
    door = Door(after.gateway)
    page: Any = door.get(f"/api/v1/status-feed?after={seen['next']}", "portal").json

    assert [item["dossier"] for item in page["items"]] == ["000.00.01.H99-260105-0003"] * 4, "none stepped over"
    assert page["next"] > seen["next"], "cursors sort, across the loss as well"
    again: Any = door.get(f"/api/v1/status-feed?after={page['next']}", "portal").json
    assert (again["items"], again["next"]) == ([], page["next"])


def parked(house: House) -> Any:
    with house.gateway.ledger.read() as connection:
        return people.parked(connection)


def test_without_the_word_a_message_goes_twice(
    sqlite_engine: Engine, make_house: Callable[[str], House], monkeypatch: pytest.MonkeyPatch
) -> None:
    house = make_house(sqlite_engine.url)
    monkeypatch.setenv("LIENTHONG_HOME", str(house.gateway.config.home))
    live(house, 1)
    sqlite_engine.copy()
    house.work()
    told = books(house.partners)
    after = crash_and_come_back(house, sqlite_engine, make_house)

    after.work()

    assert books(after.partners) != told, "this is what `lienthong db restored` is for"


def test_a_copy_is_never_written_over_and_postgresql_has_its_own_tools(before: House, tmp_path: Path) -> None:
    there = tmp_path / "x.db"
    there.write_text("quý giá")

    done = CliRunner().invoke(root, ["db", "backup", str(there)])

    assert done.exit_code != 0
    assert ("is there already" if before.gateway.ledger.sqlite else "docs/backup.md") in done.output
    assert there.read_text() == "quý giá"


def test_a_copy_made_in_the_middle_of_writing_is_sound(
    sqlite_engine: Engine, make_house: Callable[[str], House], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    house = make_house(sqlite_engine.url)
    monkeypatch.setenv("LIENTHONG_HOME", str(house.gateway.config.home))
    live(house, 1)
    writing = threading.Thread(target=live, args=(house, *range(2, 30)))
    writing.start()
    sqlite_engine.copy()
    writing.join()

    kept = open_ledger(f"sqlite:///{tmp_path / 'kept.db'}")
    with kept.read() as connection:
        assert conserve(connection) == []
        assert len(connection.execute(select(messages.c.id)).all()) >= 5
    kept.close()
