"""The minutes of reconciliation on paper: whole, readable, the same bytes for the same minutes, and signed with the other files."""

from __future__ import annotations

import io
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from gateway.dossiers.differences import KINDS, STATES
from gateway.flow import paper
from gateway.flow.minutes import check_minutes, folder_of, write_minutes
from gateway.flow.paper import draw_minutes
from gateway.ledger import reconciling
from tests.conftest import Time
from tests.unit.test_reconcile import World, make_world, world  # noqa: F401

SOME_KINDS = [kind for kind in KINDS if kind != "agrees"]


def line(number: int, **changes: Any) -> dict[str, Any]:
    state = list(STATES)[number % len(STATES)]
    return {
        "number": number, "dossier": f"000.00.01.H99-260105-{number:04}", "kind": SOME_KINDS[number % len(SOME_KINDS)], "told": 9, "theirs": "4",
        "state": state, "found_at": "2026-01-05T03:12:00Z", "ended_at": "2026-01-05T03:20:00Z" if state == "healed" else None, **changes,
    }  # fmt: skip


def told(*lines: dict[str, Any]) -> dict[str, Any]:
    return {
        "partner": "portal", "name": "Cổng Dịch vụ công Quốc gia", "gateway": "https://lienthong.example.gov.vn", "day": "2026-01-05",
        "since": "2026-01-04T17:00:00Z", "until": "2026-01-06T05:00:00Z", "mode": "approve", "made_at": "2026-01-06T05:00:04Z",
        "provisional": False, "asked": 1204, "agree": 1204 - len(lines), "by_kind": dict(Counter(one["kind"] for one in lines)),
        "by_state": dict(Counter(one["state"] for one in lines)), "statuses": {"9": "Đã xử lý xong"}, "differences": list(lines),
    }  # fmt: skip


def pages(content: bytes) -> list[str]:
    """What stands on each page, spaces and line ends evened out."""
    return [" ".join(page.extract_text().split()) for page in PdfReader(io.BytesIO(content)).pages]


def test_a_day_without_a_difference_fits_on_one_page_and_says_so() -> None:
    (page,) = pages(draw_minutes(told(), "ab" * 32))

    for words in (
        "BIÊN BẢN ĐỐI SOÁT", "05/01/2026 00:00 – 06/01/2026 12:00", "Cổng Dịch vụ công Quốc gia (portal)", "chữa khi có người duyệt", "1204",
        "Không có chênh lệch.", "ab" * 32, "ĐẠI DIỆN BÊN A", "ĐẠI DIỆN BÊN B", "1/1",
    ):  # fmt: skip
        assert words in page


def test_one_difference_stands_with_what_was_told_what_they_say_and_what_became_of_it() -> None:
    one = line(6, kind="behind", state="healed", theirs="Đang xử lý", ended_at="2026-01-05T03:20:00Z")

    (page,) = pages(draw_minutes(told(one), ""))

    for words in (one["dossier"], KINDS["behind"][0], "Đang xử lý", "đã chữa", "05/01/2026 10:20", "9: Đã xử lý xong"):
        assert words in page


@pytest.mark.parametrize("count", [13, 120, 500])
def test_a_long_table_goes_over_pages_under_the_same_heads_and_leaves_nothing_out(count: int) -> None:
    lines = [line(number) for number in range(1, count + 1)]

    found = pages(draw_minutes(told(*lines), ""))

    text = " ".join(found)
    assert [text.count(one["dossier"]) for one in lines] == [1] * count
    with_rows = [page for page in found if "000.00.01.H99-" in page]
    assert all("Mã hồ sơ" in page and "Đối tác nói" in page for page in with_rows)
    assert all(f"{number}/{len(found)}" in page for number, page in enumerate(found, 1))
    assert "ĐẠI DIỆN BÊN A" in found[-1]


def test_the_same_minutes_give_the_same_bytes_and_others_give_others() -> None:
    first, again, other = (draw_minutes(told(line(number)), "") for number in (1, 1, 2))

    assert first == again
    assert first != other


def test_the_letters_travel_in_the_file_and_no_more_of_them_than_it_shows() -> None:
    content = draw_minutes(told(line(1)), "")

    fonts: Any = PdfReader(io.BytesIO(content)).pages[0]["/Resources"]["/Font"]  # type: ignore[index]
    for font in fonts.values():
        descriptor = font["/DescendantFonts"][0]["/FontDescriptor"]
        assert "/FontFile2" in descriptor
        assert "+BeVietnamPro" in descriptor["/FontName"]
    assert len(content) < 60_000


def test_a_partners_odd_words_spoil_no_page() -> None:
    odd = ["已完成 \x00\x1b[31m", "x" * 3000, "e\u0302\u0301 tổ hợp\n\nhai dòng", "<b>**đậm**</b> {nb}", ""]

    (text,) = [" ".join(pages(draw_minutes(told(*(line(n, theirs=words) for n, words in enumerate(odd, 1))), "")))]

    squeezed = text.replace(" ", "")
    assert "\\u5df2" in squeezed
    assert "x" * 81 not in squeezed
    assert "ếtổhợphaidòng" in squeezed
    assert "<b>**đậm**</b>" in squeezed


def test_more_than_paper_bears_is_told_and_stands_in_the_other_files(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paper, "MOST", 3)

    text = " ".join(pages(draw_minutes(told(*(line(number) for number in range(1, 6))), "")))

    assert "Còn 2 chênh lệch nữa, xem tệp 2026-01-05.csv." in text
    assert line(4)["dossier"] not in text


# ── among the signed files ──────────────────────────────────────────────────────────────────────────────────────


def test_the_paper_is_signed_with_the_other_files_and_a_change_of_it_is_found(world: World, time: Time) -> None:  # noqa: F811
    house = world.house
    row: dict[str, Any] = {
        "system": "portal", "dossier": "000.00.01.H99-260105-0001", "kind": "behind", "told": 9, "theirs": "4", "plan": "[]", "state": "open",
        "seen": 1, "rounds": 0, "found_at": time(), "again_at": None,
    }  # fmt: skip
    with house.gateway.ledger.write() as connection:
        reconciling.add_difference(connection, row)

    time.move(hours=27)  # noon of the next day

    file = write_minutes(house.gateway, "portal", date(2026, 1, 5))

    written: Path = file.with_suffix(".pdf")
    text = " ".join(pages(written.read_bytes()))
    assert row["dossier"] in text
    assert str(house.gateway.config.settings.public_url) in text
    assert check_minutes(house.gateway, written) == []
    assert sorted(one.name for one in folder_of(house.gateway, "portal").iterdir()) == [
        "2026-01-05.csv", "2026-01-05.json", "2026-01-05.pdf", "2026-01-05.sign.json",
    ]  # fmt: skip
    written.write_bytes(written.read_bytes().replace(b"%PDF-1", b"%PDF-2", 1))
    assert check_minutes(house.gateway, file) == ["2026-01-05.pdf"]
