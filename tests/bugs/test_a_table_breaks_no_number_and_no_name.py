"""Message ids, order numbers and names of fields were broken over two lines, and one column of a full table shrank to three letters."""

from __future__ import annotations

import io
from contextlib import redirect_stdout

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.cli.show import fit, table, write_lines

ID = "01a204f4-cef2-7084-8a79-4edee0aa4613"
words = st.text("abcđềô0-9", min_size=1, max_size=40)
cells = st.lists(words, min_size=1, max_size=6).map(" ".join)
columns = st.sampled_from(("Bản tin", "!Từ lúc", "#Số"))
tables = st.lists(columns, min_size=1, max_size=5).flatmap(
    lambda heads: st.tuples(st.just(heads), st.lists(st.tuples(*(cells for _ in heads)), min_size=1, max_size=4))
)


def shown(width: int, heads: list[str], rows: list[tuple[str, ...]]) -> str:
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(io.StringIO()) as out:
        patch.setenv("COLUMNS", str(width))
        table("Bảng", heads, rows)
    return out.getvalue()


@given(tables, st.integers(40, 140))
def test_every_word_of_a_table_stands_on_one_line(made: tuple[list[str], list[tuple[str, ...]]], width: int) -> None:
    heads, rows = made

    told = shown(width, heads, rows).split()

    for word in " ".join(cell for row in rows for cell in row).split():
        assert word in told


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 60)), min_size=1, max_size=8), st.integers(20, 140))
def test_columns_take_the_room_there_is_and_no_more(least_and_more: list[tuple[int, int]], width: int) -> None:
    extents = [(least, least + more) for least, more in least_and_more]

    widths = fit(extents, width)

    assert all(least <= one <= most for one, (least, most) in zip(widths, extents, strict=True))
    if any(one > least for one, (least, _) in zip(widths, extents, strict=True)):
        assert sum(widths) + 2 * len(widths) <= width


def test_an_id_beside_long_words_is_whole_at_a_hundred_columns() -> None:
    heads = ["!Xảy ra", "!Từ", "!Bản tin", "Gửi đến"]
    row = (
        "22/11/26 18:58:37",
        "gateway:reconcile",
        f"Retold\n{ID}",
        "portal: chờ người xử lý – đối tác không nhận được",
    )

    lines = shown(100, heads, [row]).splitlines()

    assert any(ID in line for line in lines)
    assert max(len(line.rstrip()) for line in lines) <= 100


def test_a_long_remark_is_broken_between_words(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "100")

    words = "chưa thấy văn bản quyết định: hãy hỏi lại · not decided"

    write_lines("!", "yellow", [" ".join([words] * 5)])

    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("! chưa")
    assert max(map(len, lines)) <= 100
    assert set(" ".join(lines).split()) == {"!", *words.split()}
