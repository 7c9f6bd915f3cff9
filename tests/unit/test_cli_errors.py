"""What could not be done now is one clear message and exit code 1; wrong files and a wrong call are 2; nobody sees a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.cli.main import root


def run(*arguments: str) -> Result:
    return CliRunner().invoke(root, arguments)


def test_a_wrong_file_is_named_with_its_place_and_cure(tmp_path: Path, addresses: None) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "gateway.toml").write_text("[web]\nport = 99999\n", encoding="utf-8")

    told = run("flow", "--home", str(tmp_path))

    assert told.exit_code == 2
    assert "gateway.toml" in told.output
    assert "web.port" in told.output
    assert "Traceback" not in told.output


def test_a_ledger_without_a_schema_says_what_to_run(tmp_path: Path) -> None:
    told = run("parked", "list", "--home", str(tmp_path))

    assert told.exit_code == 1
    assert "lienthong db upgrade" in told.output


def test_a_ledger_that_does_not_answer_is_said_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", "postgresql+psycopg://nobody@127.0.0.1:9/none")

    told = run("parked", "list", "--home", str(tmp_path))

    assert told.exit_code == 1
    assert "the ledger does not answer" in told.output
    assert "Traceback" not in told.output


def test_an_unknown_command_and_a_missing_reason_are_usage_errors(tmp_path: Path) -> None:
    assert run("nonsense").exit_code == 2
    assert run("parked", "retry", "1", "--home", str(tmp_path)).exit_code == 2
    assert run("parked", "retry", "1", "--reason", "  ", "--home", str(tmp_path)).exit_code == 2


def test_an_unknown_partner_is_answered_with_the_known_ones(tmp_path: Path) -> None:
    told = run("partners", "show", "nowhere", "--home", str(tmp_path))

    assert told.exit_code == 2
    assert "one-stop, portal, vnpost" in told.output


def test_the_home_may_be_named_before_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIENTHONG_HOME", "/nowhere")

    told = run("--home", str(tmp_path), "db", "upgrade")

    assert told.exit_code == 0
    assert (tmp_path / "data" / "lienthong.db").exists()
