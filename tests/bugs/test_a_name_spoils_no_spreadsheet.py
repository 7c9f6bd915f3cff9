"""A control character in a name made a file that no spreadsheet opens; a name that begins like a formula became one in CSV."""

from __future__ import annotations

from datetime import UTC, date, datetime

from gateway.cli.spreadsheet import write_xlsx
from gateway.cli.stats import rows_of
from gateway.dossiers.statistics import Group, Statistics, Tally
from gateway.flow.sheets import write_csv
from tests.unit.test_statistics import read_sheet


def test_what_xml_cannot_hold_is_replaced() -> None:
    packed = write_xlsx("t", [["Tên"], ["Sở\x0b Tư\ud800 pháp\nmột\tcửa"]])

    assert read_sheet(packed) == [["Tên"], ["Sở\ufffd Tư\ufffd pháp\nmột\tcửa"]]


def test_a_name_is_no_formula() -> None:
    day = date(2026, 1, 1)
    group = Group("x", '=HYPERLINK("http://a")', "-1+1", Tally())
    found = Statistics(day, day, "agency", datetime(2026, 1, 1, tzinfo=UTC), [group], Tally())

    line = write_csv(rows_of(found)).splitlines()[1]

    assert line.startswith("""x,"'=HYPERLINK(""http://a"")",'-1+1,0,""")
