"""Statistics of days to come were said to be "as of" a day that had not come; a spreadsheet that could not be written ended in a traceback."""

from __future__ import annotations

import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from click.testing import CliRunner

from gateway.cli.main import root
from gateway.config import default_folder
from gateway.dossiers.statistics import gather_statistics
from gateway.ledger.queries import Reader
from tests.conftest import Time
from tests.house import House, dossier, status


def test_what_is_open_is_open_as_of_now(house: House, time: Time) -> None:
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 10))
    setup, now = house.gateway, time.at
    days = date(now.year + 1, 1, 1), date(now.year + 1, 6, 30)

    told = gather_statistics(setup.ledger, setup.config, setup.codes, Reader("", "all"), *days, "agency", now)

    assert (told.as_of, told.total.received, told.total.open) == (now, 0, 1)


@pytest.fixture
def home(tmp_path: Path, addresses: None) -> Path:
    shutil.copytree(default_folder(), tmp_path / "config")
    return tmp_path


def test_days_that_have_not_begun_are_refused(home: Path) -> None:
    year = datetime.now(UTC).year + 2

    told = CliRunner().invoke(root, ["stats", "--from", f"{year}-01-01", "--to", f"{year}-06-30", "--home", str(home)])

    assert told.exit_code == 2
    assert "chưa đến ngày đó" in told.output


def test_a_spreadsheet_that_cannot_be_written_is_told(home: Path) -> None:
    assert CliRunner().invoke(root, ["db", "upgrade", "--home", str(home)]).exit_code == 0

    told = CliRunner().invoke(root, ["stats", "--xlsx", str(home / "none" / "x.xlsx"), "--home", str(home)])

    assert told.exit_code == 2
    assert "không ghi được · cannot be written" in told.output
