"""A draft from a sample with a blank code wrote a table that could not be loaded."""

from __future__ import annotations

from mappings.engine import draft


def test_the_code_of_a_blank_value_is_for_a_person_to_write() -> None:
    made = draft({"trang_thai": ""}, to="DossierSubmitted")

    assert all(row.split(",")[1] for row in made.get("codes.csv", "table,from,to\n").splitlines())
