"""`send`, `trace`, `explain`, `keys`: from a file into the ledger, and from the ledger to the eye without personal data."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.canonical import TYPES, CatalogueChanged
from gateway.cli.main import root
from gateway.cli.masking import COVER, Mask
from gateway.cli.show import TYPES as MESSAGES
from gateway.config import default_folder
from gateway.flow.gateway import Gateway
from gateway.ledger import standing
from gateway.ledger.keys import find_key
from gateway.ledger.tables import RETOLD
from tests.house import dossier, status

Run = Callable[..., Result]
CODE = dossier()["dossier"]
SECRETS = ("Nguyễn Văn Mẫu", "001090000037", "0912345678", "tech-mau-1")


@pytest.fixture
def home(tmp_path: Path, addresses: None) -> Path:
    """The shipped configuration, mappings and all, with an empty ledger."""
    shutil.copytree(default_folder(), tmp_path / "config")
    assert CliRunner().invoke(root, ["db", "upgrade", "--home", str(tmp_path)]).exit_code == 0
    return tmp_path


@pytest.fixture
def run(home: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("LIENTHONG_WHO", "lan")
    return lambda *arguments: CliRunner().invoke(root, [*arguments, "--home", str(home)])


def write(folder: Path, *bodies: Any) -> str:
    file = folder / "messages.json"
    file.write_text(json.dumps(list(bodies)), encoding="utf-8")
    return str(file)


def test_messages_of_a_file_are_accepted_once_however_often_it_is_sent(run: Run, tmp_path: Path) -> None:
    file = write(tmp_path, dossier(), status(1, 4, 10))

    first, again = json.loads(run("send", file, "--json").output), json.loads(run("send", file, "--json").output)

    assert [one["destinations"] for one in first] == [["portal"], ["portal"]]
    assert [one["repeated"] for one in again] == [True, True]
    assert [one["id"] for one in again] == [one["id"] for one in first]


def test_a_bad_message_of_a_file_is_told_with_every_fault_and_the_good_ones_are_kept(run: Run, tmp_path: Path) -> None:
    told = run("send", write(tmp_path, dossier(), status(1, 99, 10)))

    assert told.exit_code == 1
    assert "/status" in told.output
    assert run("trace", CODE).exit_code == 0


def test_a_trace_tells_who_said_what_and_who_believes_what(run: Run, tmp_path: Path) -> None:
    run("send", write(tmp_path, dossier(), status(1, 4, 20), status(1, 4, 10)))

    found = json.loads(run("trace", CODE, "--json").output)
    told = run("trace", CODE).output

    assert [m["held"] for m in found["messages"]] == [None, None, "late"]
    assert [d["destination"] for d in found["messages"][0]["deliveries"]] == ["portal"]
    assert [(b["system"], b["status"], b["how"]) for b in found["beliefs"]] == [
        ("one-stop", 4, "said"),
        ("portal", None, "untold"),
    ]
    assert found["beliefs"][1]["next"]["what"] == "send"
    assert "chưa được báo" in told
    assert "portal: đang chờ" in told
    assert not any(secret in told for secret in SECRETS)
    assert run("trace", "H99-260105-9999").exit_code == 1


@pytest.mark.parametrize("columns", [100, 120])
def test_a_trace_fits_the_screen_with_every_id_in_one_piece(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    run("send", write(tmp_path, dossier(), status(1, 4, 20), status(1, 4, 10)))
    monkeypatch.setenv("COLUMNS", str(columns))

    told = run("trace", CODE, "--reckoning").output
    ids = [one["id"] for one in json.loads(run("trace", CODE, "--json").output)["messages"]]

    assert all(one in told for one in ids)
    assert max(len(line.rstrip()) for line in told.splitlines()) <= columns
    for words in ("Gửi hồ sơ · DossierSubmitted", "Đổi trạng thái · StatusChanged", "Căn cứ"):
        assert words in told


def test_every_message_has_a_name_for_people() -> None:
    assert set(MESSAGES) == {*TYPES, CatalogueChanged.model_fields["type"].default, RETOLD}


def test_an_explanation_names_source_rule_and_version_of_every_field(run: Run, tmp_path: Path) -> None:
    run("send", write(tmp_path, dossier()))
    (message,) = json.loads(run("trace", CODE, "--json").output)["messages"]

    found = json.loads(run("explain", message["id"], "--json").output)

    (document,) = found["destinations"][0]["documents"]
    lines = {line["target"]: line for line in document["lines"]}
    assert document["mapping"].startswith("mapi_dossier@")
    assert lines["/MaTTHC"]["source"] == "/dossier/procedure/code"
    assert lines["/MaTTHC"]["value"] == "1.001193"
    assert lines["/ChuHoSo"]["value"] == COVER


def test_personal_data_is_covered_until_a_reason_is_given_and_recorded(run: Run, tmp_path: Path, home: Path) -> None:
    run("send", write(tmp_path, dossier(summary="Khai sinh cho con ông Nguyễn Văn Mẫu")))
    (message,) = json.loads(run("trace", CODE, "--json").output)["messages"]

    covered = run("explain", message["id"]).output
    refused = run("explain", message["id"], "--show")
    shown = run("explain", message["id"], "--show", "--reason", "đối chiếu khiếu nại").output

    assert not any(secret in covered for secret in SECRETS)
    assert "Khai sinh cho con" in covered
    assert refused.exit_code == 2
    assert all(secret in shown for secret in SECRETS)
    gateway = Gateway(home)
    with gateway.ledger.read() as connection:
        (act,) = standing.acts_on(connection, [f"message {message['id']}"])
    gateway.close()
    assert (act.act, act.who, act.reason) == ("look", "lan", "đối chiếu khiếu nại")


def test_the_signature_of_a_file_link_is_covered_too() -> None:
    link = "http://gate/files/ab/x.pdf?until=1&sign=0123456789abcdef0123456789abcdef"

    assert Mask([]).inside({"url": [link]}) == {"url": [f"http://gate/files/ab/x.pdf?until=1&sign={COVER}"]}
    assert Mask([], off=True).text(link) == link


def test_a_key_is_shown_once_and_rotating_it_leaves_the_old_one_a_term(run: Run, home: Path) -> None:
    made = json.loads(run("keys", "add", "one-stop", "--note", "máy chủ", "--json").output)

    listed = run("keys", "list", "--json").output
    renewed = json.loads(run("keys", "rotate", made["id"], "--days", "7", "--json").output)
    run("keys", "disable", renewed["id"])

    assert made["key"] not in listed
    assert json.loads(listed)[0]["note"] == "máy chủ"
    assert renewed["key"] != made["key"]
    gateway = Gateway(home)
    with gateway.ledger.read() as connection:
        old, new = find_key(connection, made["id"]), find_key(connection, renewed["id"])
    gateway.close()
    assert old is not None
    assert new is not None
    assert old.good(gateway.now())
    assert old.expires_at is not None
    assert not new.good(gateway.now())
    assert run("keys", "add", "nobody").exit_code == 2
