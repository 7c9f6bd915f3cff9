"""A person's documents may hold any JSON: one thing where a list belongs was not looked into, and null was taken for a word."""

from __future__ import annotations

from typing import Any

import pytest

from tests.connectors.test_truths import MAPPINGS, codes_of, samples

VIEW = dict(samples("mapi_dossier"))["an-online-citizen-with-two-files"]
MADE = MAPPINGS["mapi_dossier"].translate(VIEW)


@pytest.mark.parametrize("shape", [{"SoDinhDanh": "000000000000"}, [{"SoDinhDanh": "000000000000"}]])
def test_one_thing_where_a_list_belongs_is_looked_into(shape: Any) -> None:
    assert codes_of({**MADE, "DinhDanhCHS": shape}, VIEW) == ["falsified-identity"]


@pytest.mark.parametrize("field", ["DinhDanhCHS", "DanhSachGiayToKetQua", "NgayKetThucXuLy", "MaHoSo"])
def test_null_says_nothing(field: str) -> None:
    assert codes_of({**MADE, field: None}, VIEW) == []
