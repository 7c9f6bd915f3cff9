"""The minutes of reconciliation as pages to print and sign: a PDF of what their JSON file says, and nothing else.

No clock and no chance goes into it: the same minutes give the same bytes.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from fpdf import FPDF
from fpdf.enums import MethodReturnValue, XPos, YPos
from fpdf.fonts import TTFFont

from gateway.canonical.scalars import HANOI
from gateway.dossiers.differences import KINDS, STATES

FONT, FONTS = "BeVietnamPro", Path(__file__).parent / "fonts"
MOST = 2000  # differences on paper; all of them are in the other files
LONGEST = 80  # letters of a partner's words on paper
WIDE, LABEL, MARGIN, FOOT = 190, 66, 10, 16  # mm
LARGE, SMALL, TINY = 10, 8, 6.5  # points
GREY, PALE = 110, 238
COLUMNS = (
    (11, "Số", "No."), (48, "Mã hồ sơ", "Dossier"), (44, "Chênh lệch", "Difference"), (14, "Đã báo", "We told"),
    (22, "Đối tác nói", "They say"), (20, "Phát hiện", "Found"), (31, "Kết quả", "What became of it"),
)  # fmt: skip
MODES = {
    "off": ("không đối soát thường xuyên", "off"),
    "show": ("chỉ nêu chênh lệch", "differences are shown only"),
    "approve": ("chữa khi có người duyệt", "healed once a person has approved"),
    "heal": ("tự động chữa", "healed by itself"),
}
PROVISIONAL = ("TẠM LẬP, CHƯA KÝ", "provisional, not signed")
LATE = timedelta(hours=1)  # minutes made so long after their noon miss who was asked again since
Words = tuple[str, str]
"""Vietnamese, and English for the small type beneath; either may be empty."""


def draw_minutes(told: Mapping[str, Any], digest: str) -> bytes:
    """The PDF of minutes as `gather` gives them. `digest`: SHA-256 of their JSON file, printed on the paper that is signed. Provisional ones say
    so on each page, and have no place for a signature."""
    sheet = _Sheet(told)
    _head(sheet, told)
    _counts(sheet, told)
    _differences(sheet, told)
    if not told["provisional"]:
        _signatures(sheet, told, digest)
    return bytes(sheet.output())


class _Sheet(FPDF):
    """A4, upright; every page with its number."""

    def __init__(self, told: Mapping[str, Any]) -> None:
        super().__init__(format="A4")
        self.add_font(FONT, "", FONTS / "BeVietnamPro-Regular.ttf")
        self.add_font(FONT, "B", FONTS / "BeVietnamPro-SemiBold.ttf")
        fonts = (font.cmap for font in self.fonts.values() if isinstance(font, TTFFont))
        self._letters = frozenset[int]().union(*fonts)
        self._lines: dict[
            tuple[str, float, str, float], Sequence[str]
        ] = {}  # how texts break; most come again and again
        self._name = f"Biên bản đối soát {told['partner']}, {_day(told['day'])}"
        self._name += f" – {' · '.join(PROVISIONAL)}" if told["provisional"] else ""
        self.set_margins(MARGIN, MARGIN + 2)
        self.set_auto_page_break(True, FOOT)
        self.set_creation_date(datetime.fromisoformat(told["made_at"]))
        self.set_title(self._name)
        self.set_lang("vi-VN")
        self.set_draw_color(GREY)
        self.set_line_width(0.15)
        self.add_page()

    def footer(self) -> None:
        self.set_y(MARGIN - FOOT)
        self.pen("", TINY, GREY)
        self.cell(WIDE / 2, 4, self.printable(self._name))
        self.cell(WIDE / 2, 4, f"Trang · page {self.page_no()}/{{nb}}", align="R")

    def pen(self, style: str, size: float, grey: int = 0) -> None:
        self.set_font(FONT, style, size)
        self.set_text_color(grey)

    def printable(self, text: str) -> str:
        """One line; a character that the font does not have stands as its number."""
        line = " ".join(unicodedata.normalize("NFC", text).split())
        return "".join(letter if ord(letter) in self._letters else f"\\u{ord(letter):04x}" for letter in line)

    def line_of(self, words: Words, style: str = "", size: float = LARGE, align: str = "L") -> None:
        """Vietnamese, and English beneath it in small type."""
        for text, how, points, grey in ((words[0], style, size, 0), (words[1], "", TINY, GREY)):
            if text:
                self.pen(how, points, grey)
                self.multi_cell(
                    WIDE, points * 0.5, self.printable(text), align=align, new_x=XPos.LMARGIN, new_y=YPos.NEXT
                )

    def fact(self, name: Words, value: str) -> None:
        """A line of the table of facts."""
        self.pen("", SMALL, GREY)
        self.cell(LABEL, 5, self.printable(" · ".join(name)))
        self.pen("B", SMALL + 1)
        self.multi_cell(WIDE - LABEL, 5, self.printable(value), align="L", new_x=XPos.LMARGIN, new_y=YPos.NEXT)

    def row(self, cells: Sequence[Words], *, style: str = "") -> bool:
        """A row of the table of differences. False when this page has no room for it: nothing is drawn then."""
        laid = [self._lay(width, words, style) for (width, _, _), words in zip(COLUMNS, cells, strict=True)]
        height = 2 + max(sum(step for _, _, _, step in lines) for lines in laid)
        if self.get_y() + height > self.h - FOOT:
            return False
        top, left = self.get_y(), self.l_margin
        for (width, _, _), lines in zip(COLUMNS, laid, strict=True):
            self.set_fill_color(PALE)
            self.rect(left, top, width, height, style="DF" if style else "D")
            down = top + 1
            for text, size, grey, step in lines:
                self.pen(style if not grey else "", size, grey)
                self.set_xy(left, down)
                self.cell(width, step, text)
                down += step
            left += width
        self.set_xy(self.l_margin, top + height)
        return True

    def _lay(self, width: float, words: Words, style: str) -> list[tuple[str, float, int, float]]:
        """A cell's lines: text, points, grey, millimetres down to the next."""
        lines = []
        for text, how, size, grey in ((words[0], style, SMALL, 0), (words[1], "", TINY, GREY)):
            self.pen(how, size, grey)
            key = (text, width, how, size)
            if key not in self._lines:
                self._lines[key] = self._break(width, self.printable(text))
            lines += [(line, size, grey, size * 0.5) for line in self._lines[key] if line]
        return lines

    def _break(self, width: float, text: str) -> Sequence[str]:
        """The lines that a text takes. Most take one, and measuring costs a tenth of breaking."""
        if self.get_string_width(text) <= width - 2 * self.c_margin:
            return [text]
        broken = self.multi_cell(width, 1, text, align="L", dry_run=True, output=MethodReturnValue.LINES)
        return cast("list[str]", broken)


def _head(sheet: _Sheet, told: Mapping[str, Any]) -> None:
    sheet.line_of(("BIÊN BẢN ĐỐI SOÁT", "Minutes of reconciliation"), "B", 16, "C")
    if told["provisional"]:
        sheet.line_of(PROVISIONAL, "B", 12, "C")
    sheet.ln(4)
    sheet.fact(("Ngày", "day"), _day(told["day"]))
    sheet.fact(("Từ lúc, đến lúc", "from, until"), f"{_moment(told['since'])} – {_moment(told['until'])}")
    sheet.fact(("Bên A", "party A"), f"Cổng tích hợp Liên thông ({told['gateway']})")
    sheet.fact(("Bên B", "party B"), f"{told['name']} ({told['partner']})")
    sheet.fact(("Cách chữa", "mode"), " · ".join(MODES[told["mode"]]))
    sheet.fact(("Lập lúc", "made at"), _moment(told["made_at"]))
    words = "Tính cả đêm khép lại ngày, đến 12:00 hôm sau; chênh lệch có trong đêm ấy có ở biên bản của cả hai ngày."
    english = "The night that closes the day counts, until noon of the next; a difference of that night is in the minutes of both days."
    sheet.line_of((words, english), size=SMALL)
    sheet.ln(3)


def _counts(sheet: _Sheet, told: Mapping[str, Any]) -> None:
    sheet.line_of(("1. Số liệu", "Counts"), "B")
    sheet.fact(("Hồ sơ đã hỏi", "dossiers asked about"), str(told["asked"] or " · ".join(_nobody(told))))
    if told["asked"]:
        sheet.fact(("Khớp ở lần hỏi cuối", "agree, when last asked"), str(told["agree"]))
    sheet.fact(("Chênh lệch", "differences"), str(len(told["differences"])))
    kinds, states = ("– theo loại", "by kind"), ("– theo kết quả", "by what became of them")
    for how, names, counts in ((kinds, KINDS, told["by_kind"]), (states, STATES, told["by_state"])):
        for name, count in counts.items():
            sheet.fact(how, f"{count}: {' · '.join(names[name])}")
    sheet.ln(3)


def _nobody(told: Mapping[str, Any]) -> Words:
    """Of a day without an answer. A later one takes the place of the day's, so minutes that were made late cannot tell."""
    if datetime.fromisoformat(told["made_at"]) > datetime.fromisoformat(told["until"]) + LATE:
        return "không hỏi, hoặc đều đã được hỏi lại sau đó", "not asked, or all asked again since"
    return "không hỏi", "not asked"


def _differences(sheet: _Sheet, told: Mapping[str, Any]) -> None:
    sheet.line_of(("2. Chênh lệch và kết quả", "Differences, and what became of each"), "B")
    sheet.ln(1)
    if not told["differences"] and not told["asked"]:
        words = "Không có câu trả lời nào của ngày này, nên không biết có chênh lệch hay không."
        sheet.line_of(
            (words, "There is no answer of this day, so it is not known whether there is any."), size=SMALL + 1
        )
    elif not told["differences"]:
        sheet.line_of(("Không có chênh lệch.", "There is none."), size=SMALL + 1)
        return
    heads = [(name, english) for _, name, english in COLUMNS]
    drawn = sheet.get_y() + 40 < sheet.h - FOOT and sheet.row(heads, style="B")  # never the heads alone
    for line in told["differences"][:MOST]:
        cells = _cells(line)
        if drawn and sheet.row(cells):
            continue
        sheet.add_page()
        drawn = sheet.row(heads, style="B") and sheet.row(cells)
    sheet.ln(1)
    if (left := len(told["differences"]) - MOST) > 0:
        words = f"Còn {left} chênh lệch nữa, xem tệp {told['day']}.csv."
        sheet.line_of((words, f"{left} more are in the file {told['day']}.csv."), size=SMALL)
    codes = "; ".join(f"{code}: {name}" for code, name in told["statuses"].items())
    if codes:
        sheet.line_of((f"Trạng thái đã báo: {codes}.", "Statuses told."), size=SMALL)


def _cells(line: Mapping[str, Any]) -> list[Words]:
    kind, state = KINDS[line["kind"]], STATES[line["state"]]
    theirs = line["theirs"] or "–"
    theirs = theirs if len(theirs) <= LONGEST else f"{theirs[:LONGEST]}…"
    ended = f", {_moment(line['ended_at'])}" if line["ended_at"] else ""
    told = "–" if line["told"] is None else str(line["told"])
    return [
        (str(line["number"]), ""), (line["dossier"], ""), kind, (told, ""), (theirs, ""),
        (_moment(line["found_at"]), ""), (f"{state[0]}{ended}", state[1]),
    ]  # fmt: skip


def _signatures(sheet: _Sheet, told: Mapping[str, Any], digest: str) -> None:
    """Kept together: nobody signs a page that shows nothing of what was signed."""
    sheet.ln(3)
    if sheet.get_y() + 62 > sheet.h - FOOT:
        sheet.add_page()
    file = f"{told['day']}.json"
    words = f"Lập từ tệp {file}, SHA-256 {digest}; chữ ký của cổng ở tệp {told['day']}.sign.json."
    sheet.line_of((words, f"Made of the file {file}; the gateway's own signature is in the file beside it."), size=7)
    sheet.ln(6)
    top = sheet.get_y()
    for left, whom, english in ((0, "ĐẠI DIỆN BÊN A", "For party A"), (WIDE / 2, "ĐẠI DIỆN BÊN B", "For party B")):
        for down, (text, style, size, grey) in enumerate(
            ((whom, "B", LARGE, 0), ("(ký, ghi rõ họ tên)", "", SMALL, 0), (f"{english}: signature, full name", "", TINY, GREY))
        ):  # fmt: skip
            sheet.set_xy(MARGIN + left, top + 5 * down)
            sheet.pen(style, size, grey)
            sheet.cell(WIDE / 2, 5, text, align="C")


def _day(text: str) -> str:
    return f"{date.fromisoformat(text):%d/%m/%Y}"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text).astimezone(HANOI):%d/%m/%Y %H:%M}"
