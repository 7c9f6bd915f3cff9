"""Families of procedures that move otherwise: data, checked when loaded; a dossier keeps the moves of its reception."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.config import Config, default_folder
from gateway.dossiers.algebra import Standing, judge
from gateway.errors import Misconfigured
from gateway.flow.gateway import Setup
from tests.house import House, dossier, status

CONFIG = Config(default_folder().parent)
LINKED = {"code": "2.000986", "name": "Liên thông khai sinh", "field_code": "G15-HT01", "field_name": "Hộ tịch"}
ROWS = """
[[family]]
name = "thử"
name_en = "trial"
why = "a test"
procedures = ["1.000894"]
from = 2026-01-05
until = 2026-01-31
[[family.status]]
code = 4
moves = [4, 9]
"""


def write(folder: Path, rows: str) -> None:
    file = folder / "statuses.toml"
    file.write_text(file.read_text(encoding="utf-8") + rows, encoding="utf-8")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    shutil.copytree(default_folder(), tmp_path / "config")
    return tmp_path


def test_the_shipped_family_lets_the_register_refuse_a_linked_birth_in_process(house: House) -> None:
    linked = house.accept("one-stop", dossier(1, procedure=LINKED))
    house.accept("one-stop", dossier(2))
    refused = [
        house.accept("one-stop", status(number, code, minute)).held
        for number in (1, 2)
        for code, minute in ((4, 1), (3, 2))
    ]

    assert linked.held is None
    assert refused == [None, None, None, "not-lawful"]


@pytest.mark.parametrize(
    ("day", "own"), [("2026-01-04", False), ("2026-01-05", True), ("2026-01-31", True), ("2026-02-01", False)]
)
def test_a_family_is_for_the_receptions_of_its_days_both_included(home: Path, day: str, own: bool) -> None:
    write(home / "config", ROWS)

    table = Config(home).lawful(["1.000894.000.00.00.H99", "1.000894"], date.fromisoformat(day))

    assert (table[4].moves == [4, 9]) is own
    assert table[5] == CONFIG.statuses[5]


def test_a_dossier_keeps_the_moves_of_its_reception(make_house: Callable[[str], House], sqlite_url: str) -> None:
    house = make_house(sqlite_url)
    write(house.gateway.config.folder, ROWS)
    house.gateway.config = Config(house.gateway.config.home)
    marriage = {**LINKED, "code": "1.000894", "name": "Đăng ký kết hôn"}
    for number, received in ((1, "2026-01-04T23:59:00+07:00"), (2, "2026-01-05T00:00:00+07:00")):
        body = dossier(number, procedure=marriage, submitted_at=received, event_time=received)
        house.accept("one-stop", body | {"deadlines": {"received_at": received}})

    held = [house.accept("one-stop", status(n, code, code)).held for n in (1, 2) for code in (4, 8)]

    assert held == [None, None, None, "not-lawful"]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("moves = [4, 9]", "moves = [4, 11]", "11, which is no status"),
        ("moves = [4, 9]", "", "write only what differs"),
        ("moves = [4, 9]", "moves = [4]", "no terminal status"),
        ("code = 4\nmoves = [4, 9]", "code = 10\nmoves = [4]", "terminal"),
        ("code = 4", "code = 12", "code"),
        ("moves = [4, 9]", "moves = [4, 9]\n[[family.status]]\ncode = 4\nmoves = [9]", "twice"),
        ("until = 2026-01-31", "until = 2025-01-31", "`until` lies before `from`"),
        ('procedures = ["1.000894"]', "procedures = []", "procedures"),
        ('why = "a test"', 'why = ""', "why"),
        ('name = "thử"', f'name = "{CONFIG.families[0][0].name}"', "the same name"),
        ('procedures = ["1.000894"]', 'procedures = ["1.999999"]', "1.999999"),
        ('procedures = ["1.000894"]', 'procedures = ["2.00098*"]', "is in two families"),
    ],
)
def test_a_mistake_in_a_family_is_named(home: Path, addresses: None, old: str, new: str, says: str) -> None:
    assert old in ROWS
    write(home / "config", ROWS.replace(old, new, 1))

    with pytest.raises(Misconfigured) as error:
        Setup(Config(home))

    assert says in str(error.value)
    assert "statuses.toml" in str(error.value)


TABLES = [CONFIG.statuses, *(table for _, table in CONFIG.families)]


@given(
    st.sampled_from(TABLES), st.lists(st.tuples(st.integers(1, 10), st.integers(0, 500), st.booleans()), max_size=40)
)
def test_in_every_family_no_terminal_status_is_left_and_no_unlawful_move_made(table, events) -> None:
    start, now = datetime.fromisoformat("2026-01-05T02:30:00Z"), None
    for code, minute, reopens in events:
        when = start + timedelta(minutes=minute)
        if judge(table, now, code, when, reopens=reopens) is None:
            assert now is None or not table[now.status].terminal
            assert now is None or code in (*table[now.status].moves, *(table[now.status].reopens if reopens else ()))
            now = Standing(code, when)


def test_what_is_terminal_for_everybody_is_terminal_in_every_family() -> None:
    ends = [{code for code, row in table.items() if row.terminal} for table in TABLES]

    assert ends == [{3, 7, 10}] * len(TABLES)
