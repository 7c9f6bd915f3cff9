"""Imports into a code list: every fault by its line, history kept, the same file twice changes nothing."""

from __future__ import annotations

import csv
import io
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.codes import CsvCodes, scan
from gateway.codes.changes import Plan, days_of, plan_import, write_whole

TODAY = date(2026, 7, 1)
LIST = "code,name,phone,from,until\nA,một,09,,\nB,hai,08,2026-01-01,2026-12-31\n"


def plan(
    folder: Path,
    current: str | None,
    given: str,
    *,
    name: str = "units",
    since: date | None = TODAY,
    whole: bool = False,
) -> Plan:
    kept, new = folder / f"{name}.csv", folder / "in.txt"
    new.write_text(given, encoding="utf-8")
    if current is not None:
        kept.write_text(current, encoding="utf-8")
    there = scan(kept, name) if current is not None else None
    return plan_import(there, scan(new, name, need=("code",), since=since), since if whole else None)


def lines(made: Plan) -> list[str]:
    return made.text().splitlines()[1:]


def kinds(made: Plan) -> list[tuple[str, str]]:
    return [(change.kind, change.code) for change in made.changes]


def test_a_changed_row_is_closed_and_a_new_one_stands_beside_it(tmp_path: Path) -> None:
    made = plan(tmp_path, LIST, "code,name\nA,mới\n")

    assert kinds(made) == [("changed", "A")]
    assert lines(made) == ["A,một,09,,2026-06-30", "A,mới,09,2026-07-01,", "B,hai,08,2026-01-01,2026-12-31"]


def test_a_row_that_tells_the_same_stays_as_it_is(tmp_path: Path) -> None:
    made = plan(tmp_path, LIST, "code,name\nA,một\nB,hai\n")

    assert (made.changes, made.faults, made.text()) == ([], [], LIST)


def test_a_new_code_is_added_and_what_the_file_lacks_is_empty(tmp_path: Path) -> None:
    made = plan(tmp_path, LIST, "code,name\nC,ba\n")

    assert kinds(made) == [("added", "C")]
    assert lines(made)[-1] == "C,ba,,2026-07-01,"


def test_a_code_that_was_to_end_still_ends_then_when_the_file_says_nothing_of_its_end(tmp_path: Path) -> None:
    made = plan(tmp_path, LIST, "code,name\nB,khác\n")

    assert lines(made)[1:] == ["B,hai,08,2026-01-01,2026-06-30", "B,khác,08,2026-07-01,2026-12-31"]


@pytest.mark.parametrize(
    ("row", "kind", "until"),
    [("A,một,09,,2026-08-31", "ended", "2026-08-31"), ("B,hai,08,2026-01-01,", "extended", "")],
)
def test_an_end_may_be_moved(tmp_path: Path, row: str, kind: str, until: str) -> None:
    made = plan(tmp_path, LIST, f"code,name,phone,from,until\n{row}\n", since=None)

    assert [(change.kind, days_of(change.after)["until"]) for change in made.changes if change.after] == [(kind, until)]
    assert row in lines(made)


def test_a_whole_list_ends_what_it_lacks(tmp_path: Path) -> None:
    made = plan(tmp_path, LIST, "code,name\nA,một\n", whole=True)

    assert kinds(made) == [("ended", "B")]
    assert "B,hai,08,2026-01-01,2026-06-30" in lines(made)


def test_history_is_not_overwritten(tmp_path: Path) -> None:
    # given a row that begins on the very day
    made = plan(tmp_path, LIST, "code,name\nB,khác\n", since=date(2026, 1, 1))

    assert [line for line, _ in made.faults] == [2]
    assert "history is not overwritten" in made.faults[0][1]


def test_a_row_may_not_run_into_a_later_one(tmp_path: Path) -> None:
    later = "code,name,from,until\nA,một,,2026-12-31\nA,sau,2027-01-01,\n"
    made = plan(tmp_path, later, "code,name,from,until\nA,giữa,2026-07-01,\n", since=None)

    assert [line for line, _ in made.faults] == [2]


def test_every_fault_of_a_file_is_told_with_its_line(tmp_path: Path) -> None:
    text = "code,name,level,from,until\n1,x,,,\n000.00.07.H99,Sở,tỉnh,,\n,trống,,,\n000.00.08.H99,Sở,,1/7/2026,\n000.00.09.H99,Sở,,,,\n"
    made = plan(tmp_path, None, text, name="organisations", since=None)

    assert [line for line, _ in made.faults] == [2, 3, 4, 5, 6]


def test_a_column_that_the_list_does_not_have_is_a_fault(tmp_path: Path) -> None:
    assert [line for line, _ in plan(tmp_path, LIST, "code,colour\nA,đỏ\n").faults] == [1]


def test_a_code_of_another_system_that_is_taken_already_is_a_fault(tmp_path: Path) -> None:
    current = "code,code20,name,from,until\n000.00.01.H99,H99.1,Sở Tư pháp,,\n"
    made = plan(tmp_path, current, "code,code20,name\n000.00.02.H99,H99.1,Sở Công Thương\n", name="organisations")

    assert [line for line, _ in made.faults] == [2]


def test_a_procedure_is_kept_under_its_national_part(tmp_path: Path) -> None:
    current = "code,name,from,until\n1.001193,Khai sinh,,\n"
    made = plan(
        tmp_path,
        current,
        "code,name\n1.001193.000.00.00.H56,Đăng ký khai sinh\n2.000635.02,Trích lục\n",
        name="procedures",
    )

    assert kinds(made) == [("changed", "1.001193"), ("added", "2.000635")]


@pytest.mark.parametrize("code", ["1.001193", "1.001193.02", "1.001193.H56", "1.001193.02.000.00.00.H56"])
def test_the_suffixes_of_provinces_are_taken_off_and_no_others(tmp_path: Path, code: str) -> None:
    (tmp_path / "procedures.csv").write_text("code,name,from,until\n1.001193,Khai sinh,,\n", encoding="utf-8")
    lists = CsvCodes(tmp_path)

    assert lists.find("procedures", code) is not None
    assert lists.find("procedures", f"{code}.XYZ") is None
    assert lists.find("procedures", "１.001193") is None


days = st.dates(date(2025, 1, 1), date(2027, 12, 31))
names = st.sampled_from(["một", "hai", "ba"])
files = st.lists(st.tuples(st.sampled_from("ABC"), names), max_size=5, unique_by=lambda row: row[0])


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(imports=st.lists(st.tuples(days, files, st.booleans()), max_size=5), last=st.tuples(days, files, st.booleans()))
def test_what_was_in_force_before_an_import_stays_so_and_a_second_import_changes_nothing(
    tmp_path: Path,
    imports: list[tuple[date, list[tuple[str, str]], bool]],
    last: tuple[date, list[tuple[str, str]], bool],
) -> None:
    # given a list after any imports, on any days
    text = "code,name,from,until\n"
    for since, rows, whole in imports:
        made = plan(tmp_path, text, _file(rows), since=since, whole=whole)
        text = text if made.faults else made.text()

    # when one more comes
    since, rows, whole = last
    made = plan(tmp_path, text, _file(rows), since=since, whole=whole)
    if made.faults:
        return
    asked = _days(text) | _days(made.text()) | {since}
    before, after = _in_force(tmp_path, text, asked), _in_force(tmp_path, made.text(), asked)

    # then every day before it is as it was, that day is as the file says, and the same file again changes nothing
    assert {key: name for key, name in before.items() if key[0] < since} == {
        key: name for key, name in after.items() if key[0] < since
    }
    assert {code: after.get((since, code)) for code, _ in rows} == dict(rows)
    again = plan(tmp_path, made.text(), _file(rows), since=since, whole=whole)
    assert (again.changes, again.faults, again.text()) == ([], [], made.text())


def _file(rows: list[tuple[str, str]]) -> str:
    return "".join(f"{code},{name}\n" for code, name in [("code", "name"), *rows])


def _days(text: str) -> set[date]:
    """Those on which something may change, and their neighbours."""
    rows = list(csv.DictReader(io.StringIO(text)))
    marks = {date.fromisoformat(row[side]) for row in rows for side in ("from", "until") if row[side]}
    return {day + timedelta(days=by) for day in marks for by in (-1, 0, 1)}


def _in_force(folder: Path, text: str, asked: set[date]) -> dict[tuple[date, str], str]:
    """Every name, by day and code; the text is read as the gateway reads it."""
    (folder / "units.csv").write_text(text, encoding="utf-8")
    lists = CsvCodes(folder)
    rows = {code: lists.history("units", code) for code in "ABC"}
    return {(day, c): row.values["name"] for day in asked for c in "ABC" for row in rows[c] if row.holds(day)}


def test_a_list_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "units.csv"
    file.write_text(LIST, encoding="utf-8")
    file.chmod(0o640)

    def full(_: int) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as broken:
        broken.setattr("gateway.codes.changes.os.fsync", full)
        with pytest.raises(OSError, match="no space"):
            write_whole(file, "code\n")
    assert file.read_text(encoding="utf-8") == LIST

    write_whole(file, "code,from,until\n")
    assert file.read_text(encoding="utf-8") == "code,from,until\n"
    assert (file.stat().st_mode & 0o777, [p.name for p in tmp_path.iterdir()]) == (0o640, ["units.csv"])
