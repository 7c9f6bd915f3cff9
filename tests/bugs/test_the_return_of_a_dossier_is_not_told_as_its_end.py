"""Of a dossier that was done and returned, the day of the return passed for that of its end as well. It ended when it was done (QĐ 766)."""

from __future__ import annotations

from tests.bugs.test_no_mapping_tells_the_portal_an_earlier_day import done
from tests.connectors.test_truths import MAPPINGS, codes_of


def test_the_moment_of_the_return_is_the_end_only_where_nobody_told_of_one() -> None:
    view = done()
    made = MAPPINGS["mapi_dossier"].translate(view)
    assert made["NgayKetThucXuLy"] != made["NgayTra"]

    assert codes_of({**made, "NgayKetThucXuLy": made["NgayTra"]}, view) == ["falsified-end"]

    del view["moments"]["9"], view["first_moments"]["9"]
    untold = MAPPINGS["mapi_dossier"].translate(view)
    assert (untold["NgayKetThucXuLy"], codes_of(untold, view)) == (made["NgayTra"], [])
