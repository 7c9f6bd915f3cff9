"""Code lists with effective dates, and the lists that ship with the project."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from gateway.canonical import scalars
from gateway.codes import CsvCodes
from gateway.errors import Misconfigured

SHIPPED = Path(__file__).resolve().parents[2] / "config/codelists"
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def codes(tmp_path: Path, text: str, name: str = "units") -> CsvCodes:
    (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return CsvCodes(tmp_path, now=lambda: NEW_YEAR)


def test_the_row_in_force_is_found_by_the_day_in_vietnam(tmp_path: Path) -> None:
    lists = codes(tmp_path, "code,name,from,until\nA,cũ,,2025-12-31\nA,mới,2026-01-01,2026-12-31\n")
    eve = datetime(2025, 12, 31, 16, 59, 59, tzinfo=UTC)
    assert lists.find("units", "A", eve) == {"code": "A", "name": "cũ"}
    assert lists.find("units", "A", datetime(2025, 12, 31, 17, tzinfo=UTC)) == {"code": "A", "name": "mới"}
    assert lists.find("units", "A", datetime(2026, 12, 31, 17, tzinfo=UTC)) is None
    assert lists.find("units", "A") == {"code": "A", "name": "mới"}
    assert lists.find("units", "B") is None


def test_an_organisation_is_found_by_either_code(tmp_path: Path) -> None:
    lists = codes(tmp_path, "code,code20,name,from,until\n000.00.01.H99,H99.1,Sở Tư pháp,,\n")
    assert lists.find("units", "H99.1") == lists.find("units", "000.00.01.H99")
    assert lists.find("units", "") is None


def test_a_procedure_is_found_by_its_national_part_whatever_the_suffix(tmp_path: Path) -> None:
    lists = codes(tmp_path, "code,name,from,until\n1.001193,Khai sinh,,\n", "procedures")
    for code in ("1.001193", "1.001193.000.00.00.H56", "1.001193.H56", "1.001193.02"):
        assert lists.find("procedures", code) == {"code": "1.001193", "name": "Khai sinh"}
    assert lists.find("procedures", "1.0011930") is None


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("code,name\nA,x\n", ":1: "),
        ("code,code,from,until\nA,A,,\n", ":1: "),
        ("code,from,until\n,,\n", ":2: "),
        ("code,from,until\nA,\n", ":2: "),
        ("code,from,until\nA,,,x\n", ":2: "),
        ("code,from,until\nA,1/1/2026,\n", ":2: "),
        ("code,from,until\nA,2026-02-01,2026-01-01\n", ":2: "),
        ("code,from,until\nA,,\nA,2026-01-01,\n", ":3: "),
        ("code,code20,from,until\nA,B,,\nB,C,,\n", ":3: "),
        ('code,from,until\n"A"x,,\n', ": không phải CSV · not valid CSV"),
    ],
)
def test_a_mistake_in_a_list_is_told_with_its_line(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(Misconfigured) as wrong:
        codes(tmp_path, text)
    assert f"units.csv{place}" in str(wrong.value)


def test_an_unknown_list_is_the_operators_mistake(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"add codelists/wards\.csv"):
        codes(tmp_path, "code,from,until\n").find("wards", "00166")


def rows(name: str) -> list[list[str]]:
    return [line.split(",") for line in (SHIPPED / f"{name}.csv").read_text(encoding="utf-8").splitlines()[1:]]


def test_the_shipped_lists_hold_codes_of_the_right_form() -> None:
    lists = CsvCodes(SHIPPED)
    for code, *_ in rows("procedures"):
        TypeAdapter(scalars.ProcedureCode).validate_python(code)
        row = lists.find("procedures", code, NEW_YEAR)
        assert row is not None
        TypeAdapter(scalars.FieldCode).validate_python(row["field_code"])
    for code, code20, *_ in rows("organisations"):
        for form in (code, code20):
            TypeAdapter(scalars.OrganisationCode).validate_python(form)
            row = lists.find("organisations", form, NEW_YEAR)
            assert row is not None
            TypeAdapter(scalars.Phone).validate_python(row["postal_phone"])
            assert lists.find("provinces", row["postal_province"], NEW_YEAR)
    assert len(rows("procedures")) >= 15


def test_every_former_province_is_known_with_what_it_became() -> None:
    lists = CsvCodes(SHIPPED)
    june, july = datetime(2025, 6, 30, 12, tzinfo=UTC), datetime(2025, 7, 1, 12, tzinfo=UTC)
    former, present = lists.in_force("provinces", june), lists.in_force("provinces", july)

    assert (len(former), len(present)) == (63, 34)
    assert {row.values["became"] for row in former.values()} == set(present)
    assert (former["15"].values["name"], present["15"].values["name"]) == ("Yên Bái", "Lào Cai")


def test_the_roots_of_both_code_systems_name_one_province_each() -> None:
    lists = CsvCodes(SHIPPED)
    june = datetime(2025, 6, 30, 12, tzinfo=UTC)

    assert lists.find("organisation_roots", "000.00.00.H56") == lists.find("organisation_roots", "H56")
    named = {
        row.values["code"]: row.values["province"]
        for row in lists.file("organisation_roots").rows
        if row.values["level"] == "province"
    }
    provinces = lists.in_force("provinces", june)
    assert sorted(named.values()) == sorted(provinces)
    assert provinces[named["H22"]].values["name"] == "Hà Giang"
