"""The national index as rules: each is broken by one thing and by nothing else; what can be mended is told to whoever can mend it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.canonical import any_message
from gateway.cli.main import root
from gateway.codes import CsvCodes
from gateway.config import default_folder
from gateway.dossiers.facts import When
from gateway.dossiers.kpi import Kpi, view_of
from gateway.errors import Misconfigured
from gateway.message import Message
from gateway.web.shapes import KpiAnswer, Receipt
from tests.conftest import Time
from tests.door import fresh_ledger, make_home, open_door
from tests.house import dossier, status

KPI = Kpi(default_folder() / "kpi.toml")
CODES = CsvCodes(default_folder() / "codelists")
NOW = datetime.fromisoformat("2026-01-07T12:00:00+07:00")
CODE = dossier()["dossier"]
OFFICER = {"name": "Trần Thị Ví Dụ"}
FILE = {
    "id": "t1",
    "name": "to-khai.pdf",
    "url": "https://files.example.gov.vn/1",
    "digitised": True,
    "from_shared_store": True,
}
FEE = {"code": "LP-1", "name": "Lệ phí", "kind": "charge", "amount": 8000, "paid": "portal"}
PAPER = {"id": "k1", "name": "Giấy khai sinh", "url": "https://files.example.gov.vn/k1", "code": "KQ.G15.000031"}
RECEIVED = {"received_at": "2026-01-05T09:30:00+07:00"}
CITIZEN = {**dossier()["applicant"], "verified_by_vneid": True}


def whole(**changes: Any) -> dict[str, Any]:
    """A dossier that loses nothing."""
    return dossier(**{"attachments": [FILE], "fees": [FEE], "applicant": CITIZEN, **changes})


def say(kind: str, name: str, minute: int, **body: Any) -> dict[str, Any]:
    return {"type": kind, "id": name, "dossier": CODE, "event_time": f"2026-01-05T10:{minute:02}:00+07:00", **body}


def asked(number: int) -> dict[str, Any]:
    return say(
        "SupplementRequested", f"s{number}", number, request=f"bs-{number}", content="Thiếu bản sao", officer=OFFICER
    )


def given(number: int) -> dict[str, Any]:
    return say(
        "SupplementProvided", f"p{number}", number, request=f"bs-{number}", content="Đã nộp", received_by=OFFICER
    )


RESULT = say("ResultIssued", "r", 30, results=[PAPER])
DONE = (status(1, 4, 1), RESULT, status(1, 9, 60))


def lint(*bodies: dict[str, Any], at: datetime = NOW) -> list[str]:
    told = []
    for number, one in enumerate(bodies, start=1):
        said = any_message.validate_python(one)
        body = json.loads(said.model_dump_json(exclude_none=True))
        told.append(
            Message(
                number, said.id, "one-stop", said.id, said.type, said.dossier, said.event_time, said.event_time, body
            )
        )
    view = view_of(told)
    assert view is not None
    return [loss.rule for loss in KPI.lint(view, CODES, at)]


def test_a_dossier_can_lose_nothing() -> None:
    assert lint(whole()) == []
    assert lint(whole(), *DONE, status(1, 10, 90)) == []


LATER = datetime.fromisoformat("2026-01-20T12:00:00+07:00")
BROKEN: dict[str, tuple[list[dict[str, Any]], datetime]] = {
    "promise-missing": ([whole(deadlines=RECEIVED)], NOW),
    "late": ([whole(), status(1, 4, 1), RESULT, status(1, 9, 60 * 24 * 9)], LATER),
    "overdue": ([whole(), status(1, 4, 1)], LATER),
    "asked-twice": ([whole(), asked(1), given(1), asked(2)], NOW),
    "supplement-unanswered": ([whole(), asked(1), *DONE], NOW),
    "never-said-done": ([whole(), status(1, 4, 1), RESULT, status(1, 10, 60)], NOW),
    "not-online": ([whole(channel=1)], NOW),
    "paid-at-the-counter": ([whole(fees=[{**FEE, "paid": "direct"}])], NOW),
    "fee-unpaid": ([whole(fees=[{**FEE, "paid": "unpaid"}]), *DONE], NOW),
    "result-missing": ([whole(channel=2), status(1, 4, 1), status(1, 9, 60)], NOW),
    "online-without-result": ([whole(channel=2), status(1, 4, 1), status(1, 9, 60)], NOW),
    "result-uncoded": (
        [whole(), say("ResultIssued", "r", 30, results=[{k: v for k, v in PAPER.items() if k != "code"}])],
        NOW,
    ),
    "result-code-unlisted": (
        [whole(), say("ResultIssued", "r", 30, results=[{**PAPER, "code": "KQ.G15.999999"}])],
        NOW,
    ),
    "no-digitised-file": ([whole(attachments=[])], NOW),
    "nothing-digitised": ([whole(attachments=[{**FILE, "digitised": False}])], NOW),
    "not-from-the-store": ([whole(attachments=[{**FILE, "from_shared_store": False}])], NOW),
    "population-data-unused": (
        [whole(applicant={**CITIZEN, "verified_by_vneid": False}, attachments=[{**FILE, "from_shared_store": False}])],
        NOW,
    ),
}
TOGETHER = {
    "result-missing": {"online-without-result"},
    "online-without-result": {"result-missing"},
    "no-digitised-file": {"not-from-the-store"},
    "population-data-unused": {"not-from-the-store"},
}
"""Rules that one fault breaks together."""


@pytest.mark.parametrize("rule", BROKEN)
def test_a_rule_is_broken_by_what_it_names_and_by_nothing_else(rule: str) -> None:
    bodies, at = BROKEN[rule]

    assert set(lint(*bodies, at=at)) == {rule} | TOGETHER.get(rule, set())


def test_a_reception_that_nobody_timed_is_named() -> None:
    """Only a replayed record can be so: accept asks for the moment."""
    told = [whole(status=1, deadlines={"due_at": "2026-01-12T17:00:00+07:00"}), status(1, 4, 1)]

    assert lint(*told) == ["reception-unknown"]


def test_every_rule_is_tried_here() -> None:
    assert {rule.id for rule in KPI.index.rule} == {*BROKEN, "reception-unknown"}


def test_a_number_is_no_yes_and_a_yes_no_number() -> None:
    facts = {"channel": 1, "received": True}

    def holds(**conditions: object) -> bool:
        return When.model_validate(conditions).holds(SimpleNamespace(**facts))  # type: ignore[arg-type]

    assert holds(channel=[1], received=[True])
    assert not holds(channel=[True])
    assert not holds(received=[1])


def test_status_five_told_twice_is_two_requests() -> None:
    moves = [status(1, code, minute) for code, minute in ((4, 1), (5, 10), (4, 20), (5, 30))]

    assert lint(whole(), *moves) == ["asked-twice"]


@pytest.mark.parametrize(
    ("ways", "told"),
    [
        (("portal", "direct"), ["paid-at-the-counter"]),
        (("local_gateway", "direct"), ["paid-at-the-counter"]),
        (("direct", "unpaid"), ["paid-at-the-counter"]),
        (("portal", "local_gateway"), []),
    ],
)
def test_one_fee_paid_at_the_counter_makes_the_dossier_one_that_was(ways: tuple[str, ...], told: list[str]) -> None:
    fees = [{**FEE, "code": f"LP-{n}", "paid": way} for n, way in enumerate(ways)]

    assert lint(whole(fees=fees)) == told


def test_points_are_the_indicators_own_or_its_groups_and_it_says_which() -> None:
    bodies, at = BROKEN["asked-twice"]
    told = [any_message.validate_python(one) for one in bodies]
    messages = [
        Message(
            n,
            m.id,
            "",
            m.id,
            m.type,
            m.dossier,
            m.event_time,
            m.event_time,
            json.loads(m.model_dump_json(exclude_none=True)),
        )
        for n, m in enumerate(told)
    ]
    view = view_of(messages)
    assert view is not None
    (loss,) = KPI.lint(view, CODES, at)

    assert (loss.points, loss.points_of, loss.indicator) == (20, "indicator", "2.1")
    assert {loss.points_of for _, loss in KPI._rows} == {"indicator", "group"}
    assert sum(group.points for group in KPI.index.group) == 100


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("received = [false]", "recieved = [false]", "no such fact: recieved"),
        ('indicator = "1.4"', 'indicator = "9.9"', "there is no indicator '9.9'"),
        ('id = "late"', 'id = "overdue"', "the same id"),
        ('group = "1"', 'group = "7"', "there is no group '7'"),
        ("least = 2", "least = -2", "least"),
    ],
)
def test_a_wrong_file_is_refused_by_the_place(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = (default_folder() / "kpi.toml").read_text(encoding="utf-8")
    assert old in text
    (tmp_path / "kpi.toml").write_text(text.replace(old, new, 1), encoding="utf-8")

    with pytest.raises(Misconfigured, match=said):
        Kpi(tmp_path / "kpi.toml")


def test_check_names_a_partner_of_the_index_that_is_none(home: Path) -> None:
    file = home / "config" / "kpi.toml"
    well = CliRunner().invoke(root, ["check", "--home", str(home)]).output
    file.write_text(file.read_text(encoding="utf-8").replace('["portal"]', '["porta"]'), encoding="utf-8")
    told = CliRunner().invoke(root, ["check", "--home", str(home)])

    assert "18 quy tắc" in well
    assert told.exit_code == 1
    assert "porta" in told.output


def test_without_the_file_there_are_no_rules(tmp_path: Path) -> None:
    assert Kpi(tmp_path / "kpi.toml").partners == []


# ── told where it can be mended ─────────────────────────────────────────────────────────────────────────────────


def test_a_receipt_names_what_its_sender_can_still_mend_and_a_repeated_one_the_same(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    with open_door(make_home(tmp_path), time) as door:
        bad = dossier(channel=1, deadlines=RECEIVED)
        first, again = (door.post("/api/v1/dossiers", bad) for _ in range(2))
        good = door.post("/api/v1/dossiers", whole(dossier=CODE.replace("0001", "0002"), id="good"))
        batch = door.post("/api/v1/messages/batch", {"messages": [status(1, 4, 1)]})
        kpi = door.get(f"/api/v1/dossiers/{CODE}/kpi")
        strange = door.get(f"/api/v1/dossiers/{CODE}/kpi", partner="vnpost")

    receipt = Receipt.model_validate(first.json)
    assert [getattr(loss, "rule", None) for loss in receipt.warnings] == ["promise-missing", "no-digitised-file"]
    assert again.json == {**first.get_json(), "repeated": True}
    assert good.get_json()["warnings"] == []
    assert [w["rule"] for w in batch.get_json()["results"][0]["receipt"]["warnings"]] == [
        "promise-missing",
        "no-digitised-file",
    ]
    assert {loss.rule for loss in KpiAnswer.model_validate(kpi.json).losses} == {
        "promise-missing", "no-digitised-file", "not-online", "not-from-the-store", "population-data-unused",
    }  # fmt: skip
    assert strange.status_code == 404


Run = Callable[..., Any]


@pytest.fixture
def home(tmp_path: Path, addresses: None) -> Path:
    shutil.copytree(default_folder(), tmp_path / "config")
    assert CliRunner().invoke(root, ["db", "upgrade", "--home", str(tmp_path)]).exit_code == 0
    return tmp_path


def write(home: Path, *bodies: Any) -> str:
    file = home / "messages.json"
    file.write_text(json.dumps(list(bodies)), encoding="utf-8")
    return str(file)


def test_lint_says_the_same_of_a_file_and_of_a_dossier_of_the_ledger(home: Path) -> None:
    def run(*words: str) -> Any:
        return CliRunner().invoke(root, [*words, "--home", str(home)])

    file = write(home, dossier(deadlines=RECEIVED), status(1, 4, 10))
    of_file = run("lint", file, "--json")
    assert run("send", file).exit_code == 0
    of_dossier, shown, traced = run("lint", CODE, "--json"), run("lint", CODE), run("trace", CODE, "--json")

    assert (of_file.exit_code, of_dossier.exit_code, shown.exit_code) == (1, 1, 1)
    assert of_file.output == of_dossier.output
    assert "promise-missing" in [loss["rule"] for loss in json.loads(of_file.output)["losses"]]
    assert json.loads(traced.output)["kpi"] == json.loads(of_file.output)["losses"]
    assert "NgayHenTra" in shown.output


def test_lint_is_content_with_a_dossier_that_loses_nothing(home: Path) -> None:
    told = CliRunner().invoke(root, ["lint", write(home, whole()), "--home", str(home)])

    assert told.exit_code == 0, told.output


def test_lint_names_what_the_portal_would_be_refused(home: Path) -> None:
    told = CliRunner().invoke(
        root, ["lint", write(home, whole(applicant={**CITIZEN, "papers": []})), "--home", str(home)]
    )

    assert told.exit_code == 1
    assert "DinhDanhCHS" in told.output


@pytest.mark.parametrize("what", ["000.00.01.H99-260105-9999", "status", "two"])
def test_lint_says_what_it_cannot_hold_against_the_index(home: Path, what: str) -> None:
    files = {"status": [status(1, 4, 10)], "two": [dossier(1), dossier(2)]}
    given = write(home, *files[what]) if what in files else what

    told = CliRunner().invoke(root, ["lint", given, "--home", str(home)])

    assert told.exit_code in (1, 2)
    assert "Lỗi · Error" in told.output
