"""`check`, `flow`, `partners`, `map`, `db`: what an operator asks before and after a change of the files."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import root
from gateway.config import default_folder
from tests.house import House, dossier

Run = Callable[..., Result]


@pytest.fixture
def home(tmp_path: Path, addresses: None) -> Path:
    """The shipped configuration with an empty ledger."""
    shutil.copytree(default_folder(), tmp_path / "config")
    assert CliRunner().invoke(root, ["db", "upgrade", "--home", str(tmp_path)]).exit_code == 0
    return tmp_path


@pytest.fixture
def run(home: Path) -> Run:
    return lambda *arguments: CliRunner().invoke(root, [*arguments, "--home", str(home)])


def test_the_shipped_configuration_is_in_order(run: Run) -> None:
    told = run("check", "--conservation")

    assert told.exit_code == 0, told.output
    assert "all is well" in told.output


def test_a_mapping_that_a_route_needs_and_the_partner_lacks_is_found(run: Run, home: Path) -> None:
    file = home / "config" / "partners" / "vnpost.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace("[mappings.PostalCancelled]", "[mappings.PaymentPaid]"), encoding="utf-8")

    told = run("check")

    assert told.exit_code == 1
    assert "PostalCancelled" in told.output
    assert "vnpost.toml" in told.output


def test_a_missing_secret_is_named(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LIENTHONG_PORTAL_PASSWORD")

    told = run("check")

    assert told.exit_code == 1
    assert "LIENTHONG_PORTAL_PASSWORD" in told.output


def test_a_partner_that_does_not_answer_is_said_so(run: Run) -> None:
    told = run("partners", "check", "portal", "--json")

    assert told.exit_code == 1
    assert [one["ok"] for one in json.loads(told.output)] == [False, False]


def test_a_lie_in_the_ledger_is_found_and_the_exit_code_says_so(house: House) -> None:
    house.accept("one-stop", dossier())
    with house.gateway.ledger.write() as connection:
        connection.exec_driver_sql("UPDATE lanes SET delivered = 7")

    told = CliRunner().invoke(root, ["check", "--conservation", "--json", "--home", str(house.gateway.config.home)])

    wrong = [one for one in json.loads(told.output) if not one["ok"]]
    assert told.exit_code == 1
    assert any("lane-count" in one["answer"] for one in wrong)


def test_schemas_are_written_and_a_stale_one_is_found(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "schemas"

    assert run("check", "--schemas", str(folder)).exit_code == 0
    assert run("check", "--verify-schemas", str(folder)).exit_code == 0
    (folder / "StatusChanged.json").write_text("{}", encoding="utf-8")
    told = run("check", "--verify-schemas", str(folder))

    assert told.exit_code == 1
    assert "StatusChanged.json" in told.output


def test_the_map_shows_partners_routes_mappings_and_queues(run: Run, house: House) -> None:
    house.accept("one-stop", dossier())

    found = json.loads(CliRunner().invoke(root, ["flow", "--json", "--home", str(house.gateway.config.home)]).output)

    assert [p["id"] for p in found["partners"]] == ["one-stop", "portal", "vnpost"]
    assert any(route["implies"] and route["implies"].startswith("result_by_post@") for route in found["routes"])
    (queue,) = found["queues"]
    assert (queue["destination"], queue["waiting"], queue["lanes"], queue["breaker"]) == ("portal", 1, 1, "closed")
    told = run("flow").output
    assert "mapi_dossier@" in told
    assert "status = 9" in told


def test_the_map_needs_no_ledger(tmp_path: Path) -> None:
    told = CliRunner().invoke(root, ["flow", "--home", str(tmp_path)])

    assert told.exit_code == 0
    assert "no ledger yet" in told.output
    assert not (tmp_path / "data").exists()


def test_a_secret_written_into_a_partner_file_is_not_shown(run: Run, home: Path) -> None:
    file = home / "config" / "partners" / "portal.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace('"env:LIENTHONG_PORTAL_PASSWORD"', '"bi-mat-that"'), encoding="utf-8")

    told = run("partners", "show", "portal").output

    assert "bi-mat-that" not in told
    assert "env:LIENTHONG_PORTAL_USERNAME" in told


def test_the_samples_of_a_mapping_run_and_a_document_is_tried(run: Run, home: Path) -> None:
    tested = run("map", "test", "vnpost_event", "--json")
    (sample, *_) = sorted((Path(__file__).parents[2] / "mappings" / "vnpost_event" / "samples").glob("*/out.json"))
    tried = run("map", "try", "vnpost_event", str(sample.parent / "in.json"))

    assert tested.exit_code == 0, tested.output
    assert {one["mapping"] for one in json.loads(tested.output)["samples"]} == {"vnpost_event"}
    assert tried.exit_code == 0
    assert "/order ←" in tried.output
    assert run("map", "test", "nothing").exit_code == 2
    assert "portal: StatusChanged/progress" in run("map", "list").output


def test_the_schema_of_the_ledger_is_told(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = run("db", "status")
    monkeypatch.setenv("LIENTHONG_DATA", str(tmp_path / "elsewhere"))
    elsewhere = run("db", "status", "--json")

    assert here.exit_code == 0
    assert (elsewhere.exit_code, json.loads(elsewhere.output)["revision"]) == (1, None)


def test_a_house_without_a_ledger_is_checked_too_and_nothing_is_left_behind(tmp_path: Path, addresses: None) -> None:
    told = CliRunner().invoke(root, ["check", "--home", str(tmp_path)])

    assert told.exit_code == 0, told.output
    assert "lienthong up" in told.output
    assert not (tmp_path / "data").exists()
