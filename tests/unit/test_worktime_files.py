"""The calendar's files: what is wrong in them is named, what nobody has confirmed is said; and the commands that show them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import date, datetime, time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gateway.canonical.scalars import HANOI
from gateway.cli.main import root
from gateway.config import Config, default_folder
from gateway.dossiers.calendar import Calendar, compare_with_package
from gateway.dossiers.clocks import Event, History, Limit, Terms, first_due, reckon
from gateway.errors import Misconfigured
from gateway.message import utc_now

Run = Callable[..., Result]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped calendar, to be spoilt."""
    shutil.copytree(default_folder() / "calendar", tmp_path / "config" / "calendar", dirs_exist_ok=True)
    return tmp_path / "config" / "calendar"


@pytest.fixture
def run(tmp_path: Path, addresses: None) -> Run:
    shutil.copytree(default_folder(), tmp_path / "config", dirs_exist_ok=True)
    return lambda *arguments: CliRunner().invoke(root, [*arguments, "--home", str(tmp_path)])


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=HANOI)


def add(file: Path, text: str) -> None:
    file.write_text((file.read_text(encoding="utf-8") if file.exists() else "") + "\n" + text, encoding="utf-8")


SOURCE = 'name = "Thử"\nsource = "Thử"'
FAULTS = {
    "a day of another year": ("2026.toml", f"[[off]]\nday = 2027-03-03\n{SOURCE}", "2027-03-03"),
    "a day twice": ("2026.toml", f"[[off]]\nday = 2026-09-02\n{SOURCE}", "2026-09-02"),
    "a day without a source": ("2026.toml", '[[off]]\nday = 2026-03-03\nname = "Thử"', "source"),
    "a swap from a Sunday": ("2026.toml", f"[[swap]]\noff = 2026-03-08\nwork = 2026-03-14\n{SOURCE}", "2026-03-08"),
    "a swap to a Tuesday": ("2026.toml", f"[[swap]]\noff = 2026-03-09\nwork = 2026-03-10\n{SOURCE}", "2026-03-10"),
    "a day off worked instead of another": (
        "2026.toml",
        f"[[swap]]\noff = 2026-03-09\nwork = 2026-02-14\n{SOURCE}",
        "2026-02-14",
    ),
    "a Saturday worked for two": (
        "2026.toml",
        f"[[swap]]\noff = 2026-03-09\nwork = 2026-01-10\n{SOURCE}",
        "2026-01-10",
    ),
    "work on a Saturday without a swap": ("2026.toml", f"[[work]]\nday = 2026-03-14\n{SOURCE}", "[[swap]]"),
    "a name that says another year": ("2031.toml", "year = 2030", "2030"),
    "an unknown word": ("2026.toml", "[[holiday]]\nday = 2026-03-03", "holiday"),
    "sessions that overlap": (
        "hours.toml",
        '[[hours]]\nname = "x"\nweekdays = ["07:00-12:00", "11:00-17:00"]',
        "11:00-17:00",
    ),
    "a session that ends before it begins": (
        "hours.toml",
        '[[hours]]\nname = "x"\nweekdays = ["12:00-07:00"]',
        "12:00-07:00",
    ),
    "a session that is none": ("hours.toml", '[[hours]]\nname = "x"\nweekdays = ["7-11"]', "7-11"),
    "hours that are none": ("hours.toml", '[[hours]]\nname = "x"\nsaturday = ["07:00-11:00"]', "Monday to Friday"),
    "hours with no beginning": (
        "hours.toml",
        '[[hours]]\nname = "x"\nfrom = 2026-01-01\nweekdays = ["07:00-11:00"]',
        "`from`",
    ),
    "hours that change to nothing named": ("hours.toml", '[[unit]]\norganisations = ["*"]\nhours = "xyz"', "xyz"),
    "no row for all other units": ("hours.toml", '[[unit]]\norganisations = ["H99.1"]\nhours = "office"', '["*"]'),
    "a same-day rule that no day fits": (
        "rules.toml",
        '[[rules]]\nfrom = 2030-01-01\nsource = "x"\nday_hours = 8\nlegal_hours = "office"\nkpi_requests = 1\n'
        '[rules.same_day]\nbefore = 12:00:00\ndue = 17:00:00\nprocedures = ["1.001193"]',
        "no day is still worked",
    ),
    "not TOML": ("rules.toml", "[[rules", "rules.toml"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_files_is_named_with_its_file_and_its_words(folder: Path, fault: str) -> None:
    name, text, words = FAULTS[fault]
    add(folder / name, text)

    with pytest.raises(Misconfigured) as wrong:
        Calendar(folder)

    assert name in str(wrong.value)
    assert words in str(wrong.value)


def test_all_faults_are_told_at_once(folder: Path) -> None:
    add(folder / "2026.toml", f"[[off]]\nday = 2027-03-03\n{SOURCE}")
    add(folder / "2025.toml", f"[[off]]\nday = 2024-03-03\n{SOURCE}")

    with pytest.raises(Misconfigured) as wrong:
        Calendar(folder)

    assert len(str(wrong.value).splitlines()) == 2


def test_a_folder_without_the_files_says_where_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"hours\.toml"):
        Calendar(tmp_path)


def test_a_draft_counts_over_the_package_and_is_doubted_until_it_is_reviewed(folder: Path) -> None:
    add(folder / "2027.toml", f"year = 2027\n[[off]]\nday = 2027-03-03\n{SOURCE}\n[[work]]\nday = 2027-11-24\n{SOURCE}")
    draft = Calendar(folder)
    (folder / "2027.toml").write_text(
        "reviewed = 2026-12-01\n" + (folder / "2027.toml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    reviewed = Calendar(folder)

    assert draft.sessions("office", date(2027, 3, 3)) == ()
    assert draft.sessions("office", date(2027, 11, 24)), "the file says that it is worked"
    assert draft.sessions("office", date(2027, 2, 8)) == (), "Tết, by the package"
    assert [d.first.year for d in draft.doubts(at("2027-01-01"), at("2027-12-01"))] == [2027]
    assert reviewed.doubts(at("2027-01-01"), at("2027-12-01")) == ()
    assert reviewed.sessions("office", date(2027, 2, 8)), "by the file alone, which forgot Tết"
    assert any("2027-02-08" in words for words in compare_with_package(reviewed, 2027)), "but the check finds that"


def test_what_is_proposed_is_doubted_where_it_is_touched_and_nowhere_else(folder: Path) -> None:
    add(
        folder / "2026.toml", '[[undecided]]\ndays = [2026-03-12, 2026-03-14]\nname = "Thử"\nsource = "Chưa có văn bản"'
    )
    calendar = Calendar(folder)

    assert [d.first for d in calendar.doubts(at("2026-03-09 08:00"), at("2026-03-13 17:00"))] == [date(2026, 3, 12)]
    assert calendar.doubts(at("2026-03-15 08:00"), at("2026-03-16 17:00")) == ()


def test_a_day_swapped_into_the_next_year_works_there(folder: Path) -> None:
    add(folder / "2026.toml", f"[[swap]]\noff = 2026-12-31\nwork = 2027-01-09\n{SOURCE}")
    calendar = Calendar(folder)

    due = first_due(
        Limit("hours", 9), at("2026-12-30 16:00"), calendar, "office", calendar.rules(at("2026-12-30 16:00"))
    )

    assert due == at("2027-01-04 17:00")
    assert calendar.sessions("office", date(2027, 1, 9)) == calendar.sessions("office", date(2027, 1, 8))


def test_the_package_knows_old_swaps_and_every_answer_by_it_is_doubted() -> None:
    calendar = Calendar(default_folder() / "calendar")

    assert calendar.sessions("office", date(2018, 12, 31)) == ()
    assert calendar.sessions("office", date(2019, 1, 5)) != ()
    assert "2019.toml" in calendar.doubts(at("2019-01-05 08:00"), at("2019-01-05 09:00"))[0].words


def test_new_hours_hold_from_their_day_on(folder: Path) -> None:
    add(
        folder / "hours.toml",
        '[[hours]]\nname = "office"\nfrom = 2026-04-16\nweekdays = ["06:30-11:00", "13:30-17:00"]\nwednesday = ["06:30-11:00"]',
    )
    calendar = Calendar(folder)

    assert calendar.sessions("office", date(2026, 4, 15))[0] == (time(7), time(11, 30))
    assert calendar.sessions("office", date(2026, 4, 16))[0] == (time(6, 30), time(11))
    assert len(calendar.sessions("office", date(2026, 4, 22))) == 1, "a Wednesday"


def test_a_dossier_keeps_the_rules_of_its_reception(folder: Path) -> None:
    rules = (folder / "rules.toml").read_text(encoding="utf-8").replace("[[rules]]", "[[rules]]\nfrom = 2026-07-01")
    add(folder / "rules.toml", rules.replace("kpi_requests = 1", "kpi_requests = 2").replace("15:00:00", "14:00:00"))
    calendar, statuses = Calendar(folder), Config(default_folder().parent).statuses

    def verdict(month: int) -> str | None:
        steps = ((2, 1, 8), (5, 1, 9), (4, 1, 10), (5, 2, 9), (4, 2, 10), (9, 2, 16))
        events = [Event(s, datetime(2026, month, d, h, tzinfo=HANOI)) for s, d, h in steps]
        return reckon(
            History(events), Terms(Limit("days", 5), "office"), calendar, statuses, at("2026-12-01")
        ).kpi.verdict

    assert (verdict(6), verdict(7)) == ("late", "early")
    assert calendar.rules(at("2026-06-30 23:59")).same_day.before == time(15)
    assert calendar.rules(at("2026-07-01 00:00")).same_day.before == time(14)


def test_a_unit_is_found_by_either_code_and_the_rest_keep_the_common_hours() -> None:
    calendar = Calendar(default_folder() / "calendar")

    assert calendar.hours_of("H99.10") == calendar.hours_of("000.00.10.H99") == "saturday-mornings"
    assert calendar.hours_of("H99.1") == calendar.hours_of() == "office"
    with pytest.raises(Misconfigured, match="office"):
        calendar.worktime("none such")


def test_an_office_without_afternoons_has_no_same_day_rule_and_says_so(folder: Path) -> None:
    add(folder / "hours.toml", '[[hours]]\nname = "mornings"\nweekdays = ["07:00-11:00"]')
    calendar, start = Calendar(folder), at("2026-03-10 08:00")

    with pytest.raises(Misconfigured, match="no working day"):
        first_due(Limit("same_day"), start, calendar, "mornings", calendar.rules(start))


def test_the_shipped_years_forget_nothing_that_the_package_knows() -> None:
    calendar = Calendar(default_folder() / "calendar")

    assert {2025, 2026} <= calendar.reviewed
    assert [words for year in calendar.reviewed for words in compare_with_package(calendar, year)] == []


def test_check_warns_of_a_year_that_nobody_has_reviewed_and_all_is_well(run: Run, folder: Path) -> None:
    for file in folder.glob("20*.toml"):
        file.unlink()

    told = run("check", "--json")

    calendar = [one for one in json.loads(told.output) if "calendar" in one["about"] and one["warning"]]
    assert all(one["ok"] for one in calendar)
    for year, one in zip((utc_now().year, utc_now().year + 1), calendar, strict=True):
        assert f"config/calendar/{year}.toml" in one["answer"]


@pytest.mark.parametrize(("spoil", "words"), [("day = 2026-11-24\n", "2026-11-24"), ("[[off]]\n", "2026.toml")])
def test_check_finds_a_forgotten_holiday_and_a_broken_file(run: Run, folder: Path, spoil: str, words: str) -> None:
    file = folder / "2026.toml"
    text = file.read_text(encoding="utf-8")
    file.write_text(text.replace(spoil, "day = 2026-11-25\n" if "day" in spoil else "[[of]]\n"), encoding="utf-8")

    told = run("check", "--json")

    wrong = [one for one in json.loads(told.output) if "calendar" in one["about"] and not one["ok"]]
    assert told.exit_code == 1
    assert any(words in one["answer"] for one in wrong)


def test_a_due_date_is_shown_with_its_reckoning_and_its_sources(run: Run) -> None:
    told = run("calendar", "due", "2026-02-13T16:00", "--hours", "8")

    assert told.exit_code == 0, told.output
    assert "thứ Hai 23/02/26 16:00:00" in told.output
    assert "9441/TB-BNV" in told.output
    assert "13:30–16:00" in told.output


def test_a_due_date_as_json_adds_up_and_names_the_year_that_nobody_reviewed(run: Run) -> None:
    told = json.loads(
        run("calendar", "due", "2099-12-30T16:00+07:00", "--days", "2", "--unit", "000.00.10.H99", "--json").output
    )

    assert told["hours"] == "saturday-mornings"
    assert told["minutes"] == sum(line["minutes"] for line in told["lines"]) == 16 * 60
    assert [doubt["from"][:4] for doubt in told["doubts"]] == ["2099", "2100"]


def test_the_same_day_rule_is_shown(run: Run) -> None:
    assert (
        json.loads(run("calendar", "due", "2026-01-09 15:00", "--same-day", "--json").output)["due"]
        == "2026-01-10T10:00:00Z"
    )


def test_a_year_is_shown_and_the_exit_code_says_whether_it_was_reviewed(run: Run) -> None:
    known, unknown = run("calendar", "show", "2026", "--json"), run("calendar", "show", "2040")

    told = json.loads(known.output)
    assert (known.exit_code, told["reviewed"]) == (0, True)
    assert {"2026-01-02", "2026-02-17"} <= {row["day"] for row in told["marked"] if row["off"]}
    assert {"2026-01-10", "2026-08-22"} == {row["day"] for row in told["marked"] if not row["off"]}
    assert told["months"][1] == {"month": 2, "days": 15, "hours": 120}
    assert unknown.exit_code == 1
    assert "2040.toml" in unknown.output


@pytest.mark.parametrize(
    "words",
    [
        ("due", "2026-02-13T16:00"),
        ("due", "2026-02-13T16:00", "--hours", "1", "--same-day"),
        ("due", "hôm nay", "--hours", "1"),
        ("due", "2026-02-13T16:00", "--hours", "0"),
        ("due", "2026-02-13T16:00", "--hours", "1", "--unit", "H98.77"),
    ],
)
def test_what_cannot_be_reckoned_is_refused_with_words(run: Run, words: tuple[str, ...]) -> None:
    told = run("calendar", *words)

    assert told.exit_code == 2
    assert " · " in told.output
