"""Truths asked whether a dossier had ended, was received or was promised, and not when: an operator's mapping could tell the index an earlier
day. Of what is told of a dossier born on the portal nothing was asked."""

from __future__ import annotations

import copy
from datetime import datetime, timedelta
from typing import Any

import pytest

from gateway.canonical.scalars import HANOI
from tests.connectors.test_truths import MAPPINGS, codes_of, samples

FORMAT = "%Y%m%d%H%M%S"


def a_day_earlier(text: str) -> str:
    return (datetime.strptime(text, FORMAT).replace(tzinfo=HANOI) - timedelta(days=1)).strftime(FORMAT)


def done() -> dict[str, Any]:
    """The view of an online dossier that is done, was taken up again, is done again, and was returned."""
    view = copy.deepcopy(dict(samples("mapi_dossier"))["an-online-citizen-with-two-files"])
    view["current_status"] = 10
    view["moments"] |= {"9": "2026-01-09T03:00:00Z", "10": "2026-01-09T08:00:00.250Z"}
    view["first_moments"] |= {"9": "2026-01-07T03:00:00Z"}
    return view


@pytest.mark.parametrize(
    ("field", "code"),
    [
        ("NgayKetThucXuLy", "end"),
        ("NgayTiepNhan", "reception"),
        ("NgayHenTra", "promise"),
        ("NgayNopHoSo", "submission"),
        ("NgayTra", "return"),
    ],
)
def test_no_date_of_a_dossier_is_told_earlier_than_it_was(field: str, code: str) -> None:
    view = done()
    made = MAPPINGS["mapi_dossier"].translate(view)
    assert codes_of(made, view) == []

    assert codes_of({**made, field: a_day_earlier(made[field])}, view) == [f"falsified-{code}"]


def test_the_first_end_of_a_dossier_that_was_taken_up_again_is_not_its_end() -> None:
    view = done()
    made = MAPPINGS["mapi_dossier"].translate(view)

    assert made["NgayKetThucXuLy"] == "20260109100000"
    assert codes_of({**made, "NgayKetThucXuLy": "20260107100000"}, view) == ["falsified-end"]


@pytest.mark.parametrize(
    ("mapping", "document", "field"),
    [("mapi_progress", "progress", "ThoiDiemXuLy"), ("mapi_portal_status", "portal_status", "NgayXuLy")],
)
def test_no_step_is_told_earlier_than_it_was(mapping: str, document: str, field: str) -> None:
    for sample, view in samples(mapping):
        made = MAPPINGS[mapping].translate(view)
        if made is not None:
            for wrong in (a_day_earlier(made[field]), "hôm qua", made[field][:8]):
                assert codes_of({**made, field: wrong}, view, document) == ["falsified-moment"], (sample, wrong)
            assert codes_of({**made, field: "20991231235959"}, view, document) == []  # later, by a person's correction


def test_what_is_told_of_a_dossier_born_on_the_portal_is_true_too() -> None:
    view = next(view for _, view in samples("mapi_portal_status") if MAPPINGS["mapi_portal_status"].translate(view))
    made = MAPPINGS["mapi_portal_status"].translate(view)
    submitted = [{"DuongDanTaiTepTin": "https://files.example.gov.vn/to-khai.pdf"}]

    for changed, code in (
        ({"MaHoSo": "000.00.01.H99-260105-48213"}, "code"),
        ({"MaDoiTuong": "001090000037"}, "account"),
        ({"TaiLieuXuLy": submitted}, "result"),
    ):
        assert codes_of({**made, **changed}, view, "portal_status") == [f"falsified-{code}"]
