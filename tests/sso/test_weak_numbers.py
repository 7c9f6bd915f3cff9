"""A number says who somebody is only where the provider was sure of him; a TechID only at the provider that gave it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import Time
from tests.door import fresh_ledger
from tests.sso.kit import BACK, Province, open_province
from tests.sso.test_people import told

IDENTITY = "openid profile identity"


@pytest.fixture
def weak(tmp_path: Path, addresses: None, time: Time, monkeypatch: pytest.MonkeyPatch) -> Iterator[Province]:
    """A province that takes the lowest assurance."""

    def change(home: Path) -> None:
        file = home / "config" / "signon.toml"
        file.write_text(file.read_text(encoding="utf-8").replace("least = 2", "least = 1"), encoding="utf-8")

    with open_province(tmp_path, time, fresh_ledger(tmp_path), monkeypatch, change) as made:
        yield made


def test_a_weak_sign_in_finds_nobody_by_number_and_takes_none(weak: Province) -> None:
    old = told(weak, weak.sign_in(weak.browser(), "cu", scope=IDENTITY))
    weak.spoil(userinfo={"loAs": "LoA1"})

    page = weak.sign_in(weak.browser(), "moi", scope=IDENTITY)

    assert page.url.startswith(BACK), "he is not asked"
    new = told(weak, page)
    assert new["sub"] != old["sub"]
    assert "old_national_id" not in new, "it is somebody else's"
    with weak.rows() as rows:
        assert {r["kind"] for r in rows.all("identifiers", person=new["sub"])} == {"citizen:sub", "citizen:tech_id"}
    assert "Đây có phải tài khoản của bạn?" in weak.sign_in(weak.browser(), "moi").text, "surer, he is asked"


def test_a_number_is_not_found_below_the_level_at_which_it_was_recorded(province: Province) -> None:
    province.spoil(userinfo={"loAs": "LoA3"})
    old = told(province, province.sign_in(province.browser(), "cu"))

    page = province.sign_in(province.browser(), "moi")

    assert page.url.startswith(BACK)
    assert told(province, page)["sub"] != old["sub"]


def test_a_techid_with_another_name_and_subject_is_somebody_else(province: Province) -> None:
    first = told(province, province.sign_in(province.browser(), "mau"))
    province.spoil(userinfo={"TechID": "T-0001"})

    second = told(province, province.sign_in(province.browser(), "moi", scope=IDENTITY))

    assert second["sub"] != first["sub"]
    assert "tech_id" not in second
    assert len(province.events("identifier_conflict")) == 1


def test_a_techid_means_nothing_at_another_provider(province: Province) -> None:
    province.sign_in(province.browser(), "mau")
    with province.rows() as rows:
        (row,) = rows.all("identifiers", kind="citizen:tech_id")

    assert row["hash"] != province.signon.office.vault.hash("citizen:tech_id", "T-0001")
    assert row["masked"].endswith("001")


def test_a_number_of_somebody_else_is_told_of_nobody_else(province: Province) -> None:
    province.sign_in(province.browser(), "cu")
    province.spoil(userinfo={"HoVaTen": "Người Khác"})
    browser = province.browser()

    created = told(province, province.sign_in(browser, "moi", scope=IDENTITY))
    province.spoil(userinfo={"HoVaTen": "Người Khác"})
    renewed = told(province, province.sign_in(browser, "moi", scope=IDENTITY, prompt="login"))

    for found in (created, renewed):
        assert found["national_id"] == "001070000011"
        assert "old_national_id" not in found
