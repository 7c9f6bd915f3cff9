"""`lienthong delays` and its interface: the same in every form, in both languages, and each caller sees only its own."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from gateway.canonical.scalars import HANOI
from gateway.cli.delays import show_risks
from gateway.cli.main import root
from gateway.errors import TryLater
from gateway.flow.delays import WHY, Risk
from gateway.flow.lateness import Names
from gateway.web.shapes import DelayAnswer, DelaysAnswer
from tests.conftest import Time
from tests.door import fresh_ledger, make_home, open_door
from tests.house import House, dossier, status

CODE = "000.00.01.H99-260105-0001"
DAYS = ("--from", "2026-01-01", "--to", "2026-01-31")
Run = Callable[..., Any]


def at(day: int, hour: int) -> datetime:
    return datetime(2026, 1, day, hour, tzinfo=HANOI).astimezone(UTC)


def tell_a_day_without_the_portal(house: House, time: Time) -> None:
    """Ended in time on the 12th; the portal answered again on the 13th."""
    portal = house.partners["portal"]
    time.at = at(5, 10)
    house.accept("one-stop", dossier())
    house.accept("one-stop", status(1, 4, 20))
    house.work("portal", "one-stop")
    time.at = at(12, 15)
    house.accept("one-stop", status(1, 9, 0, event_time=time.at.isoformat()))
    portal.script = [TryLater("HTTP 503", code="503") for _ in range(40)]
    while time.at < at(13, 15):
        house.work("portal", "one-stop")
        time.move(hours=1)
    portal.script = []
    house.work("portal", "one-stop")


@pytest.fixture
def run(make_house: Callable[[str], House], sqlite_url: str, time: Time) -> Run:
    house = make_house(sqlite_url)
    tell_a_day_without_the_portal(house, time)
    home = str(house.gateway.config.home)
    return lambda *words: CliRunner().invoke(root, ["delays", *words, "--home", home], terminal_width=160)


def read_csv(told: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(told.removeprefix("\ufeff"))))


def test_one_dossier_is_told_stretch_by_stretch_with_its_proofs_in_both_languages(run: Run) -> None:
    shown = run(CODE)

    assert shown.exit_code == 0, shown.output
    words = " ".join(shown.output.split())
    for expected in (
        "trễ trên đường truyền: xong đúng hạn", "late on the wire: ended in time", "Đường tới Cổng Dịch vụ công Quốc gia",
        "On the way to: National Public Service Portal", "lần thử · attempts", "mã · codes 503", "Sở Tư pháp", "173:30", "24:00",
    ):  # fmt: skip
        assert expected in words, shown.output


def test_json_and_csv_tell_the_same_minutes(run: Run) -> None:
    told = json.loads(run(CODE, "--json").output)
    lines = read_csv(run(CODE, "--csv").output)

    assert [line["owner"] for line in lines] == [one["owner"] for one in told["stretches"]] == ["desk", "to"]
    assert [int(line["minutes"]) for line in lines] == [one["minutes"] for one in told["stretches"]] == [10410, 1440]
    assert (told["verdict"]["place"], told["verdict"]["index_only"], told["viewer"]) == ("wire", True, "portal")
    DelayAnswer.model_validate(told)


def test_the_summary_is_the_same_in_every_form(run: Run) -> None:
    told = json.loads(run(*DAYS, "--json").output)
    lines = read_csv(run(*DAYS, "--csv").output)
    shown = " ".join(run(*DAYS).output.split())

    DelaysAnswer.model_validate(told)
    assert (told["due"], told["late"], told["wire"], told["wire_percent"]) == (1, 1, 1, 100.0)
    assert (
        [line["key"] for line in lines]
        == [line["key"] for line in told["lines"]]
        == ["to:portal", "desk:000.00.01.H99"]
    )
    assert "trễ trên đường truyền · on the wire 1 (100.00%)" in shown
    assert CODE in shown
    assert "24:00" in shown


@pytest.mark.parametrize(("by", "key"), [("agency", "000.00.01.H99"), ("destination", "portal")])
def test_a_line_for_each_agency_or_partner(run: Run, by: str, key: str) -> None:
    told = json.loads(run(*DAYS, "--by", by, "--json").output)

    first = told["lines"][0]
    assert (first["key"], first["late"], first["wire"], first["wire_minutes"]) == (key, 1, 1, 1440)


def test_days_without_a_late_dossier_say_so(run: Run) -> None:
    shown = run("--from", "2026-02-01", "--to", "2026-02-28")

    assert shown.exit_code == 0
    assert "không có gì · nothing" in shown.output
    assert json.loads(run("--forecast", "--json").output)["risks"] == []


@pytest.mark.parametrize(
    "words",
    [
        (CODE, "--from", "2026-01-01"),
        ("--forecast", CODE),
        ("--json", "--csv"),
        ("--from", "1/1/2026"),
        ("--by", "colour"),
    ],
)
def test_words_that_mean_nothing_are_refused(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


def test_an_unknown_dossier_is_told(run: Run) -> None:
    answered = run("000.00.01.H99-260105-0099")

    assert answered.exit_code == 1
    assert "cổng không có hồ sơ" in answered.output


def test_the_forecast_says_by_when_who_must_be_back(run: Run, house: House, capsys: pytest.CaptureFixture[str]) -> None:
    now, due = at(12, 10), at(12, 17)
    risks = [
        Risk("A", "000.00.01.H99", due, "away", "portal", due - timedelta(minutes=6), over=True),
        Risk("B", "000.00.01.H99", due, "parked", "portal", at(12, 9)),
        Risk("C", "000.00.01.H99", due, "desk", "000.00.01.H99", due, stuck="portal"),
    ]

    show_risks(risks, Names(house.gateway), now)

    shown = " ".join(capsys.readouterr().out.split())
    for expected in (
        "late today if nothing changes: 3",
        "only because of the wire: 2",
        "16:54",
        "không còn kịp",
        "Sở Tư pháp",
    ):
        assert expected in shown
    assert all(words.strip() and not words.isascii() for words, _ in WHY.values())


def test_the_interface_tells_each_caller_of_its_own(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    time.at = at(20, 9)
    with open_door(make_home(tmp_path), time) as door:
        assert door.post("/api/v1/dossiers", dossier()).status_code == 202
        query = "/api/v1/delays?from=2026-01-01&to=2026-01-31&by=agency"
        told = {partner: door.get(query, partner=partner) for partner in ("one-stop", "portal", "vnpost", None)}
        wrong = door.get("/api/v1/delays?from=2026-01-01&to=2027-06-01&by=x")
        one = door.get(f"/api/v1/dossiers/{CODE}/delays")
        others = door.get(f"/api/v1/dossiers/{CODE}/delays", partner="vnpost")

    assert [told[name].status_code for name in ("one-stop", "portal", "vnpost", None)] == [200, 200, 403, 401]
    found = DelaysAnswer.model_validate(told["one-stop"].json)
    assert (found.total.due, found.total.late, found.total.desk, found.lines[0].key) == (1, 1, 1, "000.00.01.H99")
    assert wrong.status_code == 400
    assert DelayAnswer.model_validate(one.json).verdict.place == "desk"
    assert others.status_code == 404
