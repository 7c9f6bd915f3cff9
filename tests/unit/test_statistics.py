"""Statistics: what each figure counts, on both engines; whole numbers that add up; nobody counts what is another's."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.main import root
from gateway.cli.spreadsheet import write_xlsx
from gateway.config import Route
from gateway.dossiers.deadlines import judge_deadline
from gateway.dossiers.statistics import BY, Statistics, Tally, count_life, gather_statistics, percent
from gateway.ledger.lives import Life
from gateway.ledger.queries import Reader
from gateway.web.shapes import StatisticsAnswer
from gateway.xml import read_xml
from tests.conftest import Time
from tests.door import fresh_ledger, make_home, open_door
from tests.house import House, dossier, status

ALL = Reader("", "all")
DAY = timedelta(days=1)
MONTH = date(2026, 1, 1), date(2026, 1, 31)
START = datetime(2026, 1, 5, 2, tzinfo=UTC)
HOME = {"name": "Nguyễn Văn Mẫu", "phone": "0912345678", "address": {"detail": "Số 1 đường A", "province": "19"}}


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-01-{text}:00+07:00")


def life(**changes: Any) -> Life:
    plain = Life(
        "c", "000.00.01.H99", "1.001193", 1, at("12T17:00"), at("05T09:30"), None, None, 0, False, "000.00.01.H99"
    )
    return plain._replace(**changes)


@pytest.mark.parametrize(
    ("due", "ended", "judged"),
    [
        ("12T17:00", "11T23:59", "early"),
        ("12T17:00", "12T00:01", "on_time"),
        ("12T05:00", "11T23:59", "early"),  # the day before in Vietnam, though not in UTC
        ("12T17:00", "12T17:00", "on_time"),
        ("12T17:00", "12T17:01", "late"),
        (None, "12T17:01", "unpromised"),
        ("25T17:00", None, "open"),
        (None, None, "open"),
        ("12T17:00", None, "overdue"),
        ("12T17:00", "21T08:00", "overdue"),  # it ended only after the moment of asking
    ],
)
def test_a_promise_is_judged_by_the_day_and_then_by_the_instant(
    due: str | None, ended: str | None, judged: str
) -> None:
    due_at, ended_at = (at(text).astimezone(UTC) if text else None for text in (due, ended))  # as the ledger gives them
    one = life(due_at=due_at, ended_at=ended_at)

    assert judge_deadline(one, at("20T12:00")) == judged


@pytest.mark.parametrize(
    ("part", "whole", "told"), [(7038, 8483, 82.97), (1, 8, 12.5), (1, 800, 0.13), (0, 3, 0.0), (0, 0, None)]
)
def test_shares_are_rounded_half_up_to_two_places(part: int, whole: int, told: float | None) -> None:
    assert percent(part, whole) == told


instants = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC))  # noqa: DTZ001
drawn = st.builds(
    life,
    due_at=st.none() | instants,
    received_at=instants,
    ended_at=st.none() | instants,
    closed_at=st.none() | instants,
    channel=st.sampled_from([1, 2, 3]),
    asked=st.integers(0, 3),
    by_post=st.booleans(),
)


@given(st.lists(drawn, max_size=30), instants)
def test_every_resolved_dossier_is_judged_once_and_periods_add_up(lives: list[Life], middle: datetime) -> None:
    first, last = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 2, tzinfo=UTC)

    def count(since: datetime, until: datetime) -> Tally:
        tally = Tally()
        for one in lives:
            if one.received_at < until:  # as the ledger's query has it
                count_life(tally, one, since, until, until)
        return tally

    whole, before, after = count(first, last), count(first, middle), count(middle, last)

    for tally in (whole, before, after):
        assert tally.resolved == tally.early + tally.on_time + tally.late + tally.unpromised
        assert tally.overdue <= tally.open
        assert max(tally.online, tally.postal, tally.supplemented) <= tally.received
    assert whole.received == before.received + after.received
    assert whole.received == whole.open + whole.resolved + whole.closed


def test_what_is_closed_after_the_moment_of_asking_is_open_at_it() -> None:
    tally = Tally()
    count_life(tally, life(closed_at=at("21T08:00")), at("01T00:00"), at("31T00:00"), at("20T12:00"))

    assert (tally.closed, tally.open, tally.overdue) == (0, 1, 1)


# ── from the ledger ─────────────────────────────────────────────────────────────────────────────────────────────


def ask(
    house: House, first: date = MONTH[0], last: date = MONTH[1], by: str = "agency", reader: Reader = ALL
) -> Statistics:
    gateway = house.gateway
    return gather_statistics(gateway.ledger, gateway.config, gateway.codes, reader, first, last, by, gateway.now())


def tell(house: House, number: int, *steps: tuple[int, float], **changes: Any) -> None:
    """A dossier received on 2026-01-05, promised for 2026-01-12 17:00, and its statuses: code and days later."""
    house.accept("one-stop", dossier(number, **changes))
    for code, days in steps:
        house.accept("one-stop", status(number, code, round(days * 1440), reopens=code == 4))


@pytest.fixture
def month(house: House, time: Time) -> House:
    """A house at the end of January with a dossier of each fate."""
    time.at = at("31T20:00")
    tell(house, 1, (4, 0.1), (9, 2), (10, 3), channel=1)
    tell(house, 2, (4, 0.1), (9, 7), channel=1)
    tell(house, 3, (4, 0.1), (9, 9), channel=2)
    tell(house, 4, (4, 0.1), channel=2)
    tell(house, 5, (4, 0.1), channel=1, deadlines={"received_at": "2026-01-05T09:30:00+07:00"})
    tell(house, 6, (4, 0.1), (5, 1), (4, 3), (9, 4), channel=3)
    tell(house, 7, (7, 1), channel=1)
    tell(house, 8, (4, 0.1), (9, 2), (4, 3), channel=1)  # done, and taken up again
    tell(house, 9, (4, 0.1), (10, 1), channel=1)  # not lawful: held, it moves nothing
    tell(
        house,
        10,
        (4, 0.1),
        (9, 1),
        channel=1,
        postal={"return_to": HOME},
        deadlines={"received_at": "2026-01-05T09:30:00+07:00"},
    )
    return house


def test_each_figure_counts_what_it_says(month: House) -> None:
    total = ask(month).total

    assert (total.received, total.resolved, total.closed, total.open) == (10, 5, 1, 4)
    assert (total.early, total.on_time, total.late, total.unpromised, total.overdue) == (2, 1, 1, 1, 3)
    assert (total.in_time, total.judged) == (3, 7)
    assert (total.online, total.postal, total.supplemented) == (2, 2, 1)


def test_a_period_counts_receptions_and_ends_each_in_their_own_days(month: House) -> None:
    later = ask(month, date(2026, 1, 12), date(2026, 1, 14)).total

    assert (later.received, later.resolved, later.on_time, later.late, later.closed) == (0, 2, 1, 1, 0)
    assert (ask(month, date(2026, 1, 6), date(2026, 1, 6)).total.closed, later.open) == (1, 4)


def test_what_has_not_ended_yet_was_not_overdue_before_its_day(month: House) -> None:
    assert ask(month, date(2026, 1, 1), date(2026, 1, 11)).total.overdue == 0
    assert ask(month, date(2026, 1, 1), date(2026, 1, 12)).total.overdue == 4  # the late one too, that evening


def test_a_day_begins_at_midnight_in_vietnam(house: House, time: Time) -> None:
    """Half past midnight on the 6th is still the 5th in UTC; a minute to seven in the morning too."""
    time.at = at("31T20:00")
    for number, moment in enumerate(("05T23:59", "06T00:00", "06T06:59"), start=1):
        changes = {"event_time": at(moment).isoformat(), "submitted_at": at(moment).isoformat()}
        tell(house, number, **changes, deadlines={"received_at": at(moment).isoformat()})

    counts = [ask(house, date(2026, 1, day), date(2026, 1, day)).total.received for day in (5, 6, 7)]

    assert counts == [1, 2, 0]


@pytest.mark.parametrize("by", BY)
def test_groups_add_up_to_the_total(month: House, by: str) -> None:
    found = ask(month, by=by)

    added = Tally()
    for group in found.groups:
        added.add(group.tally)
    assert added == found.total == ask(month).total
    assert len({group.key for group in found.groups}) == len(found.groups)


def test_channels_agencies_and_levels_have_names_in_both_languages(month: House) -> None:
    named = {by: {g.key: (g.name, g.name_en) for g in ask(month, by=by).groups} for by in BY}

    assert named["channel"]["2"] == ("Trực tuyến", "Online")
    assert named["agency"]["000.00.01.H99"] == ("Sở Tư pháp", "Department of Justice")
    assert named["procedure"]["1.001193"] == ("Đăng ký khai sinh", "Registration of birth")
    assert named["level"] == {"province": ("Cấp tỉnh", "Province")}


def test_both_codes_of_an_agency_are_one_line(house: House, time: Time) -> None:
    time.at = at("31T20:00")
    tell(house, 1)
    tell(house, 2, handled_by={"code": "H99.1", "name": "Sở Tư pháp"})

    assert [(group.key, group.tally.received) for group in ask(house).groups] == [("000.00.01.H99", 2)]


def test_what_was_meant_for_the_post_is_postal(house: House, time: Time) -> None:
    """Once the order stands; the wish alone carries nothing."""
    time.at = at("31T20:00")
    tell(house, 1, postal={"return_to": HOME})
    assert ask(house).total.postal == 0

    for code, days in ((4, 0.1), (9, 1)):
        house.accept("one-stop", status(1, code, round(days * 1440)))

    assert ask(house).total.postal == 1


def test_ratings_are_counted_by_the_day_they_were_given(house: House, time: Time) -> None:
    config = house.gateway.config
    config.partners["portal"] = config.partners["portal"].model_copy(update={"sends": ["RatingGiven"]})
    config.routes.append(
        Route.model_validate({"name": "ratings", "when": {"type": ["RatingGiven"]}, "to": ["one-stop"]})
    )
    time.at = at("31T20:00")
    tell(house, 1, (4, 0.1), (9, 1))
    for number, (score, day) in enumerate([(5, 8), (4, 8), (3, 8), (1, 8), (5, 20)]):
        rating = {"type": "RatingGiven", "id": f"r{number}", "dossier": dossier(1)["dossier"], "score": score}
        house.accept("portal", rating | {"event_time": at(f"{day:02}T10:00").isoformat()})

    told = ask(house, date(2026, 1, 8), date(2026, 1, 8)).total

    assert (told.ratings, told.satisfied, told.dissatisfied) == (4, 2, 1)
    assert told.as_json()["shares"]["satisfied"] == 50.0


def test_a_reader_counts_only_what_it_may_know_of(month: House) -> None:
    assert ask(month, reader=Reader("one-stop", "own")).total.received == 10
    assert ask(month, reader=Reader("vnpost", "own")).total.received == 1  # the one it carries
    assert ask(month, reader=Reader("agency", "own")).total == Tally()
    assert ask(month, reader=Reader("one-stop", "none")).total == Tally()


# ── what people see ─────────────────────────────────────────────────────────────────────────────────────────────

Run = Callable[..., Any]


@pytest.fixture
def run(tmp_path: Path, addresses: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    home = make_home(tmp_path)
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    file = tmp_path / "messages.json"
    file.write_text(json.dumps([dossier(), status(1, 4, 10), status(1, 9, 2000)]), encoding="utf-8")
    assert CliRunner().invoke(root, ["send", str(file), "--home", str(home)]).exit_code == 0
    return lambda *words: CliRunner().invoke(root, ["stats", *words, "--home", str(home)])


def test_the_command_tells_the_same_in_every_form(run: Run, tmp_path: Path) -> None:
    days = ("--from", "2026-01-01", "--to", "2026-01-31")

    told = json.loads(run(*days, "--json").output)
    lines = list(csv.DictReader(io.StringIO(run(*days, "--csv").output.removeprefix("\ufeff"))))
    shown = run(*days).output
    assert run(*days, "--xlsx", str(tmp_path / "t.xlsx")).exit_code == 0

    assert (told["total"]["received"], told["total"]["early"], told["total"]["shares"]["early"]) == (1, 1, 100.0)
    assert [(line["key"], line["early"], line["early_percent"]) for line in lines] == [
        ("000.00.01.H99", "1", "100.0"),
        ("", "1", "100.0"),
    ]
    assert "Sở Tư pháp" in shown
    assert "100.00%" in shown
    sheet = read_sheet((tmp_path / "t.xlsx").read_bytes())
    assert (len(sheet), sheet[1][:2], sheet[2][1]) == (3, ["000.00.01.H99", "Sở Tư pháp"], "Tổng cộng")
    assert sheet[0][:4] == ["Mã", "Tên", "Tên tiếng Anh", "Tiếp nhận"]


def test_the_table_shows_all_that_the_sums_are_made_of_in_both_languages(run: Run) -> None:
    shown = run("--from", "2026-01-01", "--to", "2026-01-31").output

    for head in (
        "Tiếp nhận",
        "received",
        "resolved",
        "không hẹn",
        "unpromised",
        "Đóng",
        "closed",
        "Đang làm",
        "open",
        "overdue",
    ):
        assert head in shown
    assert "Resolved = early + on time + late + unpromised" in shown


@pytest.mark.parametrize("words", [("--csv", "--json"), ("--xlsx", "t.xlsx", "--csv")])
def test_one_form_is_asked_for_at_a_time(run: Run, words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2


@pytest.mark.parametrize(
    "words", [("--from", "2026-1-1"), ("--to", "31/01/2026"), ("--from", "2026-02-01", "--to", "2026-01-01")]
)
def test_days_that_are_none_are_told(run: Run, words: tuple[str, ...]) -> None:
    answered = run(*words)

    assert answered.exit_code == 2
    assert words[1] in answered.output


def read_sheet(packed: bytes) -> list[list[str]]:
    with zipfile.ZipFile(io.BytesIO(packed)) as book:
        for name in book.namelist():
            read_xml(book.read(name))
        sheet = read_xml(book.read("xl/worksheets/sheet1.xml"))
    return [["".join(cell.itertext()) for cell in row] for row in sheet.iter("{*}row")]


def test_a_spreadsheet_holds_texts_as_texts_and_numbers_as_numbers() -> None:
    packed = write_xlsx("Thống kê <&>", [["Tên", "Số"], ["=1+1 <&> \"'", 12.5], [None, 7]])

    assert read_sheet(packed) == [["Tên", "Số"], ["=1+1 <&> \"'", "12.5"], ["7"]]
    with zipfile.ZipFile(io.BytesIO(packed)) as book:
        assert b"<f>" not in book.read("xl/worksheets/sheet1.xml")


@pytest.mark.parametrize(
    ("query", "parameters"),
    [
        ("", {"?from", "?to"}),
        ("?from=2026-01-01", {"?to"}),
        ("?from=2026-02-01&to=2026-01-01", {"?to"}),
        ("?from=2026-01-01&to=2060-01-01", {"?to"}),
        ("?from=20260101&to=0001-01-01", {"?from", "?to"}),
        ("?from=2026-01-01&to=2026-01-02&by=colour", {"?by"}),
    ],
)
def test_the_interface_tells_every_wrong_parameter(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: Any, query: str, parameters: set[str]
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    with open_door(make_home(tmp_path), time) as door:
        answered = door.get(f"/api/v1/statistics{query}")

    assert answered.status_code == 400
    assert {fault["pointer"] for fault in answered.get_json()["faults"]} == parameters


def test_the_interface_counts_for_each_caller_what_it_may_read(
    tmp_path: Path, addresses: None, time: Time, monkeypatch: Any
) -> None:
    monkeypatch.setenv("LIENTHONG_LEDGER", fresh_ledger(tmp_path))
    time.at = at("31T20:00")
    with open_door(make_home(tmp_path), time) as door:
        assert door.post("/api/v1/dossiers", dossier()).status_code == 202
        query = "/api/v1/statistics?from=2026-01-01&to=2026-01-31&by=channel"
        told = {partner: door.get(query, partner=partner) for partner in ("one-stop", "portal", "vnpost", None)}

    assert [told[name].status_code for name in ("one-stop", "portal", "vnpost", None)] == [200, 200, 403, 401]
    found = StatisticsAnswer.model_validate(told["one-stop"].json)
    assert (found.total.received, found.total.open, found.groups[0].key) == (1, 1, "2")
    assert told["portal"].get_json()["total"] == told["one-stop"].get_json()["total"]
