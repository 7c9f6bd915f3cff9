"""A route of mode `proxy` was decided by the destination alone: what other senders had sent, and the gateway's own view, went out as "what came"."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import select

from gateway.config import Config, default_folder
from gateway.flow.gateway import Gateway
from gateway.flow.release import Release
from gateway.ledger import people
from gateway.ledger.tables import deliveries, messages
from tests.conftest import Time
from tests.house import House, dossier, plain_config, status

ADDRESS = {"province": "19", "detail": "Số 1 đường Trung Tâm"}
PARTNER = (
    'id = "new-system"\nname = "Mới"\nname_en = "New"\nconnector = "rest"\n[settings]\nurl = "http://127.0.0.1:9"\n'
)
ROUTE = '\n[[route]]\nname = "Sang hệ thống mới"\n{mode}when = {{ source = ["{source}"], type = ["DossierSubmitted"] }}\nto = ["new-system"]\n'


def write(home: Path, mode: str, source: str) -> None:
    file = home / "config" / "routes.toml"
    shipped = (default_folder() / "routes.toml").read_text(encoding="utf-8")
    file.write_text(shipped + ROUTE.format(mode=mode, source=source), encoding="utf-8")


@pytest.fixture
def house(tmp_path: Path, addresses: None, sqlite_url: str, time: Time, monkeypatch: pytest.MonkeyPatch) -> House:
    shutil.copytree(default_folder(), tmp_path / "config")
    plain_config(tmp_path / "config")
    (tmp_path / "config" / "partners" / "new-system.toml").write_text(PARTNER, encoding="utf-8")
    monkeypatch.setenv("LIENTHONG_LEDGER", sqlite_url)
    write(tmp_path, "", "one-stop")
    return House(Gateway(tmp_path, now=time))


def reread(house: House, tmp_path: Path) -> None:
    house.gateway.take(Config(tmp_path))
    house.gateway._outbounds = dict(house.partners)


def test_a_message_that_waited_under_other_rows_is_for_a_person_and_not_passed_on(house: House, tmp_path: Path) -> None:
    house.accept("one-stop", dossier(1))
    write(tmp_path, 'mode = "proxy"\n', "portal")
    reread(house, tmp_path)

    house.work("new-system")

    assert house.partners["new-system"].effects == []
    with house.gateway.ledger.read() as connection:
        (parked,) = [row for row in people.parked(connection) if row.destination == "new-system"]
    assert "passes on what another sender sent" in parked.reason


def test_what_nobody_sent_is_not_routed_to_it(house: House, tmp_path: Path) -> None:
    file = tmp_path / "config" / "routes.toml"
    shipped = (default_folder() / "routes.toml").read_text(encoding="utf-8")
    route = '\n[[route]]\nname = "x"\nmode = "proxy"\nwhen = { source = ["one-stop"] }\nto = ["new-system"]\n'
    file.write_text(shipped + route, encoding="utf-8")
    reread(house, tmp_path)
    home = {"name": "Nguyễn Văn Mẫu", "phone": "0912345678", "address": ADDRESS}

    house.accept("one-stop", dossier(1, postal={"return_to": home}))
    house.accept("one-stop", status(1, 4, 10))
    house.accept("one-stop", status(1, 9, 20))

    with house.gateway.ledger.read() as connection:
        because = select(messages.c.because).join(deliveries, deliveries.c.message_seq == messages.c.seq)
        made = connection.execute(because.where(deliveries.c.destination == "vnpost")).scalars().all()
        passed_on = connection.execute(because.where(deliveries.c.destination == "new-system")).scalars().all()
    assert [one is None for one in made] == [False], "the order to the post follows from the status"
    assert passed_on == [None, None, None]


def test_what_was_held_and_is_taken_up_is_passed_on_as_it_came(house: House, tmp_path: Path) -> None:
    """It was left out, as if nobody had sent it."""
    file = tmp_path / "config" / "routes.toml"
    shipped = (default_folder() / "routes.toml").read_text(encoding="utf-8")
    row = ROUTE.format(mode='mode = "proxy"\n', source="one-stop").replace('"DossierSubmitted"', '"StatusChanged"')
    file.write_text(shipped + row, encoding="utf-8")
    reread(house, tmp_path)
    house.accept("one-stop", dossier(1))
    early = house.accept("one-stop", status(1, 9, 60))
    house.accept("one-stop", status(1, 4, 30))

    (made,) = Release(house.gateway).run()
    house.work("new-system")

    assert early.held == "not-lawful"
    assert "new-system" in made.destinations
    assert len(house.partners["new-system"].effects) == 2
    with house.gateway.ledger.read() as connection:
        assert people.parked(connection, destination="new-system") == []
